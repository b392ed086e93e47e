/** The figures of the worked examples in docs/steering.md are those of the code. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { biasedMetres } from "../../src/geo/distance.ts";

const page = readFileSync(new URL("../../docs/steering.md", import.meta.url), "utf8");

/** The rows of the table with this head. */
function rowsOf(head: string): readonly (readonly string[])[] {
  const start = page.indexOf(`${head}\n`);
  assert.notEqual(start, -1, head);
  const lines = page.slice(start).split("\n").slice(2);
  const end = lines.findIndex((line) => !line.startsWith("|"));
  return lines.slice(0, end).map((line) => {
    const cells = line.split("|").slice(1, -1);
    return cells.map((cell) => cell.trim());
  });
}

const whole = (text: string): number => Number.parseInt(text.replaceAll(",", ""), 10);

test("biasedMetres() gives the distances of the page", () => {
  const rows = rowsOf("| distance | bias | counts as |");
  assert.equal(rows.length, 7);
  for (const [distance = "", bias = "", counted = ""] of rows) {
    assert.equal(biasedMetres(whole(distance), whole(bias)), whole(counted), distance + bias);
  }
});
