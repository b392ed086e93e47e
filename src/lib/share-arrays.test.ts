import assert from "node:assert/strict";
import { test } from "node:test";
import { shareArrays } from "./share-arrays.ts";

test("shareArrays() copies typed arrays to shared memory, each once", () => {
  const twice = Uint16Array.of(1, 65_535);
  const value = {
    text: "x",
    list: [{ cells: twice }, { cells: twice }],
    others: [Uint8Array.of(7).subarray(0), Int32Array.of(-1), Uint32Array.of(0xffff_ffff)],
    nothing: undefined,
  };
  const shared = shareArrays(value);
  assert.deepEqual(shared, value);
  assert.equal(shared.list[0]?.cells, shared.list[1]?.cells);
  assert.ok(shared.list[0]?.cells.buffer instanceof SharedArrayBuffer);
  const cloned = structuredClone(shared);
  cloned.list[0]?.cells.set([9]);
  assert.equal(shared.list[1]?.cells[0], 9);
});
