/** answer() of steered names, over real tables: families, lists, keys, fallbacks, scopes. */
import assert from "node:assert/strict";
import test from "node:test";
import { setSnapshot } from "../../src/fronts/dns/context.ts";
import { indexLeaves, LeafBuilder } from "../../src/geo/leaves.ts";
import type { NameTable } from "../../src/policy/name-table.ts";
import type { Endpoint, Policy } from "../../src/policy/policy.ts";
import type { EdnsOption } from "../../src/wire/dns-message.ts";
import {
  type Ask,
  ask,
  extendedErrorOf,
  type Front,
  formatResponse,
  frontFor,
  optOf,
  snapshotOf,
  subnetOption,
  unknownLeaves,
  zonesFrom,
} from "../support/dns-front.ts";
import {
  type EndpointSketch,
  policyOf,
  pool,
  type ServiceSketch,
  split,
} from "../support/steer-fixture.ts";

const zones = `
  $ORIGIN example.com
  @ STEERED 0
  @ MX 10 mail
  www STEERED 0
  www TXT beside
  *.apps STEERED 0
  alias CNAME www
  mail A 192.0.2.1
`;

interface Made {
  readonly service: Partial<ServiceSketch>;
  readonly zones?: string;
  /** By endpoint, over what steer-fixture.ts makes of it (IPv4 10.0.0.i). */
  readonly endpoints?: readonly Partial<Endpoint>[];
  readonly world?: readonly EndpointSketch[];
  readonly change?: (policy: Policy) => Policy;
}

function front(made: Made): Front {
  const sketch = { pools: [{ weights: [1] }], classes: [{ plan: pool(0) }], ...made.service };
  const base = policyOf([sketch]);
  const endpoints = base.endpoints.map((endpoint, i) => ({ ...endpoint, ...made.endpoints?.[i] }));
  const names: NameTable = zonesFrom(made.zones ?? zones);
  const policy = { ...base, ...unknownLeaves(), endpoints, names };
  return frontFor(snapshotOf(made.change?.(policy) ?? policy, made.world ?? []));
}

const v6 = (last: number): Uint8Array => Uint8Array.of(32, 1, 13, 184, ...new Uint8Array(11), last);
const none = new Uint8Array(0);
const lines = (made: Front, name: string, type = "A", more: Partial<Ask> = {}) =>
  formatResponse(ask(made, { name, type, ...more }));
const soa = (ttl: number) =>
  `au example.com. ${ttl} SOA ns1.example.net. hostmaster.example.com. 7 3600 600 86400 30`;

test("answer() steers the apex, a name and a wildcard", () => {
  const one = front({ service: {}, endpoints: [{ ipv6: v6(1) }] });
  for (const name of ["example.com", "wWw.example.com", "a.b.apps.example.com"]) {
    assert.deepEqual(lines(one, name), ["NOERROR aa rd", `an ${name}. 30 A 10.0.0.0`]);
    assert.deepEqual(lines(one, name, "AAAA"), [
      "NOERROR aa rd",
      `an ${name}. 30 AAAA 2001:db8::1`,
    ]);
  }
});

test("answer() gives records beside a steered name, and NODATA for other types", () => {
  const one = front({ service: {} });
  assert.deepEqual(lines(one, "www.example.com", "TXT"), [
    "NOERROR aa rd",
    'an www.example.com. 60 TXT "beside"',
  ]);
  assert.equal(lines(one, "example.com", "MX")[1], "an example.com. 60 MX 10 mail.example.com.");
  assert.equal(lines(one, "example.com", "NS").length, 3);
  assert.deepEqual(lines(one, "www.example.com", "MX"), ["NOERROR aa rd", soa(30)]);
  assert.deepEqual(lines(one, "x.apps.example.com", "TXT"), ["NOERROR aa rd", soa(30)]);
  assert.deepEqual(lines(one, "apps.example.com", "A"), ["NOERROR aa rd", soa(30)]);
  assert.match(lines(one, "www.example.com", "ANY")[1] ?? "", /HINFO/);
});

test("answer() is NODATA for a family that no endpoint of the pool has, no longer than the TTL", () => {
  const short = front({ service: { ttl: [5, 5] } });
  assert.deepEqual(lines(short, "www.example.com", "AAAA"), ["NOERROR aa rd", soa(5)]);
  const long = front({ service: { ttl: [300, 300] } });
  assert.deepEqual(lines(long, "www.example.com", "AAAA"), ["NOERROR aa rd", soa(30)]);
});

test("answer() lists `answers` endpoints of the family in the pool's order from the one drawn", () => {
  const made = front({
    service: { pools: [{ weights: [1, 1, 1, 1, 1] }], answers: 2 },
    endpoints: [{ ipv6: v6(0) }, { ipv4: none, ipv6: v6(1) }, {}, { ipv6: v6(3) }, { ipv6: v6(4) }],
    world: ["up", "up", "up", "up", "down"],
  });
  const drawn = new Set<string>();
  for (let i = 0; i < 200; i++) {
    drawn.add(
      lines(made, "www.example.com")
        .map((line) => line.split(" ").at(-1))
        .slice(1)
        .join(" "),
    );
  }
  // Endpoint 1 has no IPv4 and 4 is down: who draws 1 begins with 2.
  const expected = ["10.0.0.0 10.0.0.2", "10.0.0.2 10.0.0.3", "10.0.0.3 10.0.0.0"];
  assert.deepEqual(
    [...drawn].sort((a, b) => a.localeCompare(b)),
    expected,
  );
});

test("answer() of A and AAAA begins with one endpoint for one key", () => {
  const made = front({
    service: { pools: [{ weights: [1, 1, 1] }], key: "client" },
    endpoints: [{ ipv6: v6(0) }, { ipv6: v6(1) }, { ipv6: v6(2) }],
  });
  const seen = new Set<string>();
  for (let i = 0; i < 50; i++) {
    const client = [4, 0x0a00_0000 + (i << 8)] as const;
    const a = lines(made, "www.example.com", "A", { client })[1]?.at(-1);
    const aaaa = lines(made, "www.example.com", "AAAA", { client })[1]?.split(":").at(-1) || "0";
    assert.equal(aaaa === "" ? "0" : aaaa, a);
    seen.add(a ?? "");
    // The same /24, the same endpoint.
    const neighbour = [4, 0x0a00_00ff + (i << 8)] as const;
    assert.equal(lines(made, "www.example.com", "A", { client: neighbour })[1]?.at(-1), a);
  }
  assert.equal(seen.size, 3);
});

test("answer() draws in proportion to the shares for `query` keys", () => {
  const made = front({
    service: {
      pools: [{ weights: [1] }, { weights: [1] }],
      classes: [{ plan: split([3, pool(0)], [1, pool(1)]) }],
    },
  });
  let firsts = 0;
  const draws = 4000;
  for (let i = 0; i < draws; i++) {
    if (lines(made, "www.example.com")[1]?.endsWith("10.0.0.0")) firsts++;
  }
  // Four standard deviations.
  assert.ok(Math.abs(firsts / draws - 0.75) < 4 * Math.sqrt((0.75 * 0.25) / draws), `${firsts}`);
});

test("answer() gives every address of a host-name endpoint, each once", () => {
  const made = front({
    service: { pools: [{ weights: [1, 1] }], answers: 2 },
    endpoints: [
      { host: "lb.example.net", ipv4: none },
      { host: "lb2.example.net", ipv4: none },
    ],
  });
  const resolved = made.context.snapshot.world.resolved as Map<number, unknown>;
  const address = (last: number) => Uint8Array.of(198, 51, 100, last);
  resolved.set(0, {
    ipv4: [address(1), address(2)],
    ipv6: [v6(9)],
    resolvedAt: 0,
    staleReason: "",
  });
  resolved.set(1, { ipv4: [address(2), address(3)], ipv6: [], resolvedAt: 0, staleReason: "old" });
  const found = lines(made, "www.example.com")
    .slice(1)
    .map((line) => line.split(" ").at(-1));
  assert.deepEqual(
    found.toSorted((a, b) => String(a).localeCompare(String(b))),
    ["198.51.100.1", "198.51.100.2", "198.51.100.3"],
  );
  assert.deepEqual(lines(made, "www.example.com", "AAAA").slice(1), [
    "an www.example.com. 30 AAAA 2001:db8::9",
  ]);
  resolved.set(0, { ipv4: [address(1)], ipv6: [], resolvedAt: 0, staleReason: "" });
  assert.deepEqual(lines(made, "www.example.com", "AAAA"), ["NOERROR aa rd", soa(30)]);
  // Never resolved at all: not "no such record", which resolvers would keep.
  resolved.clear();
  assert.deepEqual(lines(made, "www.example.com"), ["SERVFAIL rd"]);
});

test("answer() bounds the addresses of an answer, and sets TC when they do not fit", () => {
  const made = front({
    service: {},
    endpoints: [{ host: "lb.example.net", ipv4: none }],
  });
  const ipv4 = Array.from({ length: 100 }, (_, i) => Uint8Array.of(198, 51, 100, i));
  (made.context.snapshot.world.resolved as Map<number, unknown>).set(0, { ipv4, ipv6: [] });
  assert.equal(lines(made, "www.example.com", "A", { transport: "tcp" }).length, 1 + 64);
  assert.deepEqual(lines(made, "www.example.com"), ["NOERROR aa tc rd"]);
});

test("answer() follows a CNAME to a steered name", () => {
  const one = front({ service: {} });
  assert.deepEqual(lines(one, "alias.example.com"), [
    "NOERROR aa rd",
    "an alias.example.com. 60 CNAME www.example.com.",
    "an www.example.com. 30 A 10.0.0.0",
  ]);
});

test("answer() of an endpoint that is a CNAME: for every type, and on within our zones", () => {
  const cnameZones = `
    $ORIGIN example.com
    www STEERED-CNAME 0
    *.apps STEERED-CNAME 0
    mail A 192.0.2.1
  `;
  const endpoint = { ipv4: none, cname: true };
  const far = front({
    service: {},
    zones: cnameZones,
    endpoints: [{ ...endpoint, host: "lb.example.net" }],
  });
  for (const type of ["A", "AAAA", "TXT", "CNAME", "ANY"]) {
    assert.deepEqual(lines(far, "www.example.com", type), [
      "NOERROR aa rd",
      "an www.example.com. 30 CNAME lb.example.net.",
    ]);
  }
  assert.equal(
    lines(far, "x.apps.example.com")[1],
    "an x.apps.example.com. 30 CNAME lb.example.net.",
  );
  const near = front({
    service: {},
    zones: cnameZones,
    endpoints: [{ ...endpoint, host: "mail.example.com" }],
  });
  assert.deepEqual(lines(near, "www.example.com"), [
    "NOERROR aa rd",
    "an www.example.com. 30 CNAME mail.example.com.",
    "an mail.example.com. 60 A 192.0.2.1",
  ]);
  const loop = front({
    service: {},
    zones: cnameZones,
    endpoints: [{ ...endpoint, host: "www.example.com" }],
  });
  assert.equal(lines(loop, "www.example.com").length, 1 + 9);
});

test("answer() sets TC where a steered CNAME does not fit behind a chain", () => {
  const [a, b, c] = ["a", "b", "c"].map((letter) => `${letter.repeat(63)}.`.repeat(2));
  const made = front({
    service: {},
    zones: `$ORIGIN example.com\n${a}x CNAME ${b}x\n${b}x CNAME ${c}x\n${c}x STEERED-CNAME 0`,
    endpoints: [{ ipv4: none, cname: true, host: `${"d".repeat(63)}.example.net` }],
  });
  const [head, ...rest] = lines(made, `${a}x.example.com`);
  assert.equal(head, "NOERROR aa tc rd");
  assert.equal(rest.length, 2);
  assert.equal(lines(made, `${a}x.example.com`, "A", { transport: "tcp" }).length, 1 + 3);
});

test("answer() of a mixed pool gives the CNAME when it is drawn, else addresses alone", () => {
  const made = front({
    service: { pools: [{ weights: [1, 1, 1] }], answers: 3 },
    zones: "$ORIGIN example.com\nwww STEERED-CNAME 0",
    endpoints: [{ ipv4: none, cname: true, host: "lb.example.net" }],
  });
  const seen = new Set<string>();
  for (let i = 0; i < 100; i++) {
    seen.add(
      lines(made, "www.example.com")
        .slice(1)
        .map((line) => line.split(" ").slice(-2).join(" "))
        .join(", "),
    );
  }
  assert.deepEqual(
    [...seen].sort((a, b) => a.localeCompare(b)),
    ["A 10.0.0.1, A 10.0.0.2", "A 10.0.0.2, A 10.0.0.1", "CNAME lb.example.net."],
  );
  assert.ok(["NOERROR aa rd"].includes(lines(made, "www.example.com", "TXT")[0] ?? ""));
});

test("answer() to whom no endpoint may serve is SERVFAIL with the reason", () => {
  const made = front({ service: { fallback: "refuse" }, world: ["down"] });
  const response = ask(made, { name: "www.example.com", edns: {} });
  assert.deepEqual(formatResponse(response), ["SERVFAIL rd"]);
  assert.equal(extendedErrorOf(response), "0 no endpoint may serve this client");
  assert.deepEqual(lines(made, "www.example.com"), ["SERVFAIL rd"]);
  assert.equal(lines(made, "www.example.com", "TXT")[0], "NOERROR aa rd");
  const alias = lines(made, "alias.example.com");
  assert.equal(alias[0], "SERVFAIL rd");
});

test("answer() says when a fallback is in use", () => {
  const error = (service: Partial<ServiceSketch>, world: readonly EndpointSketch[]) => {
    const made = front({ service, world });
    const response = ask(made, { name: "www.example.com", edns: {} });
    assert.equal(response.answers.length, 1);
    return extendedErrorOf(response);
  };
  assert.equal(error({}, ["up"]), undefined);
  assert.equal(error({}, ["unknown"]), undefined);
  assert.equal(error({}, ["down"]), "0 fallback: nothing is known to be healthy");
  assert.equal(
    error({ fallback: "last-good" }, ["down+good"]),
    "0 fallback: the last good endpoints",
  );
  const fixed = {
    pools: [{ weights: [1] }, { weights: [1], fixed: true }],
    fallback: "fixed" as const,
  };
  assert.equal(error(fixed, ["down"]), "0 fallback: the fixed answer");
});

/** Class 1 is 10.0.0.0/8, class 0 the rest of IPv4 and all of IPv6. */
function twoClasses(policy: Policy): Policy {
  const builder = new LeafBuilder(1);
  const rest = [
    [0, 5],
    [8, 7],
    [10, 8],
    [11, 8],
    [12, 6],
    [16, 4],
    [32, 3],
    [64, 2],
    [128, 1],
  ];
  for (const [start = 0, length = 0] of rest) {
    builder.append(Uint32Array.of(start << 24), { length, location: start === 10 ? 1 : 0 });
  }
  const v4 = indexLeaves(builder.finish());
  const [ruleSet] = policy.ruleSets;
  assert.ok(ruleSet !== undefined);
  const classOfLocation = Uint16Array.of(0, 1);
  const changed = { ...ruleSet, classOfLocation, scope4: v4.lengths };
  return {
    ...policy,
    v4,
    locations: [...policy.locations, ...policy.locations],
    ruleSets: [changed],
  };
}

function geographic(service: Partial<ServiceSketch> = {}): Front {
  const two = {
    pools: [{ weights: [1] }, { weights: [1] }],
    classes: [{ plan: pool(0) }, { plan: pool(1) }],
  };
  return front({ service: { ...two, ...service }, change: twoClasses });
}

/** The endpoint's last octet and the scope sent back, as `0/5`. */
function subnetAnswer(made: Front, option: EdnsOption, name = "www.example.com"): string {
  const response = ask(made, { name, edns: { options: [option] }, client: [4, 0x0a00_0001] });
  const sent = optOf(response)?.options[0];
  // Family, source and address come back as they were sent.
  assert.deepEqual([...(sent?.data ?? [])].toSpliced(3, 1), [...option.data].toSpliced(3, 1));
  return `${response.answers.at(-1)?.rdata[3]}/${sent?.data[3]}`;
}

test("answer() goes by the client subnet, else by who asks, and says how much of it counted", () => {
  const made = geographic();
  assert.equal(lines(made, "www.example.com", "A", { client: [4, 0x0a00_0001] })[1]?.at(-1), "1");
  assert.equal(lines(made, "www.example.com", "A", { client: [4, 0x0b00_0001] })[1]?.at(-1), "0");
  assert.equal(lines(made, "www.example.com", "A", { client: [6, 0x2001_0db8] })[1]?.at(-1), "0");
  const v4 = (source: number, ...address: number[]) =>
    subnetAnswer(made, subnetOption(1, source, address));
  assert.equal(v4(24, 10, 1, 2), "1/8");
  assert.equal(v4(32, 10, 255, 255, 255), "1/8");
  assert.equal(v4(8, 10), "1/8");
  assert.equal(v4(24, 11, 1, 2), "0/8");
  assert.equal(v4(24, 192, 0, 2), "0/1");
  // Within one leaf, but less than it: the answer is the same, and cached for the leaf's prefix.
  assert.equal(v4(1, 128), "0/1");
  // 8.0.0.0/6 holds both classes: the larger, cached for what was asked.
  assert.equal(v4(6, 8), "0/6");
  // One class for all of IPv6, but 2002::/16 is IPv4 (6to4): the scope stops beside it.
  assert.equal(subnetAnswer(made, subnetOption(2, 56, [32, 1, 13, 184, 0, 0, 0])), "0/15");
  // 2002:0a01:0203::/48 is 10.1.2.3 (6to4): 16 bits stand before it.
  assert.equal(subnetAnswer(made, subnetOption(2, 48, [32, 2, 10, 1, 2, 3])), "1/24");
});

test("answer() to a client subnet of length 0 is for nobody known, with scope 0", () => {
  for (const made of [geographic(), geographic({ key: "client" })]) {
    assert.equal(subnetAnswer(made, subnetOption(1, 0, [])), "0/0");
    assert.equal(subnetAnswer(made, subnetOption(2, 0, [])), "0/0");
  }
});

test("answer() with `client` keys has a scope no shorter than the mask, unless there is one answer", () => {
  const several = { pools: [{ weights: [1, 1] }, { weights: [1] }], key: "client" as const };
  const made = geographic(several);
  const scope = (...address: number[]) =>
    subnetAnswer(made, subnetOption(1, 32, address)).replace(/^\d+/, "");
  assert.equal(scope(11, 0, 0, 1), "/24");
  assert.equal(scope(10, 0, 0, 1), "/8");
  // A shorter source than the mask: the scope says that more of the address would matter.
  assert.equal(subnetAnswer(made, subnetOption(1, 16, [11, 0])).replace(/^\d+/, ""), "/24");
  const split0 = geographic({
    ...several,
    classes: [{ plan: pool(0) }, { plan: split([1, pool(0)], [1, pool(1)]) }],
  });
  assert.match(subnetAnswer(split0, subnetOption(1, 32, [10, 0, 0, 1])), /\/24$/);
});

test("answer() sends the longest scope of a chain, and that of a NODATA as well", () => {
  const made = geographic();
  const option = subnetOption(1, 24, [10, 1, 2]);
  assert.equal(subnetAnswer(made, option, "alias.example.com"), "1/8");
  const nodata = ask(made, { name: "www.example.com", type: "AAAA", edns: { options: [option] } });
  assert.equal(nodata.answers.length, 0);
  assert.equal(optOf(nodata)?.options[0]?.data[3], 8);
});

test("setSnapshot() takes effect with the next message, and refuses what does not belong together", () => {
  const made = front({
    service: {},
    endpoints: [{ ipv4: none, cname: true, host: "a.example.net" }],
    zones: "$ORIGIN example.com\nwww STEERED-CNAME 0",
  });
  assert.match(lines(made, "www.example.com")[1] ?? "", /a\.example\.net/);
  const policy = made.context.snapshot.policy as Policy;
  const endpoints = policy.endpoints.map((endpoint) => ({ ...endpoint, host: "b.example.net" }));
  setSnapshot(made.context, snapshotOf({ ...policy, endpoints }, []));
  assert.match(lines(made, "www.example.com")[1] ?? "", /b\.example\.net/);
  const other = snapshotOf({ ...policy, digest: "other" }, []);
  assert.throws(
    () => setSnapshot(made.context, { ...made.context.snapshot, world: other.world }),
    /bug/,
  );
  assert.throws(
    () => setSnapshot(made.context, { ...made.context.snapshot, table: other.table }),
    /bug/,
  );
});
