/** Lines of the log as people read them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatLogLine } from "./log-view.ts";

void test("formatLogLine() shows time, part, level unless info, and the rest as pairs", () => {
  const head = { time: "2026-01-02T03:04:05.678Z", part: "dns", pid: 7 };
  const line = (entry: object): string =>
    formatLogLine(JSON.stringify({ ...head, ...entry })).replace(/^\d\d:\d\d:\d\d /, "");
  assert.equal(line({ level: "info", msg: "serves" }), "dns        serves");
  assert.equal(
    line({ level: "warn", msg: "late", after: 3, what: "x y" }),
    "dns        warn: late after=3 what=x y",
  );
  const err = { message: "no", stack: "Error: no\n at x" };
  assert.equal(
    line({ level: "fatal", msg: "ends", err }),
    "dns        fatal: ends Error: no\n at x",
  );
});

void test("formatLogLine() lets through what is not a line of the log", () => {
  for (const line of ["", "Segmentation fault", "{", '{"a":1}', "[1]", "null"]) {
    assert.equal(formatLogLine(line), line);
  }
});

void test("formatLogLine() shows unusual characters as what they are", () => {
  const entry = { time: "2026-01-02T03:04:05.678Z", part: "dns", level: "info" };
  const line = formatLogLine(JSON.stringify({ ...entry, msg: "a\u001b[2J", key: "\u202eb" }));
  assert.match(line, / a\\u\{1b\}\[2J key=\\u\{202e\}b$/);
  assert.equal(formatLogLine("\u001b]0;title\u0007"), "\\u{1b}]0;title\\u{7}");
});
