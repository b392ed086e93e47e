/**
 * What zod says -> what an operator reads. Called by draft.ts. Every issue becomes one or more
 * `Finding`s, in words that fit after the value's path, with a cure; of a choice of forms the one
 * that the operator most likely meant is explained, not all of them.
 */
import type { z } from "zod";
import type { ProblemCode } from "../errors.ts";
import { nearestOf } from "../lib/did-you-mean.ts";
import type { Path } from "./document.ts";
import { isUnsupportedKey, offeredPrefix } from "./unsupported.ts";
import { formatDuration, parseDuration, quote } from "./values.ts";

type Issue = z.core.$ZodIssue;
type UnionIssue = z.core.$ZodIssueInvalidUnion;

/** A problem that does not know its file yet. */
export interface Finding {
  readonly code: ProblemCode;
  readonly path: Path;
  readonly message: string;
  readonly hint: string;
  readonly severity?: "warning";
  /** Show the key, not the value. */
  readonly at?: "key";
}

/** `base` is the path of the value that was parsed. */
export function findingsOf(issues: readonly Issue[], base: Path): Finding[] {
  return issues.flatMap((issue) => findingsOfIssue(issue, base));
}

function findingsOfIssue(issue: Issue, base: Path): Finding[] {
  const path: Path = [...base, ...issue.path.map(stepOf)];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(key, path, issue.message.split(" ")));
    case "invalid_union":
      return findingsOfUnion(issue, path);
    case "invalid_key": {
      const message = issue.issues[0]?.message ?? "is no name";
      const key = String(path.at(-1) ?? "");
      return [invalid(path, `${quote(key)}: ${message}`, "rename it", "key")];
    }
    case "invalid_type":
      return [wrongType(issue.input, path, [issue.expected])];
    case "invalid_value":
      return [wrongWord(issue, path, [])];
    case "too_small":
    case "too_big":
      return [outOfRange(issue, path)];
    case "invalid_format":
      return [invalid(path, `${issue.message}, got ${describe(issue.input)}`, durationHint(issue))];
    case "custom": {
      const params = (issue.params ?? {}) as Partial<Finding>;
      return [{ code: "config.invalid", hint: "", ...params, path, message: issue.message }];
    }
    default:
      return [invalid(path, issue.message, "")];
  }
}

/** `1h30m` is clear to people: it is said how it is written here. */
function durationHint({ input, message }: { input?: unknown; message: string }): string {
  if (typeof input !== "string" || !message.startsWith("expected a duration")) return "";
  const text = input.replace(/[\s_]+/g, "");
  if (/^\d+$/.test(text)) return `write its unit, such as \`${text}s\``;
  if (!/^(\d{1,9}(ms|s|m|h|d))+$/.test(text)) return "";
  const parts = text.match(/\d+[a-z]+/g) ?? [];
  const ms = parts.reduce((sum, part) => sum + (parseDuration(part) ?? 0), 0);
  return `write \`${formatDuration(ms)}\``;
}

function stepOf(step: PropertyKey): string | number {
  return typeof step === "symbol" ? String(step) : step;
}

function invalid(path: Path, message: string, hint: string, at?: "key"): Finding {
  return { code: "config.invalid", path, message, hint, ...(at === undefined ? {} : { at }) };
}

export function unknownKey(key: string, parent: Path, known: readonly string[]): Finding {
  if (key === "<<") {
    return {
      code: "config.unknown-key",
      path: [...parent, key],
      message: "keys are not merged: `<<` is none of YAML 1.2",
      hint: "write them out, or give the whole value an anchor and an alias",
      at: "key",
    };
  }
  const near = nearestOf(key, known);
  const working = known.filter((each) => !isUnsupportedKey([...parent, each]));
  return {
    code: "config.unknown-key",
    path: [...parent, key],
    message: `\`${key}\` is not a key of this mapping`,
    hint: near === undefined ? `its keys are ${working.join(", ")}` : `did you mean \`${near}\`?`,
    at: "key",
  };
}

/**
 * The best branch of a union speaks; when none fits at all, they say together what was expected.
 */
function findingsOfUnion(issue: UnionIssue, path: Path): Finding[] {
  const branches = issue.errors.filter((branch) => branch.length > 0);
  const fitting = branches.filter((branch) => !isMismatch(branch));
  if (fitting.length === 0) {
    const flat = branches.flatMap(flattenMismatch);
    const kinds = flat.flatMap((each) => (each.code === "invalid_type" ? [each.expected] : []));
    const word = flat.find((each) => each.code === "invalid_value");
    if (word !== undefined && typeof word.input === "string") return [wrongWord(word, path, kinds)];
    return [wrongType(flat[0]?.input ?? issue.input, path, kinds)];
  }
  const best = fitting.reduce((a, b) => (costOf(b) < costOf(a) ? b : a));
  const unknown = best.filter(
    (each) => each.code === "unrecognized_keys" && each.path.length === 0,
  );
  if (unknown.length === 0) return findingsOf(best, path);
  // `{weigths: ...}` fits no form better than another: know the keys of all of them.
  const known = new Set(fitting.flatMap(rootKeys));
  const rest = best.filter((each) => !unknown.includes(each) && !isMissingAtRoot(each));
  const keys = unknown.flatMap((each) => (each.code === "unrecognized_keys" ? each.keys : []));
  const own = new Set(rootKeys(best));
  return [...keys.map((key) => strangeKey(key, path, { known, own })), ...findingsOf(rest, path)];
}

/** A key of another form than the one chosen is not unknown, but out of place. */
function strangeKey(
  key: string,
  path: Path,
  keys: { readonly known: ReadonlySet<string>; readonly own: ReadonlySet<string> },
): Finding {
  if (!keys.known.has(key)) return unknownKey(key, path, [...keys.known]);
  const message = `\`${key}\` cannot stand beside ${[...keys.own].map((own) => `\`${own}\``).join(", ")}`;
  const hint = "remove one of the two";
  return { code: "config.conflict", path: [...path, key], message, hint, at: "key" };
}

function rootKeys(branch: readonly Issue[]): string[] {
  return branch.flatMap((issue) => {
    if (issue.path.length > 0) return [];
    if (issue.code === "invalid_union") return issue.errors.flatMap(rootKeys);
    return issue.code === "unrecognized_keys" ? issue.message.split(" ") : [];
  });
}

function isMissingAtRoot(issue: Issue): boolean {
  return issue.code === "invalid_type" && issue.path.length === 1 && issue.input === undefined;
}

/** The value is of another kind than the branch, so the branch has nothing of use to say. */
function isMismatch(branch: readonly Issue[]): boolean {
  return branch.some((issue) => {
    if (issue.path.length > 0) return false;
    if (issue.code === "invalid_union") return issue.errors.every(isMismatch);
    return issue.code === "invalid_type" || issue.code === "invalid_value";
  });
}

function flattenMismatch(branch: readonly Issue[]): Issue[] {
  return branch.flatMap((issue) =>
    issue.code === "invalid_union" ? issue.errors.flatMap(flattenMismatch) : [issue],
  );
}

/**
 * How far a value is from a branch. Keys that the branch does not know weigh most: they tell one
 * form from another; what is wrong further in weighs less, since the way there was right.
 */
function costOf(branch: readonly Issue[]): number {
  let cost = 0;
  for (const issue of branch) {
    const weight = 1 / (issue.path.length + 1);
    if (issue.code === "unrecognized_keys") cost += 10 * issue.keys.length * weight;
    else if (issue.code === "invalid_key") cost += 10.5;
    else if (isMismatch([issue])) cost += 10;
    else if (issue.code === "invalid_union") {
      const fitting = issue.errors.filter((nested) => !isMismatch(nested));
      cost += (fitting.length === 0 ? 10 : Math.min(...fitting.map(costOf))) * weight;
    } else cost += weight;
  }
  return cost;
}

const kindWords: Readonly<Record<string, string>> = {
  int: "a whole number",
  number: "a number",
  string: "text",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "a mapping",
  record: "a mapping",
};

export function wrongType(input: unknown, path: Path, kinds: readonly string[]): Finding {
  const expected = eitherOf(kinds.map((kind) => kindWords[kind] ?? kind));
  if (input !== undefined && input !== null) {
    return invalid(path, `expected ${expected}, got ${describe(input)}`, typeHint(input, kinds));
  }
  const key = String(path.at(-1) ?? "");
  const absent = input === undefined;
  const what = expected === "text" ? "" : ` with ${expected}`;
  return {
    code: "config.missing",
    path,
    message: absent ? `\`${key}\` is not written` : `nothing is written for \`${key}\``,
    hint: absent ? `add \`${key}:\`${what}` : `write ${expected}, or remove the key`,
    at: "key",
  };
}

function eitherOf(words: readonly string[]): string {
  const unique = [...new Set(words)];
  const last = unique.pop() ?? "something else";
  return unique.length === 0 ? last : `${unique.join(", ")} or ${last}`;
}

function typeHint(input: unknown, kinds: readonly string[]): string {
  const wantsNumber = kinds.includes("int") || kinds.includes("number");
  if (typeof input === "string" && wantsNumber && /^\d+$/.test(input)) return "remove the quotes";
  if (typeof input === "number" && kinds.includes("string")) {
    return "put it in quotes, or write its unit if it has one, such as 30s or 5%";
  }
  return "";
}

/** `kinds` are other forms the value may have. Words that are refused are not offered. */
function wrongWord(
  issue: z.core.$ZodIssueInvalidValue,
  path: Path,
  kinds: readonly string[],
): Finding {
  const { input } = issue;
  const words = issue.values.map(String);
  if (input === undefined || input === null) return wrongType(input, path, words);
  const offered = issue.message.startsWith(offeredPrefix)
    ? issue.message.slice(offeredPrefix.length).split(" ")
    : words;
  const forms = kinds.filter((kind) => kind !== "string").map((kind) => kindWords[kind] ?? kind);
  const near = typeof input === "string" ? nearestOf(input, words) : undefined;
  const quoted = typeof input === "string" && issue.values.some((each) => typeof each !== "string");
  const hint = quoted && near === input ? "remove the quotes" : `did you mean \`${near}\`?`;
  const expected = eitherOf([...offered, ...forms]);
  return invalid(
    path,
    `expected ${expected}, got ${describe(input)}`,
    near === undefined ? "" : hint,
  );
}

function outOfRange(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig, path: Path): Finding {
  const small = issue.code === "too_small";
  const bound = String(small ? issue.minimum : issue.maximum);
  if (issue.origin === "array" || issue.origin === "string") {
    const what = issue.origin === "array" ? "entries" : "characters";
    const hint = `at ${small ? "least" : "most"} ${bound} ${what}`;
    if (small) return invalid(path, "is too short", hint);
    return { code: "config.limit", path, message: "is too long", hint };
  }
  const side = small ? "below the least value" : "above the greatest value";
  return invalid(path, `${describe(issue.input)} is ${side}, ${bound}`, "");
}

/** A value as a message shows it. */
export function describe(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (value === null || value === undefined) return "nothing";
  return Array.isArray(value) ? "a list" : "a mapping";
}
