/**
 * Mistakes an operator makes, as edits of base.yaml. `find` stands once in it and no two edits
 * touch the same text, so any subset can be made at once. In `write`, `#!` marks the line where the
 * problem is reported; what stands behind it is no more than a YAML comment.
 */
import type { ProblemCode } from "../../src/errors.ts";

export interface Mistake {
  readonly id: string;
  readonly find: string;
  readonly write: string;
  /** A second edit of the same mistake. */
  readonly and?: readonly [find: string, write: string];
  readonly code: ProblemCode;
  /** Mistakes that cannot be made together with this one. */
  readonly without?: readonly string[];
  /** Said by a stage that looks at what is right as a whole: when nothing else is wrong. */
  readonly late?: true;
  /** What nothing leads to any more, as a warning says besides. */
  readonly leaves?: readonly string[];
}

export const mistakes: readonly Mistake[] = [
  // The top of the file.
  {
    id: "unknown key",
    find: "trustedProxies: [10.0.0.0/8]",
    write: "trustedProxys: [10.0.0.0/8] #!",
    code: "config.unknown-key",
  },
  {
    id: "zone is no name",
    find: "zone: gslb.example.com",
    write: "zone: gslb_.exa mple.com #!",
    code: "config.invalid",
  },
  { id: "version of tomorrow", find: "version: 1", write: "version: 2 #!", code: "config.invalid" },
  {
    id: "zone twice",
    find: "  shop.example.net:\n",
    write: "  gslb.example.com: {} #!\n  shop.example.net:\n",
    code: "config.duplicate",
    without: ["zone is no name"],
  },
  {
    id: "zone inside zone",
    find: "  example.org:\n",
    write: "  deep.shop.example.net: {} #!\n  example.org:\n",
    code: "config.conflict",
    without: ["records are text"],
  },
  {
    id: "name server is no name",
    find: "ns: [ns1.example.org, ns2.example.org]",
    write: "ns: [ns1.example.org, 192.0.2.1] #!",
    code: "config.invalid",
  },
  { id: "ttl without unit", find: "ttl: 1h", write: "ttl: 3600 #!", code: "config.invalid" },
  {
    id: "records are text",
    find: '      - { name: mail, type: MX, data: "10 mx.example.org." }',
    write: "      no records #!",
    code: "config.invalid",
  },
  {
    id: "record without data",
    find: ', data: "v=spf1 -all" }',
    write: " } #!",
    code: "config.missing",
  },
  {
    id: "soa of half a second",
    find: "minimum: 30s",
    write: "minimum: 500ms #!\n            ",
    code: "config.invalid",
  },
  // Where it listens.
  {
    id: "listen without port",
    find: 'dns: ["127.0.0.1:5300", "[::1]:5300"]',
    write: 'dns: ["127.0.0.1:5300", "::1"] #!',
    code: "config.invalid",
  },
  {
    id: "listen on a name",
    find: 'redirect: ["127.0.0.1:8300"]',
    write: "redirect: localhost:8300 #!",
    code: "config.invalid",
  },
  {
    id: "metrics port too great",
    find: "metrics: 127.0.0.1:9153",
    write: "metrics: 127.0.0.1:99153 #!",
    code: "config.invalid",
  },
  // Geography.
  {
    id: "database is a list",
    find: "database: geo.mmdb",
    write: "database: [geo.mmdb] #!",
    code: "config.invalid",
  },
  {
    id: "prefix with two values",
    find: "country: DE }",
    write: "country: DE }\n    - { cidr: 203.0.113.0/24, country: FR } #!",
    code: "config.duplicate",
  },
  {
    id: "subdivision elsewhere",
    find: "subdivision: US-CA }",
    write: "subdivision: CA-ON } #!",
    code: "config.conflict",
  },
  {
    id: "latitude out of range",
    find: "at: [48.1, 11.6]",
    write: "at: [148.1, 11.6] #!\n            ",
    code: "config.invalid",
  },
  {
    id: "bits beyond the prefix",
    find: "- { cidr: 192.0.2.0/24, country: JP }",
    write: "- { cidr: 192.0.2.1/24, country: JP } #!",
    code: "config.invalid",
  },
  // Regions.
  {
    id: "labels misspelt",
    find: "labels: { provider: own }",
    write: "lables: { provider: own } #!\n            ",
    code: "config.unknown-key",
  },
  {
    id: "airport in small letters",
    find: "iad: { at: IAD, in: US }",
    write: "iad: { at: iad, in: US } #!",
    code: "config.invalid",
  },
  {
    id: "region without a place",
    find: "    at: SYD\n",
    write: "",
    and: ["  syd:\n", "  syd: #!\n"],
    code: "config.missing",
  },
  {
    id: "region in capitals",
    find: "  ams: { at: AMS",
    write: "  SIN: { at: SIN } #!\n  ams: { at: AMS",
    code: "config.invalid",
  },
  {
    id: "region twice",
    find: "  muc: { at: MUC, in: EU }",
    write: "  muc: { at: MUC, in: EU }\n  muc: { at: MUC, in: DE } #!",
    code: "yaml.duplicate-key",
  },
  {
    id: "jurisdiction is a number",
    find: "    in: AU",
    write: "    in: [AU, 7] #!",
    code: "config.invalid",
  },
  // shop: many mistakes in one service.
  {
    id: "name in no zone",
    find: "names: [shop.gslb.example.com,",
    write: "names: [shop.example.com, #!\n            ",
    code: "config.unknown-reference",
    without: ["zone is no name"],
  },
  {
    id: "name of another service",
    find: '"*.shop.example.net"]',
    write: "api.example.org]",
    and: ["names: api.example.org", "names: api.example.org #!"],
    code: "config.duplicate",
    without: ["zone is no name", "name in no zone"],
  },
  {
    id: "path without slash",
    find: "https: /healthz",
    write: "https: healthz #!",
    code: "config.invalid",
  },
  {
    id: "header with a line break",
    find: "host: shop.example.com\n",
    write: 'host: "a\\r\\nb" #!\n',
    code: "config.invalid",
  },
  {
    id: "status backwards",
    find: "status: [200, 301-302]",
    write: "status: [200, 302-301] #!",
    code: "config.invalid",
  },
  {
    id: "interval too short",
    find: "interval: 2s",
    write: "interval: 100ms #!",
    code: "config.invalid",
    without: ["timeout above interval"],
  },
  {
    id: "timeout above interval",
    find: "timeout: 1s",
    write: "timeout: 3s #!",
    code: "config.conflict",
    without: ["interval too short"],
  },
  { id: "down never", find: "down: 3", write: "down: 0 #!", code: "config.invalid" },
  { id: "up in quotes", find: "up: 5", write: 'up: "5" #!', code: "config.invalid" },
  {
    id: "check key misspelt",
    find: "    endpoints:\n      fra: [192.0.2.1, 192.0.2.2]",
    write: "      intervall: 2s #!\n    endpoints:\n      fra: [192.0.2.1, 192.0.2.2]",
    code: "config.unknown-key",
  },
  {
    id: "endpoint twice",
    find: 'iad: [192.0.2.10, "192.0.2.11:8443"]',
    write: 'iad: [192.0.2.10, "192.0.2.11:8443", 192.0.2.10] #!',
    code: "config.duplicate",
  },
  {
    id: "endpoint key misspelt",
    find: "weight: 2 }",
    write: "wieght: 2 } #!",
    code: "config.unknown-key",
  },
  {
    id: "address out of range",
    find: "nrt: 198.51.100.7",
    write: "nrt: 198.51.100.777 #!",
    code: "config.invalid",
  },
  {
    id: "endpoint without region",
    find: "      muc: [203.0.113.10,",
    write: "      mux: 203.0.113.10 #!\n      muc: [203.0.113.10,",
    code: "config.unknown-reference",
  },
  {
    id: "rule names a region that is not",
    find: "steer: [fra, [ams, iad]]",
    write: "steer: [fra, [ams, ida]] #!",
    code: "config.unknown-reference",
  },
  {
    id: "weight of a region without endpoints",
    find: "{ nrt: 3, iad: 1 }",
    write: "{ nrt: 3, syd: 1 } #!\n           ",
    code: "config.unknown-reference",
  },
  {
    id: "too few candidates",
    find: "candidates: 2",
    write: "candidates: 0 #!\n           ",
    code: "config.invalid",
  },
  {
    id: "same condition",
    find: 'when: country == "US"',
    write: 'when: country ==  "DE" #!',
    code: "config.unreachable",
  },
  {
    id: "condition on a later word",
    find: 'when: continent == "AS"',
    write: 'when: window == "night" #!',
    code: "config.unsupported",
  },
  {
    id: "rule after the last",
    find: "        - steer: nearest",
    write: "        - steer: nearest\n        - { steer: nearest } #!",
    code: "config.unreachable",
  },
  {
    id: "standby is a region that is not",
    find: "standby: { region: muc, activate: manual }",
    write: "standby: { region: mcu, activate: manual } #!",
    code: "config.unknown-reference",
  },
  {
    id: "minimum of text",
    find: "minimum: 1\n",
    write: "minimum: one #!\n",
    code: "config.invalid",
  },
  {
    id: "fallback misspelt",
    find: "fallback: serve-all",
    write: "fallback: serveall #!",
    code: "config.invalid",
  },
  {
    id: "hold without a number",
    find: "hold: 1m",
    write: "hold: m #!\n            ",
    code: "config.invalid",
  },
  {
    id: "ttl upside down",
    find: "ttl: { min: 10s, max: 30s }",
    write: "ttl: { min: 40s, max: 30s } #!",
    code: "config.conflict",
  },
  { id: "key by cookie", find: "key: client", write: "key: cookie #!", code: "config.unsupported" },
  {
    id: "group with a blank",
    find: "group: web",
    write: "group: the web #!",
    code: "config.invalid",
  },
  { id: "too many answers", find: "answers: 1", write: "answers: 99 #!", code: "config.invalid" },
  {
    id: "redirect to itself",
    find: 'redirect: "https://{region}.shop.example.com"',
    write: 'redirect: "https://{region}.shop.example.net" #!',
    code: "config.conflict",
    without: ["name of another service"],
  },
  {
    id: "record without type",
    find: "{ type: TXT, data: owned by web }",
    write: "{ data: owned by web } #!",
    code: "config.missing",
  },
  {
    id: "canary of a pool without colours",
    find: "  accounts:\n",
    write: "    canary: { region: fra, share: 5% } #!\n  accounts:\n",
    code: "config.conflict",
  },
  // accounts
  {
    id: "tcp check without port",
    find: "check: { tcp: true, port: 53 }",
    write: "check: { tcp: true }",
    and: ["fra: 192.0.2.60", "fra: 192.0.2.60 #!"],
    code: "config.missing",
  },
  {
    id: "host name with a blank",
    find: "fra: a.fra.example.net",
    write: "fra: a fra.example.net #!",
    code: "config.invalid",
  },
  {
    id: "colour of nothing",
    find: "{ blue: a.ams.example.net,",
    write: "{ blue: , #!\n            ",
    code: "config.missing",
  },
  {
    id: "pool is empty",
    find: "muc: [192.0.2.31, 192.0.2.32]",
    write: "muc: [] #!",
    code: "config.invalid",
  },
  {
    id: "jurisdiction of nobody",
    find: "residency: { only: EU }",
    write: "residency: { only: UE } #!",
    code: "config.unknown-reference",
  },
  {
    id: "region twice in a plan",
    find: "steer: [fra, ams, muc]",
    write: "steer: [fra, ams, muc, fra] #!",
    code: "config.duplicate",
  },
  {
    id: "fixed answer in no region",
    find: "{ fixed: { region: fra,",
    write: "{ fixed: { region: frankfurt, #!\n            ",
    code: "config.unknown-reference",
  },
  {
    id: "fixed answer is no address",
    find: "endpoints: 192.0.2.99",
    write: "endpoints: nowhere! #!\n            ",
    code: "config.invalid",
  },
  // api
  {
    id: "cname of an address",
    find: "fra: { host: api.fra.example.net, cname: true }",
    write: "fra: { ipv4: 192.0.2.50, cname: true } #!",
    code: "config.conflict",
  },
  {
    id: "port zero",
    find: "cname: true, port: 443 }",
    write: "cname: true, port: 0 } #!",
    code: "config.invalid",
  },
  {
    id: "residency without the standby",
    find: "      only: [EU, US]",
    write: "      only: [EU]",
    and: ["      region: iad", "      region: iad #!"],
    code: "config.conflict",
  },
  {
    id: "standby steered to",
    find: "steer: { order: [fra] }",
    write: "steer: { order: [fra, iad] } #!",
    code: "config.conflict",
  },
  {
    id: "unknown service key",
    find: "  bulk:\n",
    write: "    enpoints: {} #!\n  bulk:\n",
    code: "config.unknown-key",
  },
  // bulk
  {
    id: "server name without TLS",
    find: "check: { http: /, host: bulk.example.com }",
    write: "check: { http: /, sni: bulk.example.com } #!",
    code: "config.conflict",
  },
  {
    id: "minimum above the pool",
    find: "      nrt: [192.0.2.42, 192.0.2.43]",
    write: "      nrt: [192.0.2.42] #!",
    code: "config.conflict",
  },
  {
    id: "all weights zero",
    find: "steer: { weights: { fra: 1, nrt: 1 } }",
    write: "steer: { weights: { fra: 0, nrt: 0 } } #!",
    code: "config.conflict",
  },
  {
    id: "fallback not text",
    find: "fallback: last-good",
    write: "fallback: { fixd: x } #!",
    code: "config.unknown-key",
  },
  {
    id: "a bias of all",
    find: ", of: [iad, nrt] } }",
    write: ", of: [iad, nrt], bias: { iad: 100 } } } #!",
    code: "config.invalid",
  },
  // Found by geo/, when databases and overrides are read.
  {
    id: "database that is not there",
    find: "database: geo.mmdb",
    write: "database: nowhere.mmdb #!",
    code: "geo.unreadable",
    without: ["database is a list"],
  },
  {
    id: "database cut short",
    find: "asn: systems.mmdb",
    write: "asn: short.mmdb #!",
    code: "geo.unreadable",
  },
  {
    id: "country of nobody",
    find: "- { cidr: 198.18.0.0/15, country: FR }",
    write: "- { cidr: 198.18.0.0/15, country: ZZ } #!",
    code: "config.invalid",
  },
  {
    id: "airport of nobody, in an override",
    find: "at: CDG }",
    write: "at: QQQ } #!",
    code: "config.unknown-reference",
  },
  {
    id: "prefix with two values, one mapped",
    find: '- { cidr: "2001:db8:7::/48", country: NL }',
    write: '- { cidr: "::ffff:198.51.100.0/120", country: NL } #!',
    code: "config.duplicate",
    without: ["subdivision elsewhere"],
  },
  // Found by policy/, when it is compiled.
  {
    id: "airport of nobody",
    find: "fra: { at: FRA, in: [EU, DE] }",
    write: "fra: { at: QQQ, in: [EU, DE] } #!",
    code: "config.unknown-reference",
  },
  {
    id: "country of nobody in a jurisdiction",
    find: "DACH: [DE, AT, CH]",
    write: "DACH: [DE, ZZ, CH] #!",
    code: "config.unknown-reference",
  },
  {
    id: "code that is none in a jurisdiction",
    find: "    - US-OR\n",
    write: "    - Oregon #!\n",
    code: "config.invalid",
  },
  {
    id: "second country of nobody in a jurisdiction",
    find: "    - US-CA\n",
    write: "    - ZZ-CA #!\n",
    code: "config.unknown-reference",
  },
  {
    id: "two TTLs in one set of records",
    find: "ttl: 60m,",
    write: "ttl: 2h, #!\n         ",
    code: "config.conflict",
  },
  {
    id: "CNAME beside a name server's address",
    find: "{ name: www, type: CNAME,",
    write: "{ name: ns1, type: CNAME, #!\n         ",
    code: "config.conflict",
  },
  {
    id: "CNAME in a circle",
    find: "data: www.example.org. }",
    write: "data: alias.example.org. } #!",
    code: "config.conflict",
  },
  {
    id: "record in no zone",
    find: '"far.example.org."',
    write: '"far.example.com." #!\n         ',
    code: "config.conflict",
    without: ["zone is no name"],
  },
  {
    id: "record of no type",
    find: "type: TYPE65280,",
    write: "type: TYPO, #!\n         ",
    code: "config.invalid",
  },
  {
    id: "record data of another type",
    find: '{ name: post, type: MX, data: "10 mx.example.org." }',
    write: '{ name: post, type: MX, data: "mx.example.org." } #!',
    code: "config.invalid",
  },
  {
    id: "address at a steered name",
    find: "{ type: CAA, data: '0 issue \"ca.example.org\"' }",
    write: "{ type: A, data: 192.0.2.9 } #!",
    code: "config.conflict",
  },
  {
    id: "record data of another type, of a service whose neighbours are wrong",
    find: "{ type: TXT, data: owned by law }",
    write: "{ type: CAA, data: owned by law } #!",
    code: "config.invalid",
  },
  {
    id: "condition on a country in words",
    find: 'when: country == "DE"',
    write: 'when: country == "Germany" #!',
    code: "config.invalid",
    without: ["same condition"],
  },
  {
    id: "condition on a jurisdiction of nobody",
    find: `when: '"DACH" in jurisdiction'`,
    write: `when: '"DACHS" in jurisdiction' #!`,
    code: "config.unknown-reference",
  },
  {
    id: "condition on a number in quotes",
    find: "when: asn in [64500, 64501]",
    write: 'when: asn in ["64500"] #!',
    code: "config.invalid",
  },
  {
    id: "condition on bits beyond a prefix",
    find: 'when: inCidr(["9.9.9.0/24"])',
    write: 'when: inCidr(["9.9.9.9/24"]) #!',
    code: "config.invalid",
  },
  {
    id: "condition that ends early",
    find: 'when: subdivision.startsWith("US-") && country == "US"',
    write: 'when: country == "US" && #!',
    code: "config.invalid",
  },
  {
    id: "condition inside a condition",
    find: "when: asn == 64502",
    write: "when: ans == 64502 #!",
    code: "config.invalid",
  },
  {
    id: "plan with a region that is not, beside conditions",
    find: "steer: { weights: { iad: 9, fra: 1 } }",
    write: "steer: { weights: { iad: 9, far: 1 } } #!",
    code: "config.unknown-reference",
  },
  {
    id: "names of a service that are none",
    find: "names: ring.example.org",
    write: "names: ring_.exa mple.org #!",
    code: "config.invalid",
    without: ["CNAME to itself"],
  },
  {
    id: "endpoint that is none, beside conditions",
    find: "iad: 192.0.2.70",
    write: "iad: 192.0.2.700 #!",
    code: "config.invalid",
  },
  {
    id: "host name of a service, resolved ahead",
    find: '[law.fra.example.net, "law2.fra.example.net:8443"]',
    write: "[law.fra.example.net, door.example.org] #!",
    code: "config.conflict",
    without: ["CNAME at an apex"],
  },
  {
    id: "CNAME to itself",
    find: "fra: { host: ring.example.net, cname: true }",
    write: "fra: { host: ring.example.org, cname: true } #!",
    code: "config.conflict",
  },
  {
    id: "CNAME out of a residency",
    find: "fra: { host: door.example.net, cname: true }",
    write: "fra: { host: ring.example.org, cname: true } #!",
    code: "config.conflict",
    without: ["names of a service that are none", "CNAME at an apex"],
  },
  {
    id: "fixed answer that is steered",
    find: "endpoints: sorry.example.net",
    write: "endpoints: ring.example.org #!\n                        ",
    code: "config.conflict",
    without: ["names of a service that are none"],
  },
  {
    id: "CNAME at an apex",
    find: "names: door.example.org",
    write: "names: example.org #!",
    code: "config.conflict",
  },
  {
    id: "clients of a jurisdiction of nobody",
    find: "        DACH: EU\n",
    write: "        DACHS: EU #!\n",
    code: "config.unknown-reference",
  },
  {
    id: "clients sent to a jurisdiction of nobody",
    find: "WEST: [US, EU]",
    write: "WEST: [US, UE] #!",
    code: "config.unknown-reference",
  },
  {
    id: "residency in a jurisdiction of nobody",
    find: "only: [EU, US, JP]",
    write: "only: [EU, US, JP, PJ] #!",
    code: "config.unknown-reference",
  },
  {
    id: "interval without a unit",
    find: "check: { https: /, interval: 5s }",
    write: "check: { https: /, interval: 5 } #!",
    code: "config.invalid",
  },
  // Found by prove/, or in the words of assertions.
  {
    id: "assertion misspelt",
    find: "  - residency\n",
    write: "  - residence #!\n",
    code: "config.invalid",
  },
  {
    id: "assertion on a jurisdiction of nobody",
    find: "{ serve: { regions: 1, in: EU }, services: [dns] }",
    write: "{ serve: { regions: 1, in: UE }, services: [dns] } #!",
    code: "config.unknown-reference",
  },
  {
    id: "assertion on a region of nobody",
    find: "- share of iad at most 100%",
    write: "- share of ida at most 100% #!",
    code: "config.unknown-reference",
  },
  {
    id: "assertion that does not hold",
    find: "- ttl at most 1h",
    write: "- ttl at most 1s #!",
    code: "assert.violated",
    late: true,
  },
];
