/** A configuration and what `--effective` prints of it are the same configuration. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { z } from "zod";
import { formatProblem } from "../errors.ts";
import { durationKeys, effective, formatEffective, percentKeys } from "./effective.ts";
import { type LoadedConfig, loadConfig } from "./load.ts";
import { configSchema } from "./schema.ts";

function loadText(text: string): LoadedConfig {
  const result = loadConfig([{ file: "f.yaml", text }]);
  assert.ok(result.ok, `${result.problems.map(formatProblem).join("\n")}\n${text}`);
  return result;
}

const regions = ["ams", "fra", "iad"] as const;
const duration = fc.constantFrom("0s", "30s", "1.5m", "1h");
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const check = fc.oneof(
  fc.record(
    {
      https: fc.constant("/healthz"),
      host: fc.constant("a.example"),
      verify: fc.boolean(),
      status: fc.constantFrom<unknown>(200, "200-299", [200, "301-302"]),
      interval: fc.constantFrom("2s", "1500ms"),
      up: fc.integer({ min: 1, max: 100 }),
    },
    { requiredKeys: ["https"] },
  ),
  fc.constant({ tcp: true, port: 443 }),
);
const endpoint = (n: number) =>
  fc.constantFrom<unknown>(
    `192.0.2.${n}`,
    `[2001:db8::${n}]:8080`,
    `h${n}.example:80`,
    { ipv4: `192.0.2.${n}`, ipv6: `2001:db8::${n}`, weight: 0 },
    { host: `h${n}.example`, cname: false },
  );
const list = fc.tuple(endpoint(1), endpoint(2), endpoint(3));
const pool = fc.oneof(endpoint(1), list, fc.record({ blue: endpoint(1), green: list }));
const steer = fc.constantFrom<unknown>(
  "nearest",
  ["fra", ["ams", "iad"]],
  { order: [["fra", "ams", "iad"]] },
  { weights: { fra: 1, ams: 2, iad: 0 } },
  { nearest: { candidates: 2 } },
  { rules: [{ when: 'country == "DE"', steer: ["fra"] }, { steer: "nearest" }] },
);
const service = fc.record({
  check: optional(check),
  endpoints: fc.record({ ams: pool, fra: pool, iad: pool }),
  steer: optional(steer),
  residency: optional(fc.constantFrom<unknown>({ only: "EU" }, { only: ["EU", "DE"] })),
  fallback: optional(
    fc.oneof(
      fc.constantFrom("refuse", "last-good"),
      fc.record({
        fixed: fc.record({ region: fc.constant("fra"), endpoints: pool.filter(isPlain) }),
      }),
    ),
  ),
  failback: optional(
    fc.record(
      { hold: duration, ramp: duration, aggression: fc.constantFrom(0.5, 1, 2.25) },
      { requiredKeys: [] },
    ),
  ),
  ttl: optional(fc.oneof(duration, fc.record({ min: fc.constant("10s"), max: fc.constant("1h") }))),
  key: optional(fc.constantFrom("query", "client")),
  answers: optional(fc.integer({ min: 1, max: 8 })),
  records: optional(fc.constant([{ type: "TXT", data: "a", ttl: "5m" }])),
});
const config = fc.record({
  version: fc.constant(1),
  zone: fc.constant("a.example"),
  zones: optional(fc.constant({ "b.example": { soa: { minimum: "90s" }, ns: "ns.c.example" } })),
  listen: optional(fc.constantFrom<unknown>({ metrics: "off" }, { dns: "[::]:53" })),
  geo: optional(fc.constant({ overrides: [{ cidr: "192.0.2.0/24", at: [1, 2] }] })),
  regions: fc.constant(
    Object.fromEntries(regions.map((name) => [name, { at: "FRA", in: ["EU", "DE"] }])),
  ),
  services: fc.record({ one: service, two: service }),
});

function isPlain(value: unknown): boolean {
  return typeof value === "string" || Array.isArray(value) || !("blue" in (value as object));
}

function textOf(value: unknown): string {
  return stringify(JSON.parse(JSON.stringify(value)), { aliasDuplicateObjects: false });
}

test("formatEffective() prints a configuration of the same digest, all of it written", () => {
  fc.assert(
    fc.property(config, (value) => {
      const before = loadText(textOf(value));
      const printed = formatEffective(effective(before));
      const after = loadText(printed);
      assert.equal(after.digest, before.digest, printed);
      assert.deepEqual(effective(after).defaults, [], printed);
      assert.deepEqual(effective(after).value, effective(before).value);
    }),
    { numRuns: 100 },
  );
});

test("effective() names what was not written, and nothing else", () => {
  const { defaults } = effective(
    loadText(
      textOf({
        version: 1,
        zone: "a.example",
        listen: { dns: [], metrics: "off" },
        regions: { fra: { at: "FRA", in: "EU", labels: {} } },
        services: {
          one: {
            names: "a.example",
            endpoints: { fra: { ipv4: "192.0.2.1", cname: false } },
            ttl: "30s",
            failback: { hold: "1m" },
          },
        },
      }),
    ),
  );
  const paths = defaults.map((path) => path.join("."));
  assert.deepEqual(paths.filter((path) => path.startsWith("services")).sort(), [
    "services.one.answers",
    "services.one.endpoints.fra.0.weight",
    "services.one.failback.aggression",
    "services.one.failback.ramp",
    "services.one.failback.resume",
    "services.one.fallback",
    "services.one.key",
    "services.one.minimum",
    "services.one.records",
    "services.one.steer",
  ]);
  assert.deepEqual(paths.filter((path) => !path.startsWith("services")).sort(), [
    "geo.database",
    "geo.overrides",
    "listen.dnsCookies",
    "listen.dnsExplain",
    "listen.dnsGatherMicroseconds",
    "listen.dnsProxies",
    "listen.dnsRateLimit.errorsPerSecond",
    "listen.dnsRateLimit.exempt",
    "listen.dnsRateLimit.responsesPerSecond",
    "listen.dnsRateLimit.slip",
    "listen.dnsTcp.clients",
    "listen.dnsTcp.clientsPerAddress",
    "listen.dnsTcp.idle",
    "listen.dnsWorkers",
    "listen.doh",
    "listen.dot",
    "listen.redirect",
    "trustedProxies",
    "zones.a.example.ns",
    "zones.a.example.records",
    "zones.a.example.serial",
    "zones.a.example.ttl",
    "zones.a.example.zonemd",
  ]);
});

const base = readFileSync(new URL("../../test/config-mistakes/base.yaml", import.meta.url), "utf8");

test("effective() leaves no key out, and what it prints is the same configuration", () => {
  const loaded = loadText(base);
  const { value } = effective(loaded);
  const keys = Object.entries(loaded.config).flatMap(([key, own]) =>
    own === undefined || key === "zone" ? [] : [key],
  );
  assert.deepEqual(Object.keys(value).sort(), keys.sort());
  const again = loadText(formatEffective({ value, defaults: [] }));
  assert.equal(again.digest, loaded.digest);
  assert.deepEqual(again.config.assert, loaded.config.assert);
});

/** Names of the keys in the schema that hold a value of this title. */
function keysOf(title: string): Set<string> {
  const found = new Set<string>();
  const seen = new Set<unknown>();
  const holds = (node: unknown): boolean => {
    const own = node as { title?: string; anyOf?: readonly unknown[] };
    return own.title === title || (own.anyOf ?? []).some(holds);
  };
  const walk = (node: unknown): void => {
    if (typeof node !== "object" || node === null || seen.has(node)) return;
    seen.add(node);
    const { properties } = node as { properties?: Record<string, unknown> };
    for (const [key, own] of Object.entries(properties ?? {})) if (holds(own)) found.add(key);
    for (const child of Object.values(node)) walk(child);
  };
  walk(z.toJSONSchema(configSchema, { io: "input", unrepresentable: "any", reused: "inline" }));
  return found;
}

test("durationKeys and percentKeys are all the keys that hold one", () => {
  const durations = keysOf("duration");
  // Of assertions, which stand as written; and of a zone's SOA, seen to where it is printed.
  for (const key of ["most", "least", "minimum"]) durations.delete(key);
  assert.deepEqual([...durations].sort(), [...durationKeys].sort());
  assert.deepEqual([...keysOf("percent")].sort(), [...percentKeys].sort());
});

test("effective() prints colours' shares as numbers, whatever the colours are called", () => {
  const loaded = loadText(`
version: 1
zone: a.example
regions: {fra: {at: FRA}}
services:
  a:
    endpoints: {fra: {hold: 192.0.2.1, high: 192.0.2.2}}
    shares: {fra: {hold: 5, high: 95}}
`);
  assert.equal(loadText(formatEffective(effective(loaded))).digest, loaded.digest);
});
