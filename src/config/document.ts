/**
 * One YAML text -> plain values, and the place of every value in it. Called by load.ts. Depth,
 * aliases and the number of errors are bounded before anything is expanded, so a hostile text costs
 * time in proportion to its length. Keys that stand twice are reported here; the first one counts.
 */
import {
  type Alias,
  Composer,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  Parser,
  type YAMLMap,
  type Document as YamlDocument,
} from "yaml";
import type { Place, ProblemCode } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Source } from "./source.ts";

/** Steps from the top of a document. */
export type Path = readonly (string | number)[];

export interface DocumentProblem {
  readonly code: ProblemCode;
  readonly place: Place;
  readonly path: Path;
  readonly message: string;
  readonly hint: string;
}

export interface ConfigDocument {
  readonly file: string;
  /** undefined when the text is no YAML; then only its problems are of use. */
  readonly value: unknown;
  readonly problems: readonly DocumentProblem[];
  /**
   * Where the value at a path stands, or as much of the path as exists. A block mapping or list is
   * shown at its key, since its own first line is somebody else's; `key` asks for the key always.
   */
  readonly locate: (path: Path, want?: "key" | "value") => Place;
}

type CstToken = ReturnType<Parser["parse"]> extends Iterable<infer Token> ? Token : never;

export function readDocument(source: Source): ConfigDocument {
  const counter = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = counter.linePos(offset);
    return { file: source.file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems: DocumentProblem[] = [];
  const fail = (code: ProblemCode, offset: number, message: string, hint: string): void => {
    const place = placeAt(offset);
    // What follows on the same line is an echo of the first.
    if (problems.length >= limits.yamlErrorsMax || problems.at(-1)?.place.line === place.line)
      return;
    problems.push({ code, place, path: [], message, hint });
  };
  const nothing = { file: source.file, value: undefined, locate: () => placeAt(0) };

  const tokens = [...new Parser(counter.addNewLine).parse(source.text)];
  const deepAt = tooDeepAt(tokens);
  if (deepAt !== undefined) {
    const hint = `at most ${limits.yamlDepthMax} levels`;
    fail("yaml.syntax", deepAt, "mappings and lists are nested too deep", hint);
    return { ...nothing, problems };
  }
  const composer = new Composer({ uniqueKeys: false, merge: false, version: "1.2" });
  const documents = [...composer.compose(tokens)] as YamlDocument.Parsed[];
  const document = documents[0];
  if (document === undefined) return { ...nothing, value: {}, problems };
  for (const { errors, warnings } of documents) {
    for (const fault of [...errors, ...warnings]) {
      fail(
        "yaml.syntax",
        fault.pos[0],
        firstLine(fault.message),
        "see https://yaml.org/spec/1.2.2",
      );
    }
  }
  const second = documents[1];
  if (second !== undefined) {
    const hint = "remove the `---`, or make it a file of its own";
    fail("yaml.syntax", second.range[0], "a second document in one file", hint);
  }
  if (document.directives?.yaml.explicit && document.directives.yaml.version !== "1.2") {
    fail("yaml.syntax", 0, "only YAML 1.2 is read", "remove the line that starts with %YAML");
  }
  if (problems.length > 0) return { ...nothing, problems };

  const reader = new ValueReader(placeAt);
  const value = reader.read(document.contents);
  // Without one key, or the second of two, the rest is what it is; without an alias it is not.
  const fatal = reader.problems.some((problem) => problem.code === "yaml.aliases");
  return {
    file: source.file,
    value: fatal ? undefined : (value ?? {}),
    problems: reader.problems,
    locate: locator(document.contents, reader.targets, placeAt),
  };
}

function firstLine(message: string): string {
  return (message.split("\n", 1)[0] ?? "").replace(/( at line \d+, column \d+)?:?$/, "");
}

/** Offset of the first token nested deeper than the limit. A walk without recursion. */
function tooDeepAt(tokens: readonly CstToken[]): number | undefined {
  const stack: { token: CstToken; depth: number }[] = [];
  for (const token of tokens) stack.push({ token, depth: 0 });
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { token, depth } = top;
    if (depth > limits.yamlDepthMax) return "offset" in token ? token.offset : 0;
    if (token.type === "document" && token.value !== undefined) {
      stack.push({ token: token.value, depth });
    }
    if (!("items" in token)) continue;
    for (const item of token.items) {
      if (item.key) stack.push({ token: item.key, depth: depth + 1 });
      if (item.value) stack.push({ token: item.value, depth: depth + 1 });
    }
  }
  return undefined;
}

/** As keys of an object they are more than names. */
const reservedKeys: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** AST -> values. An anchored node is converted once and shared; its size counts at every use. */
class ValueReader {
  readonly problems: DocumentProblem[] = [];
  /** What each alias stands for. */
  readonly targets = new Map<Alias, Node>();
  readonly #placeAt: (offset: number) => Place;
  /** By name; a name may be given again, and an alias means the last one before it. */
  readonly #anchors = new Map<string, Node>();
  /** Missing while the node is still being read. */
  readonly #anchored = new Map<Node, { readonly value: unknown; readonly size: number }>();
  readonly #path: (string | number)[] = [];
  readonly #counts = new Map<ProblemCode, number>();
  #size = 0;
  #aliasedSize = 0;

  constructor(placeAt: (offset: number) => Place) {
    this.#placeAt = placeAt;
  }

  read(node: unknown): unknown {
    if (node === null || node === undefined) return null;
    if (isAlias(node)) return this.#readAlias(node);
    const before = this.#size++;
    const anchored = node as Node & { anchor?: string };
    if (anchored.anchor !== undefined) this.#anchors.set(anchored.anchor, anchored);
    let value: unknown = null;
    if (isScalar(node)) value = node.value;
    else if (isMap(node)) value = this.#readMap(node);
    else if (isSeq(node)) {
      value = node.items.map((item, index) => this.#at(index, () => this.read(item)));
    }
    if (anchored.anchor !== undefined) {
      this.#anchored.set(anchored, { value, size: this.#size - before });
    }
    return value;
  }

  #at<T>(step: string | number, action: () => T): T {
    this.#path.push(step);
    const result = action();
    this.#path.pop();
    return result;
  }

  #readAlias(alias: Alias): unknown {
    const target = this.#anchors.get(alias.source);
    const known = target === undefined ? undefined : this.#anchored.get(target);
    if (target === undefined || known === undefined) {
      const inside = target !== undefined;
      const message = inside ? "an alias inside what it stands for" : "an alias of nothing";
      this.#report("yaml.aliases", alias, message, `write the value instead of *${alias.source}`);
      return null;
    }
    this.targets.set(alias, target);
    this.#size += known.size;
    this.#aliasedSize += known.size;
    if (this.#aliasedSize > limits.yamlAliasedNodesMax) {
      const most = limits.yamlAliasedNodesMax;
      const message = `aliases stand for more than ${most} values`;
      this.#report("yaml.aliases", alias, message, "write the values out, or fewer of them");
      return null;
    }
    return known.value;
  }

  #readMap(map: YAMLMap): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    const lines = new Map<string, number>();
    for (const item of map.items) {
      const key = keyText(item);
      if (key === undefined) {
        const hint = "keys are plain words or quoted text";
        this.#report("yaml.syntax", item.key ?? map, "a key that is no text", hint);
        continue;
      }
      if (reservedKeys.has(key)) {
        const message = `\`${key}\` can be no key: it has a meaning of its own in JavaScript`;
        this.#at(key, () =>
          this.#report("config.invalid", item.key, message, "choose another name"),
        );
        continue;
      }
      const offset = offsetOfNode(item.key);
      const first = lines.get(key);
      if (first !== undefined) {
        const message = `\`${key}\` stands twice; the first is on line ${first}`;
        this.#at(key, () =>
          this.#report("yaml.duplicate-key", item.key, message, "remove one of the two"),
        );
        continue;
      }
      lines.set(key, this.#placeAt(offset).line);
      value[key] = this.#at(key, () => this.read(item.value));
    }
    return value;
  }

  #report(code: ProblemCode, node: unknown, message: string, hint: string): void {
    // A bomb has as many aliases too many as it likes; others are each a mistake of their own.
    const most = code === "yaml.aliases" ? 1 : limits.problemsMax;
    const before = this.#counts.get(code) ?? 0;
    if (before === most) return;
    this.#counts.set(code, before + 1);
    const place = this.#placeAt(offsetOfNode(node));
    this.problems.push({ code, place, path: [...this.#path], message, hint });
  }
}

/** The key as the operator wrote it: `1` and `true` are names too. */
function keyText(item: Pair): string | undefined {
  const { key } = item;
  if (!isScalar(key) || key.value === null) return undefined;
  return typeof key.value === "string" ? key.value : key.source;
}

function offsetOfNode(node: unknown): number {
  return (node as Partial<Node> | null)?.range?.[0] ?? 0;
}

/**
 * Answers `locate`; each mapping asked about is indexed once, since some hold thousands of keys.
 */
function locator(
  contents: Node | null,
  targets: ReadonlyMap<Alias, Node>,
  placeAt: (offset: number) => Place,
): ConfigDocument["locate"] {
  const indices = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();
  const pairOf = (map: YAMLMap, key: string): Pair | undefined => {
    let index = indices.get(map);
    if (index === undefined) {
      // Of a key that stands twice the first counts: it is set last.
      index = new Map(map.items.toReversed().map((pair) => [keyText(pair) ?? "", pair]));
      indices.set(map, index);
    }
    return index.get(key);
  };
  return (path, want = "value") => {
    let node: unknown = contents;
    let offset = offsetOfNode(node);
    for (const step of path) {
      if (isAlias(node)) node = targets.get(node);
      if (isMap(node)) {
        const pair = pairOf(node, String(step));
        if (pair === undefined) break;
        node = pair.value;
        offset = offsetOfNode(want === "key" || !hasOwnPlace(node) ? pair.key : node);
      } else if (isSeq(node)) {
        const item: unknown = node.items[Number(step)];
        if (item === undefined) break;
        node = isPair(item) ? item.value : item;
        offset = offsetOfNode(node);
      } else break;
    }
    return placeAt(offset);
  };
}

/** Block collections start on the line of their first item, and nothing stands nowhere. */
function hasOwnPlace(node: unknown): boolean {
  if (isMap(node) || isSeq(node)) return node.flow === true;
  return isAlias(node) || (isScalar(node) && node.value !== null);
}
