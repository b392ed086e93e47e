/**
 * Conditions of rules: a checked subset of CEL. Called by compile-rules.ts once a condition. The
 * text is parsed by cel-js; what is not named in the table below is refused with its position, so a
 * rule never means something else than it says. A condition is evaluated at compile time only, for
 * each location.
 *
 * | form                                    | on                                       |
 * |-----------------------------------------|------------------------------------------|
 * | `==`, `!=`                              | a variable and a text                    |
 * | `in [...]`                              | a variable and texts                     |
 * | `.startsWith("...")`                    | a variable                               |
 * | `==`, `!=`, `in [...]`                  | `asn` and numbers                        |
 * | `"EU" in jurisdiction`                  | the client's jurisdictions               |
 * | `inCidr(["192.0.2.0/24", ...])`         | the client's address                     |
 * | `&&`, `||`, `!`, `(...)`, `true`, `false` | conditions                             |
 */
import { type ASTNode, Environment, ParseError } from "@marcbachmann/cel-js";
import { laterConditionWords } from "../config/unsupported.ts";
import type { ProblemCode } from "../errors.ts";
import { nearestOf } from "../lib/did-you-mean.ts";
import { formatPrefix, parsePrefix } from "../lib/ip.ts";
import { limits } from "../limits.ts";

export const whenVariables = ["country", "continent", "subdivision", "front"] as const;
export type WhenVariable = (typeof whenVariables)[number];

/** What a condition reads of a client. Empty where nothing is known. */
export type WhenFacts = Readonly<Record<WhenVariable, string>> & {
  /** Texts of the rule CIDRs, as in `When.cidrs`, that hold the client's address. */
  readonly cidrs: ReadonlySet<string>;
  /** 0 where nothing is known; any number that no condition asks for may stand for another. */
  readonly asn: number;
  readonly jurisdictions: ReadonlySet<string>;
};

export interface When {
  readonly matches: (facts: WhenFacts) => boolean;
  readonly readsFront: boolean;
  /** The AS numbers it asks for, each once; undefined when it does not read `asn`. */
  readonly asns: readonly number[] | undefined;
  /** The prefixes it asks for, in RFC 5952 form, each once. */
  readonly cidrs: readonly string[];
}

export interface WhenFault {
  readonly code: ProblemCode;
  readonly message: string;
  readonly hint: string;
}

export type WhenResult =
  | { readonly ok: true; readonly when: When }
  | { readonly ok: false; readonly faults: readonly WhenFault[] };

type Test = When["matches"];

/** Every word that stands for something of a client. */
const whenWords: ReadonlySet<string> = new Set([...whenVariables, "asn", "jurisdiction"]);

/** What a text compared with a variable must look like, so that a typing error is no empty rule. */
const forms: Readonly<Record<WhenVariable, { readonly test: RegExp; readonly like: string }>> = {
  country: { test: /^[A-Z]{2}$/, like: 'two capital letters such as "DE" (ISO 3166)' },
  continent: { test: /^(AF|AN|AS|EU|NA|OC|SA)$/, like: "one of AF, AN, AS, EU, NA, OC, SA" },
  front: { test: /^(dns|redirect)$/, like: "one of dns, redirect" },
  subdivision: { test: /^[A-Z]{2}-[A-Z0-9]{1,3}$/, like: 'a code such as "US-CA" (ISO 3166-2)' },
};

const environment = new Environment({
  unlistedVariablesAreDyn: true,
  limits: {
    maxAstNodes: limits.whenNodesMax,
    maxDepth: limits.whenDepthMax,
    maxListElements: limits.whenNodesMax,
    maxMapEntries: 1,
    maxCallArguments: 8,
  },
});

/** Whether there is a jurisdiction of this name, and what the names are, for a hint. */
export interface KnownJurisdictions {
  readonly has: (name: string) => boolean;
  readonly names: readonly string[];
}

const noJurisdictions: KnownJurisdictions = { has: () => false, names: [] };

export function compileWhen(text: string, known = noJurisdictions): WhenResult {
  const faults: WhenFault[] = [];
  const ast = parseWhen(text, faults);
  if (ast === undefined) return { ok: false, faults };
  const reading: Reading = {
    faults,
    known,
    cidrs: new Set(),
    asns: new Set(),
    readsAsn: false,
    readsFront: false,
  };
  const matches = readTest(ast, reading);
  if (matches === undefined || faults.length > 0) return { ok: false, faults };
  const asns = reading.readsAsn ? [...reading.asns] : undefined;
  const { readsFront } = reading;
  return { ok: true, when: { matches, readsFront, cidrs: [...reading.cidrs], asns } };
}

function parseWhen(text: string, faults: WhenFault[]): ASTNode | undefined {
  try {
    return environment.parse(text).ast;
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const at = error.range === undefined ? "" : ` at character ${error.range.start + 1}`;
    const message = `the condition cannot be read: ${lowerFirst(error.summary)}${at}`;
    faults.push({ code: "config.invalid", message, hint: exampleHint });
    return undefined;
  }
}

const exampleHint = 'write for example `country in ["DE", "AT"] || continent == "AF"`';
const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);

interface Reading {
  readonly faults: WhenFault[];
  readonly known: KnownJurisdictions;
  readonly cidrs: Set<string>;
  readonly asns: Set<number>;
  readsAsn: boolean;
  readsFront: boolean;
}

/** A node that is true or false; undefined once a fault is noted. */
function readTest(node: ASTNode, reading: Reading): Test | undefined {
  switch (node.op) {
    case "value":
      if (typeof node.args !== "boolean") break;
      return node.args ? () => true : () => false;
    case "&&":
    case "||": {
      const left = readTest(node.args[0], reading);
      const right = readTest(node.args[1], reading);
      if (left === undefined || right === undefined) return undefined;
      return node.op === "&&"
        ? (facts) => left(facts) && right(facts)
        : (facts) => left(facts) || right(facts);
    }
    case "!_": {
      const inner = readTest(node.args, reading);
      return inner && ((facts) => !inner(facts));
    }
    case "==":
    case "!=":
      return readComparison(node, { sides: node.args, equal: node.op === "==" }, reading);
    case "in":
      return readMembership(node, node.args, reading);
    case "call":
      if (node.args[0] !== "inCidr") break;
      return readCidrs(node, node.args[1], reading);
    case "rcall":
      if (node.args[0] !== "startsWith") break;
      return readPrefixTest(node, { on: node.args[1], given: node.args[2] }, reading);
    default:
      break;
  }
  return refuse(node, reading);
}

function readComparison(
  node: ASTNode,
  of: { readonly sides: readonly [ASTNode, ASTNode]; readonly equal: boolean },
  reading: Reading,
): Test | undefined {
  const [a, b] = of.sides;
  if (isVariable(a, "asn") || isVariable(b, "asn")) {
    const numbers = readNumbers(node, [isVariable(a, "asn") ? b : a], reading);
    if (numbers === undefined) return undefined;
    return of.equal ? ({ asn }) => numbers.has(asn) : ({ asn }) => !numbers.has(asn);
  }
  if (isVariable(a, "jurisdiction") || isVariable(b, "jurisdiction")) {
    return fault(node, reading, 'a client may be in several: write `"EU" in jurisdiction`');
  }
  const text = textOf(a) ?? textOf(b);
  const other = textOf(a) === undefined ? a : b;
  if (text === undefined) {
    if (noteUnknownWords([a, b], reading)) return undefined;
    return fault(node, reading, "compares something else than a variable with a text");
  }
  const variable = readVariable(other, reading);
  if (variable === undefined || !checkForm(node, { variable, text }, reading)) return undefined;
  return of.equal ? (facts) => facts[variable] === text : (facts) => facts[variable] !== text;
}

function readMembership(
  node: ASTNode,
  [on, list]: readonly [ASTNode, ASTNode],
  reading: Reading,
): Test | undefined {
  if (isVariable(list, "jurisdiction")) return readJurisdiction(node, on, reading);
  if (isVariable(on, "asn")) {
    const numbers = readNumbers(node, list.op === "list" ? list.args : [], reading);
    return numbers && (({ asn }) => numbers.has(asn));
  }
  const variable = readVariable(on, reading);
  if (variable === undefined) return undefined;
  const texts = readTexts(list, reading, "`in` needs a list of texts");
  if (texts === undefined) return undefined;
  const good = texts.filter((text) => checkForm(node, { variable, text }, reading));
  const set = new Set(good);
  return good.length === texts.length ? (facts) => set.has(facts[variable]) : undefined;
}

const isVariable = (node: ASTNode, name: string): boolean => node.op === "id" && node.args === name;

function readJurisdiction(node: ASTNode, on: ASTNode, reading: Reading): Test | undefined {
  const name = textOf(on);
  if (name === undefined) return fault(node, reading, "`in jurisdiction` needs one text before it");
  if (reading.known.has(name)) return ({ jurisdictions }) => jurisdictions.has(name);
  const { names } = reading.known;
  const near = nearestOf(name, names);
  reading.faults.push({
    code: "config.unknown-reference",
    message: `there is no jurisdiction ${JSON.stringify(name)}`,
    hint:
      near === undefined
        ? `write a country such as "DE", one of ${names.join(", ")}, or define it under \`jurisdictions\``
        : `did you mean \`${near}\`?`,
  });
  return undefined;
}

/** AS numbers; 0 is what a client has whose system is not known. */
function readNumbers(
  node: ASTNode,
  given: readonly ASTNode[],
  reading: Reading,
): ReadonlySet<number> | undefined {
  reading.readsAsn = true;
  const numbers = given.flatMap(({ op, args }) =>
    op === "value" && typeof args === "bigint" && args >= 0n && args <= 0xffff_ffffn
      ? [Number(args)]
      : [],
  );
  if (numbers.length === 0 || numbers.length < given.length) {
    return fault(node, reading, "`asn` is compared with numbers such as 3320, or a list of them");
  }
  for (const number of numbers) reading.asns.add(number);
  return new Set(numbers);
}

function readPrefixTest(
  node: ASTNode,
  of: { readonly on: ASTNode; readonly given: readonly ASTNode[] },
  reading: Reading,
): Test | undefined {
  const variable = readVariable(of.on, reading);
  const [only] = of.given;
  const start = only === undefined ? undefined : textOf(only);
  if (variable === undefined) return undefined;
  if (start === undefined || start === "" || of.given.length !== 1) {
    return fault(node, reading, "`startsWith` needs one text that is not empty");
  }
  return (facts) => facts[variable].startsWith(start);
}

function readCidrs(node: ASTNode, given: readonly ASTNode[], reading: Reading): Test | undefined {
  const [list] = given;
  if (list === undefined || given.length !== 1) {
    return fault(node, reading, "`inCidr` needs one list of prefixes");
  }
  const texts = readTexts(list, reading, "`inCidr` needs a list of prefixes");
  if (texts === undefined) return undefined;
  const canonical: string[] = [];
  for (const text of texts) {
    const prefix = parsePrefix(text);
    if (prefix === undefined || prefix.hostBits) {
      const message = `${JSON.stringify(text)} is no prefix${prefix === undefined ? "" : ": bits are set after its length"}`;
      const hint = "write for example `192.0.2.0/24` or `2001:db8::/32`";
      reading.faults.push({ code: "config.invalid", message, hint });
      continue;
    }
    canonical.push(formatPrefix(prefix));
  }
  for (const cidr of canonical) reading.cidrs.add(cidr);
  return (facts) => canonical.some((cidr) => facts.cidrs.has(cidr));
}

function readTexts(node: ASTNode, reading: Reading, message: string): string[] | undefined {
  const items = node.op === "list" ? node.args : [];
  const texts = items.map(textOf).filter((text) => text !== undefined);
  if (texts.length > 0 && texts.length === items.length) return texts;
  return fault(node, reading, message);
}

const textOf = (node: ASTNode): string | undefined =>
  node.op === "value" && typeof node.args === "string" ? node.args : undefined;

function readVariable(node: ASTNode, reading: Reading): WhenVariable | undefined {
  if (node.op !== "id") return fault(node, reading, "expected a variable here");
  const known = whenVariables.find((variable) => variable === node.args);
  if (known === "front") reading.readsFront = true;
  if (known !== undefined) return known;
  if (node.args === "asn" || node.args === "jurisdiction") {
    return fault(node, reading, `\`${node.args}\` cannot be used here`);
  }
  noteUnknownWord(node.args, reading);
  return undefined;
}

function noteUnknownWords(nodes: readonly ASTNode[], reading: Reading): boolean {
  let noted = false;
  for (const node of nodes) {
    if (node.op !== "id" || whenWords.has(node.args)) continue;
    noteUnknownWord(node.args, reading);
    noted = true;
  }
  return noted;
}

function noteUnknownWord(word: string, reading: Reading): void {
  const later = laterConditionWords.has(word);
  const near = nearestOf(word, [...whenWords]);
  const known = `variables are ${whenVariables.join(", ")}, asn, jurisdiction, and there is \`inCidr([...])\``;
  reading.faults.push({
    code: later ? "config.unsupported" : "config.invalid",
    message: later
      ? `\`${word}\` in a condition is not supported yet`
      : `\`${word}\` is no variable of conditions`,
    hint: later || near === undefined ? known : `did you mean \`${near}\`?`,
  });
}

function checkForm(
  node: ASTNode,
  of: { readonly variable: WhenVariable; readonly text: string },
  reading: Reading,
): boolean {
  const { variable, text } = of;
  const form = forms[variable];
  // "" is what an unknown place has.
  if (text === "" || form.test.test(text)) return true;
  fault(node, reading, `${JSON.stringify(text)} is no ${variable}: expected ${form.like}`);
  return false;
}

/** A node of none of the forms. */
function refuse(node: ASTNode, reading: Reading): undefined {
  const inner = identifiersOf(node).filter((word) => laterConditionWords.has(word));
  for (const word of new Set(inner)) noteUnknownWord(word, reading);
  if (inner.length > 0) return undefined;
  if (node.op === "id") {
    if (!whenWords.has(node.args)) {
      noteUnknownWord(node.args, reading);
      return undefined;
    }
    return fault(node, reading, `\`${node.args}\` alone is neither true nor false`);
  }
  return fault(node, reading, "only ==, !=, in, startsWith, inCidr, &&, || and ! are understood");
}

function fault(node: ASTNode, reading: Reading, message: string): undefined {
  const excerpt = node.input.slice(node.range.start, node.range.end);
  const shown = excerpt.length > 40 ? `${excerpt.slice(0, 37)}...` : excerpt;
  const at = `\`${shown}\` at character ${node.range.start + 1}`;
  reading.faults.push({ code: "config.invalid", message: `${message} (${at})`, hint: exampleHint });
  return undefined;
}

/** Every identifier in an expression; depth is bounded by the parser. */
function identifiersOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(identifiersOf);
  if (typeof value !== "object" || value === null || !("op" in value)) return [];
  const node = value as ASTNode;
  if (node.op === "id") return [node.args];
  return identifiersOf(Array.isArray(node.args) ? node.args : [node.args]);
}
