import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { limits } from "../limits.ts";
import { readDocument } from "./document.ts";

const read = (text: string) => readDocument({ file: "f.yaml", text });
const codes = (text: string): readonly string[] =>
  read(text).problems.map(({ code, place }) => `${place.line}:${place.column} ${code}`);

test("readDocument() gives plain values", () => {
  const { value, problems } = read("a: 1\nb: [x, {c: null}]\n1: true\n'q': off\nd: NO\n");
  assert.deepEqual(problems, []);
  assert.deepEqual(value, { a: 1, b: ["x", { c: null }], 1: true, q: "off", d: "NO" });
});

test("readDocument() takes an empty text for an empty mapping", () => {
  for (const text of ["", "# nothing\n", "---\n"]) assert.deepEqual(read(text).value, {}, text);
});

test("readDocument() reports a key that stands twice, and the first counts", () => {
  const document = read("a: 1\nb: 2\na: 3\n");
  assert.deepEqual(codes("a: 1\nb: 2\na: 3\n"), ["3:1 yaml.duplicate-key"]);
  assert.deepEqual(document.value, { a: 1, b: 2 });
  assert.equal(document.locate(["a"]).line, 1);
});

const refused: readonly (readonly [string, string, string])[] = [
  ["a tab", "a:\n\t- b", "2:1 yaml.syntax"],
  ["an open list", "a: [1, 2\nb: 3", "2:1 yaml.syntax"],
  ["two documents", "a: 1\n---\nb: 1", "2:1 yaml.syntax"],
  ["an unknown tag", "a: !!python/object 1", "1:4 yaml.syntax"],
  ["another YAML", "%YAML 1.1\n---\na: no", "1:1 yaml.syntax"],
  ["an alias of nothing", "a: *b", "1:4 yaml.aliases"],
  ["an alias of a later anchor", "a: *b\nb: &b 1", "1:4 yaml.aliases"],
  ["an alias inside itself", "a: &a [1, *a]", "1:11 yaml.aliases"],
];
for (const [what, text, expected] of refused) {
  test(`readDocument() refuses ${what}`, () => {
    assert.deepEqual(codes(text), [expected]);
    assert.equal(read(text).value, undefined);
  });
}

test("readDocument() leaves out keys that are none, and reads the rest", () => {
  const text = "? {a: 1}\n: 2\n__proto__: {a: 1}\nb: {constructor: 1, c: 2}\n? [1]\n: 3\n";
  assert.deepEqual(codes(text), [
    "1:3 yaml.syntax",
    "3:1 config.invalid",
    "4:5 config.invalid",
    "5:3 yaml.syntax",
  ]);
  assert.deepEqual(read(text).value, { b: { c: 2 } });
});

test("readDocument() takes the last anchor of a name before the alias", () => {
  assert.deepEqual(read("a: &x 1\nb: *x\nc: &x 2\nd: *x\n").value, { a: 1, b: 1, c: 2, d: 2 });
});

/** Each line doubles (or more) the one before. */
const bombs: Readonly<Record<string, string>> = {
  lists: Array.from({ length: 40 }, (_, i) =>
    i === 0 ? "k0: &k0 [1, 1]" : `k${i}: &k${i} [*k${i - 1}, *k${i - 1}]`,
  ).join("\n"),
  mappings: Array.from({ length: 40 }, (_, i) =>
    i === 0 ? "k0: &k0 {a: 1}" : `k${i}: &k${i} {l: *k${i - 1}, r: *k${i - 1}}`,
  ).join("\n"),
  wide: `a: &a [${"1,".repeat(2000)}]\nb: [${"*a,".repeat(2000)}]`,
};
for (const [name, text] of Object.entries(bombs)) {
  test(`readDocument() refuses a bomb of ${name} once`, () => {
    const { problems, value } = read(text);
    assert.deepEqual(
      problems.map(({ code }) => code),
      ["yaml.aliases"],
    );
    assert.equal(value, undefined);
  });
}

test("readDocument() allows one alias in thousands of places", () => {
  const lines = Array.from({ length: 5000 }, (_, i) => `s${i}: *check`);
  const { problems } = read(`first: &check {https: /, interval: 2s}\n${lines.join("\n")}`);
  assert.deepEqual(problems, []);
});

const nested: Readonly<Record<string, string>> = {
  "flow lists": "[".repeat(50_000),
  "flow mappings": "{a: ".repeat(20_000),
  "block mappings": Array.from({ length: 1000 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"),
  "block lists": "- ".repeat(20_000),
  "keys of keys": "? ".repeat(20_000),
};
for (const [name, text] of Object.entries(nested)) {
  test(`readDocument() refuses deep ${name}`, () => {
    const { problems } = read(`a:\n ${text}`);
    assert.deepEqual(
      problems.map(({ code }) => code),
      ["yaml.syntax"],
    );
  });
}

test("readDocument() reports at most yamlErrorsMax syntax errors", () => {
  const text = Array.from({ length: 1000 }, (_, i) => `k${i}: !tag 1\n`).join("");
  assert.equal(codes(text).length, limits.yamlErrorsMax);
});

test("locate() finds keys and values", () => {
  const document = read(
    ["a:", "  b: one", "  c: [x, {d: y}]", "  e:", "    - f: 1", "    -", "      - 2"].join("\n"),
  );
  const at = (path: (string | number)[], want?: "key"): string => {
    const { line, column } = document.locate(path, want);
    return `${line}:${column}`;
  };
  assert.equal(at([]), "1:1");
  assert.equal(at(["a"]), "1:1", "a block mapping is shown at its key");
  assert.equal(at(["a", "b"]), "2:6");
  assert.equal(at(["a", "b"], "key"), "2:3");
  assert.equal(at(["a", "c"]), "3:6", "a flow list has a place of its own");
  assert.equal(at(["a", "c", 1, "d"]), "3:14");
  assert.equal(at(["a", "e", 0, "f"]), "5:10");
  assert.equal(at(["a", "e", 1, 0]), "7:9");
  assert.equal(at(["a", "b", "missing"]), "2:6", "as much of the path as exists");
  assert.equal(at(["a", "missing", "more"]), "1:1");
  assert.equal(at(["a", "e", 9]), "4:3");
});

test("locate() follows an alias to what it stands for", () => {
  const document = read("a: &x\n  b: 1\nc: *x\n");
  assert.deepEqual(document.locate(["c", "b"]), { file: "f.yaml", line: 2, column: 6 });
  assert.deepEqual(document.locate(["c"]), { file: "f.yaml", line: 3, column: 4 });
});

test("readDocument() never throws and its places lie in the text", () => {
  const piece = fc.constantFrom(
    ..."a b : - [ ] { } , & * ! | > ' \" # % @ ? --- ... << 1 ~ &a *a ".split(" "),
    "\n",
    " ",
    "\t",
    "\u0000",
    "é",
    "\ud800",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const text = pieces.join("");
      const lines = text.split(/\r\n|\r|\n/).length;
      for (const { place } of read(text).problems) {
        assert.ok(place.line >= 1 && place.line <= lines + 1 && place.column >= 1);
      }
    }),
    { numRuns: 1000 },
  );
});
