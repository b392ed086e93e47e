/**
 * A mix of questions as a resolver population asks them, ready to be answered again and again: for
 * the test that answers allocate nothing and for the benchmark. Eight services of four pools, in
 * every state of the table: direct shapes, shared ones, client keys, client subnets of both
 * families.
 */
import { type AnswerContext, createAnswerContext } from "../../src/fronts/dns/context.ts";
import { createDnsCounters } from "../../src/fronts/dns/counters.ts";
import {
  createExchange,
  type Exchange,
  type Transport,
  transports,
} from "../../src/fronts/dns/exchange.ts";
import { createIdentity } from "../../src/fronts/dns/identity.ts";
import { simulatedEntropy } from "../../src/lib/entropy.ts";
import { createRegistry } from "../../src/lib/telemetry.ts";
import type { Policy } from "../../src/policy/policy.ts";
import type { Resolved } from "../../src/world/world.ts";
import {
  type Ask,
  requestOf,
  snapshotOf,
  subnetOption,
  unknownLeaves,
  zonesFrom,
} from "./dns-front.ts";
import { first, policyOf, pool, type ServiceSketch, split } from "./steer-fixture.ts";

const zones = `
  $ORIGIN example.com
  @ STEERED 0
  @ MX 10 mail
  ${Array.from({ length: 8 }, (_, i) => `s${i} STEERED ${i}`).join("\n")}
  *.apps STEERED 1
  alias CNAME s2
  out STEERED-CNAME 8
  mail A 192.0.2.1
  mail AAAA 2001:db8::1
  text TXT "v=spf1 -all"
  cut NS ns.cut
  ns.cut A 192.0.2.53
`;

const plan = split([1, first(pool(0), pool(1))], [2, pool(2)], [1, pool(3)]);

function services(): readonly ServiceSketch[] {
  return Array.from(
    { length: 9 },
    (_, i): ServiceSketch => ({
      pools: Array.from({ length: 4 }, () => ({ weights: [1, 2, 3] })),
      classes: [{ plan: i % 2 === 0 ? plan : first(pool(0), pool(1)) }],
      key: i % 3 === 0 ? "client" : "query",
      answers: 1 + (i % 3),
    }),
  );
}

/** Four pools of three endpoints a service. */
const lastService = 8 * 12;

function policy(): Policy {
  const base = policyOf(services());
  const endpoints = base.endpoints.map((endpoint, i) => ({
    ...endpoint,
    ipv6: Uint8Array.from([32, 1, 13, 184, ...new Array<number>(11).fill(0), i]),
    // Every fourth is a host name; the last service's are answered as CNAME.
    host: i % 4 === 3 || i >= lastService ? `lb${i}.example.net` : "",
    cname: i >= lastService,
  }));
  // Seeds as they are in earnest: numbers of 32 bits.
  const seeded = base.services.map((service, i) => ({ ...service, seed: 0xffff_fff0 - i }));
  const names = zonesFrom(zones);
  return { ...base, ...unknownLeaves(), services: seeded, endpoints, names };
}

const v4 = subnetOption(1, 24, [198, 51, 100]);
const v6 = subnetOption(2, 56, [32, 1, 13, 184, 1, 2, 3]);
const nsid = { code: 3, data: new Uint8Array(0) };

/** What is asked, and how often of a hundred. */
export const mixed: readonly (readonly [number, Ask])[] = [
  [20, { name: "s1.example.com", edns: {} }],
  [10, { name: "S2.eXample.com", type: "AAAA", edns: {} }],
  [10, { name: "s3.example.com", edns: { options: [v4] } }],
  [10, { name: "s0.example.com", edns: { options: [v4] } }],
  [5, { name: "s6.example.com", type: "AAAA", edns: { options: [v6] } }],
  [5, { name: "x.y.apps.example.com", edns: {} }],
  [5, { name: "example.com" }],
  [5, { name: "alias.example.com", edns: { flags: 0x8000 } }],
  [5, { name: "s4.example.com", type: "HTTPS", edns: {} }],
  [5, { name: "nothing.here.example.com", edns: {} }],
  [4, { name: "mail.example.com", type: "AAAA" }],
  [3, { name: "example.com", type: "MX", edns: { options: [nsid] } }],
  [3, { name: "example.com", type: "NS", edns: {} }],
  [2, { name: "a.cut.example.com", edns: {} }],
  [2, { name: "s5.example.com", type: "ANY", edns: {} }],
  [2, { name: "www.example.org", edns: {} }],
  [1, { name: "out.example.com", type: "AAAA", edns: {} }],
  [1, { name: "id.server", type: "TXT", class: 3 }],
  [2, { name: "s7.example.com", transport: "tcp" }],
];

function exchangeFor(ask: Ask, number: number): Exchange {
  const transport: Transport = transports[ask.transport ?? "udp"];
  const exchange = createExchange(transport);
  const request = requestOf(ask);
  exchange.request.set(request);
  exchange.requestLength = request.length;
  exchange.client[0] = (0xc000_0200 + number * 259) >>> 0;
  return exchange;
}

/** A hundred exchanges in a fixed, mixed order. */
export function questionMix(): {
  readonly context: AnswerContext;
  readonly exchanges: readonly Exchange[];
} {
  const entropy = simulatedEntropy(1);
  // One endpoint down, one ramping, one unknown: rows and shapes with slots.
  const snapshot = snapshotOf(policy(), ["up", "down", 100, "unknown"]);
  const resolved = snapshot.world.resolved as Map<number, Resolved>;
  for (let i = 3; i < lastService; i += 4) {
    const ipv4 = [1, 2].map((last) => Uint8Array.of(198, 51, i, last));
    resolved.set(i, { ipv4, ipv6: [], resolvedAt: 0, staleReason: "" });
  }
  const context = createAnswerContext({
    snapshot,
    identity: createIdentity({ version: "Rhumb", node: "node-1" }),
    counters: createDnsCounters(createRegistry()),
    draw32: () => entropy.draw32(),
  });
  const asks = mixed.flatMap(([share, ask]) => Array.from({ length: share }, () => ask));
  const order = asks.map((_, i) => asks[(i * 37) % asks.length]!);
  return { context, exchanges: order.map(exchangeFor) };
}
