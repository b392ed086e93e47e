/** Problems as lines: nothing that an operator's text holds plays tricks on a terminal. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatProblem, visible } from "./errors.ts";

test("visible() shows what moves, hides or turns text round", () => {
  assert.equal(visible("a\u001b[31mb"), "a\\u{1b}[31mb");
  assert.equal(
    visible("\u202ea\u2066b\u200bc\u2028\ufeff\u0085"),
    ["\\u{202e}a\\u{2066}b\\u{200b}c\\u{2028}\\u{feff}\\u{85}"].join(""),
  );
  assert.equal(visible("\ud800"), "\\u{d800}");
  assert.equal(visible("Zürich 東京 😀 e\u0301"), "Zürich 東京 😀 e\u0301");
});

test("formatProblem() is one line of seen characters, whatever it is made of", () => {
  const text = fc.string({ unit: "binary" });
  fc.assert(
    fc.property(text, text, text, text, (path, message, hint, file) => {
      const place = { file, line: 1, column: 1 };
      const line = formatProblem({
        code: "config.invalid",
        severity: "error",
        path,
        message,
        hint,
        place,
      });
      assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }),
  );
});
