import assert from "node:assert/strict";
import { test } from "node:test";
import { smallWorld } from "../../test/support/geography-fixture.ts";
import { loadConfig } from "../config/load.ts";
import { compile } from "./compile.ts";

/** Paths and words of what compile says of services `a` and `b` in the zone g.test. */
function problemsOf(services: string): readonly string[] {
  const text = `
version: 1
zones:
  g.test:
    ns: [ns.example.net]
    records:
      - {name: alias, type: CNAME, data: us.g.test.}
      - {name: plain, type: A, data: 192.0.2.9}
regions:
  fra: {at: FRA, in: EU}
  iad: {at: IAD, in: US}
services:
${services}`;
  const loaded = loadConfig([{ file: "rhumb.yaml", text }]);
  assert.ok(loaded.ok, JSON.stringify(loaded.problems));
  const compiled = compile(loaded.config, smallWorld, { placeOf: loaded.placeOf });
  return compiled.problems
    .filter(({ severity }) => severity === "error")
    .map(({ path, message, place }) => `${place?.line} ${path}: ${message}`);
}

const us = "  us: {endpoints: {iad: 198.51.100.1}}\n";

test("checkHosts() refuses a host name of a service here, resolved ahead", () => {
  const [problem, ...others] = problemsOf(`${us}  eu: {endpoints: {fra: us.g.test}}`);
  assert.match(problem ?? "", /^14 services\.eu\.endpoints\.fra: us\.g\.test is a name of.* us:/);
  assert.deepEqual(others, []);
});

for (const [what, host] of [
  ["itself", "us.g.test"],
  ["behind a static CNAME", "alias.g.test"],
] as const) {
  test(`checkHosts() refuses a CNAME out of a residency: ${what}`, () => {
    const eu = `  eu: {endpoints: {fra: {host: ${host}, cname: true}}, residency: {only: EU}}`;
    const [problem] = problemsOf(`${us}${eu}`);
    assert.match(problem ?? "", /may be served outside the residency/);
  });
}

test("checkHosts() takes a CNAME to a service of the same residency, and one without any", () => {
  const inside = "  de: {endpoints: {fra: 192.0.2.1}, residency: {only: EU}}\n";
  const eu = "  eu: {endpoints: {fra: {host: de.g.test, cname: true}}, residency: {only: EU}}";
  assert.deepEqual(problemsOf(`${inside}${eu}`), []);
  const free = "  eu: {endpoints: {fra: {host: us.g.test, cname: true}}}";
  assert.deepEqual(problemsOf(`${us}${free}`), []);
});

test("checkHosts() refuses CNAMEs in a circle, and leaves other names alone", () => {
  const circle = `  a: {endpoints: {fra: {host: b.g.test, cname: true}}}
  b: {endpoints: {fra: {host: a.g.test, cname: true}}}`;
  assert.equal(problemsOf(circle).filter((text) => text.includes("leads back")).length, 2);
  const others = `  a: {endpoints: {fra: plain.g.test, iad: lb.example.net}}`;
  assert.deepEqual(problemsOf(others), []);
});
