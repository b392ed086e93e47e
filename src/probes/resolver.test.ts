/** resolver.ts on a simulated clock with scripted look-ups: when it asks, and what it keeps. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { simulatedEntropy } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import type { Resolved } from "../world/world.ts";
import type { Family, LookUpResult } from "./look-up.ts";
import { HostResolver, mergeResolved } from "./resolver.ts";

const v4 = (last: number) => Uint8Array.of(192, 0, 2, last);
const v6 = (last: number) => new Uint8Array(16).fill(last, 15);
const found = (addresses: readonly Uint8Array[], ttlSeconds = 60): LookUpResult => ({
  kind: "addresses",
  addresses,
  ttlSeconds,
});
const noName: LookUpResult = { kind: "none", reason: "NXDOMAIN", nameExists: false };
const noData: LookUpResult = { kind: "none", reason: "empty answer", nameExists: true };
const servfail: LookUpResult = { kind: "trouble", reason: "SERVFAIL" };
const before: Resolved = { ipv4: [v4(1)], ipv6: [v6(1)], resolvedAt: 1000, staleReason: "" };
const nothing: Resolved = { ipv4: [], ipv6: [], resolvedAt: 0, staleReason: "" };

const merges: readonly (readonly [
  string,
  Resolved | undefined,
  LookUpResult,
  LookUpResult,
  Resolved,
])[] = [
  [
    "takes both families",
    undefined,
    found([v4(9)]),
    found([v6(9)]),
    { ipv4: [v4(9)], ipv6: [v6(9)], resolvedAt: 5000, staleReason: "" },
  ],
  [
    "drops a family the name has lost",
    before,
    found([v4(9)]),
    noData,
    { ipv4: [v4(9)], ipv6: [], resolvedAt: 5000, staleReason: "" },
  ],
  ["keeps both on NXDOMAIN", before, noName, noName, { ...before, staleReason: "NXDOMAIN" }],
  [
    "keeps both on two empty answers",
    before,
    noData,
    noData,
    { ...before, staleReason: "empty answer" },
  ],
  ["keeps both on SERVFAIL", before, servfail, servfail, { ...before, staleReason: "SERVFAIL" }],
  [
    "keeps the family that is in trouble",
    before,
    found([v4(9)]),
    servfail,
    { ipv4: [v4(9)], ipv6: [v6(1)], resolvedAt: 1000, staleReason: "SERVFAIL" },
  ],
  [
    "keeps both on empty and trouble",
    before,
    noData,
    servfail,
    { ...before, staleReason: "SERVFAIL" },
  ],
  [
    "keeps a family on a contradiction",
    before,
    found([v4(9)]),
    noName,
    { ipv4: [v4(9)], ipv6: [v6(1)], resolvedAt: 1000, staleReason: "NXDOMAIN" },
  ],
  ["says why nothing is known", undefined, noName, noName, { ...nothing, staleReason: "NXDOMAIN" }],
  [
    "sorts and removes doubles",
    undefined,
    found([v4(9), v4(3), v4(9)]),
    noData,
    { ipv4: [v4(3), v4(9)], ipv6: [], resolvedAt: 5000, staleReason: "" },
  ],
];
for (const [claim, known, four, six, expected] of merges) {
  test(`mergeResolved() ${claim}`, () => {
    assert.deepEqual(mergeResolved(known, { four, six, nowMs: 5000 }), expected);
  });
}

test("mergeResolved() bounds the addresses and never loses the last ones", () => {
  const result = fc.oneof(
    fc.constantFrom(noName, noData, servfail),
    fc.array(fc.nat(255), { minLength: 1, maxLength: 40 }).map((bytes) => found(bytes.map(v4))),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(result, result), { maxLength: 20 }), (answers) => {
      let known: Resolved | undefined;
      for (const [four, six] of answers) {
        const had = (known?.ipv4.length ?? 0) + (known?.ipv6.length ?? 0);
        known = mergeResolved(known, { four, six, nowMs: 1 });
        assert.ok(known.ipv4.length <= limits.addressesPerHostMax);
        assert.ok(had === 0 || known.ipv4.length + known.ipv6.length > 0);
      }
    }),
  );
});

interface Asked {
  readonly host: string;
  readonly family: Family;
  readonly at: number;
}

/** `answer` undefined: no answer ever comes. */
function simulate(answer: (asked: Asked) => LookUpResult | undefined) {
  const entropy = simulatedEntropy(3);
  const asked: Asked[] = [];
  const resolved: (readonly [string, Resolved])[] = [];
  let underWay = 0;
  let peak = 0;
  const resolver = new HostResolver({
    entropy,
    lookUp: {
      ask(host, family, done) {
        const one = { host, family, at: entropy.monotonic() };
        asked.push(one);
        underWay++;
        peak = Math.max(peak, underWay);
        const result = answer(one);
        if (result !== undefined) {
          entropy.after(20, () => {
            underWay--;
            done(result);
          });
        }
      },
      cancel: () => {},
    },
    onResolved: (host, what) => resolved.push([host, what]),
  });
  return { entropy, resolver, asked, resolved, peak: () => peak };
}

test("HostResolver asks again before the TTL ends, and not more often than every 5 s", () => {
  const { entropy, resolver, asked } = simulate(({ host }) =>
    found([v4(1)], host === "long" ? 100 : 0),
  );
  resolver.setHosts(
    new Map([
      ["long", undefined],
      ["zero", undefined],
    ]),
  );
  entropy.advance(95_000);
  const times = (host: string) => asked.filter((one) => one.host === host && one.family === 4);
  assert.equal(times("long").length, 2);
  const zero = times("zero").length;
  assert.ok(zero >= 95 / 5 && zero <= 95 / 4, `${zero} look-ups`);
});

test("HostResolver keeps known addresses through failures, with a reason, and asks more slowly", () => {
  let broken = false;
  const { entropy, resolver, asked, resolved } = simulate(() =>
    broken ? servfail : found([v4(1)], 10),
  );
  resolver.setHosts(new Map([["a", undefined]]));
  entropy.advance(1000);
  broken = true;
  const from = asked.length;
  entropy.advance(300_000);
  const last = resolved.at(-1)?.[1];
  assert.deepEqual(last?.ipv4, [v4(1)]);
  assert.equal(last?.staleReason, "SERVFAIL");
  assert.ok((asked.length - from) / 2 < 20, "it backs off");
  broken = false;
  entropy.advance(31_000);
  assert.equal(resolver.known("a")?.staleReason, "");
});

test("HostResolver uses what a persisted World knew until an answer comes", () => {
  const { entropy, resolver } = simulate(() => noName);
  resolver.setHosts(new Map([["a", before]]));
  assert.deepEqual(resolver.known("a"), before);
  entropy.advance(1000);
  assert.deepEqual(resolver.known("a")?.ipv4, before.ipv4);
  assert.equal(resolver.absent("a"), false);
});

test("HostResolver calls a name absent only on a definite answer", () => {
  const { entropy, resolver } = simulate(({ host }) => (host === "gone" ? noName : servfail));
  resolver.setHosts(
    new Map([
      ["gone", undefined],
      ["unsure", undefined],
    ]),
  );
  assert.equal(resolver.absent("gone"), false);
  entropy.advance(1000);
  assert.equal(resolver.absent("gone"), true);
  assert.equal(resolver.absent("unsure"), false);
});

test("HostResolver bounds look-ups at once, and forgets names that are gone", () => {
  const { entropy, resolver, asked, peak } = simulate(() => found([v4(1)]));
  const names = Array.from({ length: 500 }, (_, index) => `host-${index}`);
  resolver.setHosts(new Map(names.map((name) => [name, undefined])));
  entropy.advance(5000);
  assert.equal(asked.length, 1000);
  assert.ok(peak() <= 2 * limits.lookUpsInFlightMax);
  resolver.setHosts(new Map([["host-1", undefined]]));
  const from = asked.length;
  entropy.advance(60_000);
  assert.ok(asked.slice(from).every(({ host }) => host === "host-1"));
  resolver.stop();
  const stopped = asked.length;
  entropy.advance(600_000);
  assert.equal(asked.length, stopped);
});
