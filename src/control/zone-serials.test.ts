/** Serials by every row of the table of chooseSerials(), and that they never go back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isSerialAfter } from "../wire/zone.ts";
import { chooseSerials, type ZoneSerials } from "./zone-serials.ts";

const apex = "example.com";
const nowMs = 1_800_000_000_000;

void test("chooseSerials() follows its table", () => {
  const cases: readonly (readonly [
    what: string,
    before: readonly [serial: number, digest: string] | undefined,
    zone: { digest: string; written?: number; keep?: boolean },
    serial: number,
  ])[] = [
    ["nothing before: the time", undefined, { digest: "a" }, 1_800_000_000],
    ["nothing before: what is written", undefined, { digest: "a", written: 7 }, 7],
    ["the same", [9, "a"], { digest: "a" }, 9],
    ["the same under a greater serial", [9, "a"], { digest: "a", written: 10 }, 10],
    ["the same under a lesser serial", [9, "a"], { digest: "a", written: 8 }, 9],
    ["changed: the time", [9, "a"], { digest: "b" }, 1_800_000_000],
    ["changed within the second", [1_800_000_000, "a"], { digest: "b" }, 1_800_000_001],
    ["changed with a clock set back", [1_900_000_000, "a"], { digest: "b" }, 1_900_000_001],
    ["changed: what is written", [9, "a"], { digest: "b", written: 12 }, 12],
    ["changed and not raised", [9, "a"], { digest: "b", written: 9 }, 10],
    ["at the end of the circle", [0xffff_ffff, "a"], { digest: "b", written: 0xffff_ffff }, 1],
    ["kept", [9, "a"], { digest: "b", written: 3, keep: true }, 3],
  ];
  for (const [what, before, { digest, written, keep = false }, serial] of cases) {
    const known: ZoneSerials = new Map(
      before === undefined ? [] : [[apex, { serial: before[0], digest: before[1] }]],
    );
    const choice = chooseSerials(known, nowMs);
    assert.equal(choice.serialOf({ apex, digest, written, keep }), serial, what);
    const same = before?.[0] === serial && before[1] === digest;
    assert.deepEqual(choice.chosen()?.get(apex), same ? undefined : { serial, digest }, what);
    assert.equal(choice.problems().length, what === "kept" ? 1 : 0, what);
  }
});

void test("chooseSerials() of `auto` never goes back and always moves when content does", () => {
  const step = fc.record({
    digest: fc.constantFrom("a", "b", "c"),
    written: fc.option(fc.nat({ max: 0xffff_ffff }), { nil: undefined }),
    nowMs: fc.nat({ max: 4_000_000_000_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      let known: ZoneSerials = new Map();
      for (const { digest, written, nowMs: at } of steps) {
        const choice = chooseSerials(known, at);
        const serial = choice.serialOf({ apex, digest, written, keep: false });
        const before = known.get(apex);
        if (before !== undefined) {
          const moved = isSerialAfter(serial, before.serial);
          assert.ok(moved || (serial === before.serial && digest === before.digest));
        }
        known = choice.chosen() ?? known;
      }
    }),
  );
});
