import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { formatProblem } from "../errors.ts";
import { limits } from "../limits.ts";
import { loadConfig } from "./load.ts";
import { configSchema } from "./schema.ts";
import { unsupported } from "./unsupported.ts";

const minimal = [
  "version: 1",
  "zone: gslb.example.com",
  "regions:",
  "  fra: {at: FRA}",
  "services:",
  "  shop:",
  "    endpoints: {fra: 192.0.2.1}",
  "",
].join("\n");

const load = (...texts: readonly string[]) =>
  loadConfig(texts.map((text, index) => ({ file: `${index}.yaml`, text })));
const lines = (...texts: readonly string[]) => load(...texts).problems.map(formatProblem);

function loaded(...texts: readonly string[]) {
  const result = load(...texts);
  assert.ok(result.ok, result.problems.map(formatProblem).join("\n"));
  return result;
}

test("loadConfig() gives what the schema itself makes of the values", () => {
  const base = new URL("../../test/config-mistakes/base.yaml", import.meta.url);
  const { config, written } = loaded(readFileSync(base, "utf8"));
  const parsed = configSchema.parse(written);
  // `zone` and the names of services are filled in afterwards.
  const services = Object.entries(parsed.services).map(([name, service]) => [
    name,
    { ...service, names: config.services[name]?.names },
  ]);
  const zones = { ...config.zones, ...parsed.zones };
  assert.deepEqual(config, { ...parsed, zones, services: Object.fromEntries(services) });
  assert.equal(Object.keys(zones).length, Object.keys(parsed.zones ?? {}).length + 1);
});

test("loadConfig() fills in the zone and the names", () => {
  const { config } = loaded(minimal);
  assert.deepEqual(Object.keys(config.zones ?? {}), ["gslb.example.com"]);
  assert.deepEqual(config.services["shop"]?.names, ["shop.gslb.example.com"]);
});

test("loadConfig() gives equal digests to texts that mean the same", () => {
  const { digest } = loaded(minimal);
  const same = [
    minimal.replace("zone: gslb.example.com", "zones: {GSLB.example.com.: {}}"),
    minimal.replace("192.0.2.1", "[192.0.2.1]"),
    `# a comment\n${minimal}    ttl: {min: 30s, max: 0.5m}\n    key: query\n`,
    minimal.replace("{at: FRA}", "{labels: {}, at: FRA, in: []}"),
  ];
  for (const text of same) assert.equal(loaded(text).digest, digest, text);
  assert.notEqual(loaded(`${minimal}    ttl: 31s\n`).digest, digest);
  const [regions = "", services = ""] = minimal.split("services:\n");
  assert.equal(loaded(regions, `services:\n${services}`).digest, digest);
});

test("placeOf() finds dotted paths, zones' names with their dots included", () => {
  const { placeOf } = loaded(
    minimal.replace("zone: gslb.example.com", "zones:\n  gslb.example.com:\n    ttl: 1h"),
  );
  assert.deepEqual(placeOf("zones.gslb.example.com.ttl"), { file: "0.yaml", line: 4, column: 10 });
  assert.deepEqual(placeOf("services.shop.endpoints.fra"), { file: "0.yaml", line: 9, column: 22 });
  assert.deepEqual(placeOf("services.shop.names.0"), { file: "0.yaml", line: 8, column: 3 });
  assert.deepEqual(loaded(minimal).placeOf("zones.gslb.example.com.records.0"), {
    file: "0.yaml",
    line: 2,
    column: 7,
  });
});

test("loadConfig() says where both of two duplicates stand", () => {
  assert.deepEqual(lines(minimal, "services:\n  shop:\n    endpoints: {fra: 192.0.2.2}\n"), [
    "1.yaml:2:3 config.duplicate services.shop: stands at 0.yaml:6:3 as well (keep one of the two)",
  ]);
});

test("loadConfig() bounds the problems it hands back and counts the rest", () => {
  const keys = Array.from({ length: limits.problemsMax + 9 }, (_, i) => `key${i}: 1\n`).join("");
  const { problems } = load(minimal + keys);
  assert.equal(problems.length, limits.problemsMax);
  assert.match(problems.at(-1)?.message ?? "", /^10 more problems/);
});

test("loadConfig() bounds regions, services and endpoints", () => {
  const regions = Array.from({ length: limits.regionsMax + 1 }, (_, i) => `  r${i}: {at: FRA}\n`);
  const [limit = "", ...rest] = lines(
    `version: 1\nzone: a.example\nregions:\n${regions.join("")}services: {}\n`,
  );
  assert.equal(limit, `0.yaml:3:1 config.limit regions: 65 regions (at most 64)`);
  assert.deepEqual(rest, []);
  const pool = Array.from({ length: 1025 }, (_, i) => `192.0.${i >> 8}.${i & 255}`).join(",");
  const [problem = ""] = lines(minimal.replace("192.0.2.1", `[${pool}]`));
  assert.match(problem, /config\.limit services\.shop\.endpoints\.fra: is too long/);
});

test("loadConfig() refuses every word that is not supported, none of them unknown", () => {
  const text = readFileSync(
    new URL("../../test/golden/config/unsupported.yaml", import.meta.url),
    "utf8",
  );
  const refused = new Set(
    load(text)
      .problems.filter(({ code }) => code === "config.unsupported")
      .map(({ message }) => /^`([^`]+)`/.exec(message)?.[1]),
  );
  const missing = Object.keys(unsupported).filter(
    (word) => !refused.has(/[^.=: ]+$/.exec(word)?.[0]),
  );
  assert.deepEqual(missing, []);
  assert.deepEqual(
    load(text).problems.filter(({ code }) => code === "config.unknown-key"),
    [],
  );
});

test("loadConfig() does not judge references while a file is unreadable", () => {
  const [first = "", ...rest] = lines("regions: [", "services: {a: {endpoints: {fra: 192.0.2.1}}}");
  assert.match(first, /^0\.yaml:1:\d+ yaml\.syntax /);
  assert.deepEqual(rest, []);
});
