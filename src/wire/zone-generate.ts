/**
 * `$GENERATE START-STOP[/STEP] OWNER [TTL] [CLASS] TYPE DATA` of a zone file -> the lines it stands
 * for, each as words. Called by zone-file.ts. `$` is the number; `${OFFSET,WIDTH,BASE}` is the
 * number plus OFFSET, padded with zeros, as d, o, x, X, or n and N (nibbles from the last);
 * `\$` and `$$` are a dollar sign. DATA of several words stands in quotes.
 */
import { limits } from "../limits.ts";
import { type Token, wordEnd } from "./rdata-tokens.ts";

export type Generated =
  | { readonly ok: true; readonly lines: Iterable<readonly Token[]> }
  | { readonly ok: false; readonly message: string; readonly at: Token };

export function generate(tokens: readonly Token[], linesMax: number): Generated {
  const [directive, range, owner, ...rest] = tokens as [Token, ...Token[]];
  const fail = (message: string, at: Token = directive): Generated => ({ ok: false, message, at });
  const data = rest.at(-1);
  if (range === undefined || owner === undefined || data === undefined || rest.length < 2) {
    return fail("$GENERATE needs a range, an owner, a type and data");
  }
  const parts = /^(\d{1,10})-(\d{1,10})(?:\/(\d{1,10}))?$/.exec(range.text);
  const [start, stop, step] = [Number(parts?.[1]), Number(parts?.[2]), Number(parts?.[3] ?? 1)];
  if (parts === null || stop < start || step < 1 || stop > 0x7fff_ffff) {
    return fail("a range such as 1-254 or 0-100/2 is wanted", range);
  }
  const count = Math.floor((stop - start) / step) + 1;
  if (count > Math.min(linesMax, limits.zoneGenerateMax)) {
    const most = limits.zoneGenerateMax;
    return fail(`${count} lines, where one directive makes ${most} at most`, range);
  }
  for (const text of [owner, data]) {
    if (substitute(text.text, start) === undefined) {
      return fail("`${OFFSET,WIDTH,BASE}` is wanted, its base d, o, x, X, n or N", text);
    }
  }
  const words = rest.slice(0, -1);
  function* lines(): Iterable<readonly Token[]> {
    for (let value = start; value <= stop; value += step) {
      const name = { ...owner!, text: substitute(owner!.text, value) ?? "" };
      const text = substitute(data!.text, value) ?? "";
      yield [name, ...words, ...split(data!, text)];
    }
  }
  return { ok: true, lines: lines() };
}

/** The words of generated data, all at the place of the directive's own word. */
function split(at: Token, text: string): readonly Token[] {
  if (!at.quoted) return [{ ...at, text }];
  const words: Token[] = [];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === " " || text[i] === "\t") continue;
    const end = wordEnd(text, i, false);
    words.push({ ...at, quoted: false, joined: false, text: text.slice(i, end) });
    i = end;
  }
  return words;
}

/** undefined when a substitution is malformed. */
function substitute(text: string, value: number): string | undefined {
  let out = "";
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (character === "\\") {
      out += text[i + 1] === "$" ? "$" : text.slice(i, i + 2);
      i++;
    } else if (character !== "$") out += character;
    else if (text[i + 1] === "$") {
      out += "$";
      i++;
    } else if (text[i + 1] !== "{") out += String(value);
    else {
      const end = text.indexOf("}", i);
      const parts = /^(-?\d{1,10})(?:,(\d{1,3})(?:,([doxXnN]))?)?$/.exec(text.slice(i + 2, end));
      if (end < 0 || parts === null) return undefined;
      const number = value + Number(parts[1]);
      if (number < 0) return undefined;
      out += formatNumber(number, Number(parts[2] ?? 0), parts[3] ?? "d");
      i = end;
    }
  }
  return out;
}

function formatNumber(value: number, width: number, base: string): string {
  if (base === "d") return String(value).padStart(width, "0");
  if (base === "o") return value.toString(8).padStart(width, "0");
  const upper = base === "X" || base === "N";
  const hex = upper ? value.toString(16).toUpperCase() : value.toString(16);
  if (base !== "n" && base !== "N") return hex.padStart(width, "0");
  // Width counts the dots as well.
  const nibbles = Math.max(hex.length, Math.ceil((width + 1) / 2));
  return hex.padStart(nibbles, "0").split("").reverse().join(".");
}
