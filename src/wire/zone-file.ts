/**
 * Zone files (RFC 1035 section 5, RFC 2308 section 4): text -> records, each with its place, and
 * every problem of the text. Pure: files that `$INCLUDE` names come by a function. Called by
 * config/zone-source.ts and `rhumb zone`. The work is bounded by the bounds of limits.ts on
 * octets, records and included files. What records mean together is policy/'s to say. The opposite
 * way is zone-text.ts.
 */
import type { Place } from "../errors.ts";
import { limits } from "../limits.ts";
import { classes, isMetaType, parseType, types } from "./dns-constants.ts";
import type { ResourceRecord } from "./dns-message.ts";
import { parseName } from "./dns-name.ts";
import { parseRdataTokens } from "./dns-rdata.ts";
import type { Parsed } from "./parsed.ts";
import { bytesNumber, parsePeriod, type Token, type TokenReader } from "./rdata-tokens.ts";
import { generate } from "./zone-generate.ts";
import { readEntries } from "./zone-lexer.ts";

/** A record of class IN, and where it is written, if that is in a file. */
export interface ZoneFileRecord extends ResourceRecord {
  readonly at?: Place | undefined;
}

export interface ZoneFileProblem {
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly hint: string;
  readonly at: Place;
}

export interface ZoneFile {
  /** In the order of the text. */
  readonly records: readonly ZoneFileRecord[];
  readonly problems: readonly ZoneFileProblem[];
}

export interface ZoneFileOptions {
  /** As printed in problems. */
  readonly file: string;
  readonly origin: Uint8Array;
  /** Where no `$TTL` says otherwise; undefined: RFC 1035's and RFC 2308's rules alone. */
  readonly ttlSeconds?: number | undefined;
  /** The text of a file that `from` includes, under the name it is to have in problems. */
  readonly include: (
    path: string,
    from: string,
  ) => Parsed<{ readonly file: string; readonly text: string }>;
}

/** What a line inherits from those before it. */
interface State {
  file: string;
  origin: Uint8Array;
  owner: Uint8Array | undefined;
}

interface Parser {
  readonly options: ZoneFileOptions;
  readonly state: State;
  /** `$TTL`, the last TTL that was written, and the SOA's minimum, across files. */
  defaultTtl: number | undefined;
  lastTtl: number | undefined;
  readonly records: ZoneFileRecord[];
  readonly problems: ZoneFileProblem[];
  files: number;
  depth: number;
  stopped: boolean;
}

export function parseZoneFile(text: string, options: ZoneFileOptions): ZoneFile {
  const { file, origin, ttlSeconds } = options;
  const parser: Parser = {
    options,
    state: { file, origin, owner: undefined },
    defaultTtl: ttlSeconds,
    lastTtl: undefined,
    records: [],
    problems: [],
    files: 1,
    depth: 0,
    stopped: false,
  };
  parseText(parser, text);
  return { records: parser.records, problems: parser.problems };
}

function parseText(parser: Parser, text: string): void {
  readEntries(
    text,
    ({ blankOwner, tokens }) => {
      const first = tokens[0]!;
      const directive = !blankOwner && !first.quoted && first.text.startsWith("$");
      if (directive) readDirective(parser, tokens);
      else readRecord(parser, tokens, blankOwner);
      return !parser.stopped;
    },
    (fault) => reportAt(parser, fault, fault.message),
  );
}

function reportAt(
  parser: Parser,
  at: { readonly line: number; readonly column: number },
  message: string,
  more: { readonly hint?: string; readonly severity?: "error" | "warning" } = {},
): void {
  const { problems, state } = parser;
  const { hint = "", severity = "error" } = more;
  if (problems.length >= limits.problemsMax) {
    parser.stopped = true;
    return;
  }
  const place: Place = { file: state.file, line: at.line, column: at.column };
  problems.push({ severity, message, hint, at: place });
}

/** Past a bound nothing more is read: what follows would be an echo. */
function stop(parser: Parser, at: Token, message: string): void {
  reportAt(parser, at, message, { hint: "split the zone" });
  parser.stopped = true;
}

function readDirective(parser: Parser, tokens: readonly Token[]): void {
  const [name, first, second, ...more] = tokens as [Token, ...Token[]];
  const directive = name.text.toUpperCase();
  if (directive === "$GENERATE") {
    readGenerate(parser, tokens);
    return;
  }
  const most = directive === "$INCLUDE" ? 2 : 1;
  const extra = most === 1 ? second : more[0];
  if (!["$ORIGIN", "$TTL", "$INCLUDE"].includes(directive)) {
    const hint = "the directives are $ORIGIN, $TTL, $INCLUDE and $GENERATE";
    reportAt(parser, name, `${name.text} is no directive`, { hint });
  } else if (first === undefined) reportAt(parser, name, `${directive} needs a value`);
  else if (extra !== undefined) reportAt(parser, extra, `nothing may follow: ${extra.text}`);
  else if (directive === "$TTL") {
    const ttl = readTtl(parser, first);
    if (ttl !== undefined) parser.defaultTtl = ttl;
  } else if (directive === "$ORIGIN") {
    parser.state.origin = readName(parser, first) ?? parser.state.origin;
  } else readInclude(parser, first, second);
}

function readName(parser: Parser, token: Token): Uint8Array | undefined {
  if (token.quoted) {
    reportAt(parser, token, "a name without quotes is wanted");
    return undefined;
  }
  const name = parseName(token.text, parser.state.origin);
  if (name.ok) return name.value;
  reportAt(parser, token, `${JSON.stringify(token.text)} holds ${name.message}`);
  return undefined;
}

function readTtl(parser: Parser, token: Token): number | undefined {
  const seconds = parsePeriod(token.text);
  if (seconds !== undefined && seconds <= limits.dnsRecordTtlSecondsMax) return seconds;
  if (seconds !== undefined) {
    const message = `a TTL of ${seconds} s, which counts as 0`;
    const hint = "a TTL is at most 2147483647 s (RFC 2181 section 8)";
    reportAt(parser, token, message, { hint, severity: "warning" });
    return 0;
  }
  const hint = "write seconds, or units such as 1h30m";
  reportAt(parser, token, `${JSON.stringify(token.text)} is no TTL`, { hint });
  return undefined;
}

/** The included file has its own origin and owner; a `$TTL` in it holds after it as well. */
function readInclude(parser: Parser, path: Token, originToken: Token | undefined): void {
  const { state, options } = parser;
  const origin = originToken === undefined ? state.origin : readName(parser, originToken);
  if (origin === undefined) return;
  if (parser.depth === limits.zoneIncludeDepthMax) {
    reportAt(parser, path, `files are included ${limits.zoneIncludeDepthMax} deep`);
    return;
  }
  if (parser.files === limits.zoneIncludesMax) {
    stop(parser, path, `over ${limits.zoneIncludesMax} files are included`);
    return;
  }
  const found = options.include(path.text, state.file);
  if (!found.ok) {
    reportAt(parser, path, `${JSON.stringify(path.text)} ${found.message}`);
    return;
  }
  const before = { ...state };
  parser.files++;
  parser.depth++;
  state.file = found.value.file;
  state.origin = origin;
  parseText(parser, found.value.text);
  parser.depth--;
  Object.assign(state, before);
}

function readGenerate(parser: Parser, tokens: readonly Token[]): void {
  const budget = limits.dnsRecordsMax - parser.records.length;
  const generated = generate(tokens, budget);
  if (!generated.ok) {
    reportAt(parser, generated.at, generated.message);
    return;
  }
  for (const line of generated.lines) {
    const before = parser.problems.length;
    readRecord(parser, line, false);
    // The next lines would say the same.
    if (parser.problems.length > before || parser.stopped) return;
  }
}

/** `[owner] [TTL] [class] type data`, TTL and class in either order. */
function readRecord(parser: Parser, tokens: readonly Token[], blankOwner: boolean): void {
  const { state } = parser;
  const reader: TokenReader = { tokens, at: 0 };
  if (!blankOwner) {
    const owner = readName(parser, tokens[reader.at++]!);
    state.owner = owner;
    // Of a broken owner the data is read all the same, for its own problems.
    if (owner === undefined) {
      readBody(parser, reader, state.origin, false);
      return;
    }
  } else if (state.owner === undefined) {
    reportAt(parser, tokens[0]!, "no record stands before it whose owner it could have");
    return;
  }
  readBody(parser, reader, state.owner ?? state.origin, true);
}

interface Head {
  readonly ttl: number | undefined;
  readonly type: number;
  readonly token: Token;
}

/** undefined when the head is wrong, which is reported. */
function readHead(parser: Parser, reader: TokenReader): Head | undefined {
  const { tokens } = reader;
  let ttl: number | undefined;
  let classSeen = false;
  for (let token = tokens[reader.at++]; token !== undefined; token = tokens[reader.at++]) {
    const upper = token.quoted ? "" : token.text.toUpperCase();
    if (ttl === undefined && /^\d/.test(upper)) {
      ttl = readTtl(parser, token);
      if (ttl === undefined) return undefined;
    } else if (!classSeen && classOf(upper) !== undefined) {
      classSeen = true;
      if (classOf(upper) === classes.in) continue;
      reportAt(parser, token, `class ${upper}, where only IN is answered`);
      return undefined;
    } else {
      const type = token.quoted ? undefined : parseType(upper);
      if (type !== undefined && !isMetaType(type)) return { ttl, type, token };
      const message = type === undefined ? "is no record type" : "is no type that a zone holds";
      reportAt(parser, token, `${JSON.stringify(token.text)} ${message}`);
      return undefined;
    }
  }
  reportAt(parser, tokens.at(-1)!, "the record has no type");
  return undefined;
}

const classNames: ReadonlyMap<string, number> = new Map([
  ["IN", classes.in],
  ["CH", classes.ch],
  ["HS", classes.hs],
  ["CHAOS", classes.ch],
  ["HESIOD", classes.hs],
]);

function classOf(upper: string): number | undefined {
  const digits = /^CLASS(\d{1,5})$/.exec(upper)?.[1];
  return digits === undefined ? classNames.get(upper) : Number(digits);
}

function readBody(parser: Parser, reader: TokenReader, owner: Uint8Array, ownerOk: boolean): void {
  const head = readHead(parser, reader);
  if (head === undefined) return;
  const { type, token } = head;
  const rdata = parseRdataTokens(type, reader, parser.state.origin);
  if (!rdata.ok) {
    const { tokens } = reader;
    const at = tokens[Math.min(reader.at, tokens.length) - 1] ?? token;
    reportAt(parser, at, `${token.text.toUpperCase()}: ${rdata.message}`);
    return;
  }
  const ttl = recordTtl(parser, head, rdata.value);
  if (ttl === undefined || !ownerOk) return;
  if (parser.records.length === limits.dnsRecordsMax) {
    stop(parser, token, `over ${limits.dnsRecordsMax} records`);
    return;
  }
  const { file } = parser.state;
  const first = reader.tokens[0] ?? token;
  parser.records.push({
    name: owner,
    type,
    class: classes.in,
    ttl,
    rdata: rdata.value,
    at: { file, line: first.line, column: first.column },
  });
}

/**
 *   written in the record       that
 *   $TTL before it              that (RFC 2308 section 4)
 *   a record with one before    that (RFC 1035 section 5.1)
 *   an SOA                      its minimum, with a warning
 */
function recordTtl(parser: Parser, head: Head, rdata: Uint8Array): number | undefined {
  if (head.ttl !== undefined) {
    parser.lastTtl = head.ttl;
    return head.ttl;
  }
  const inherited = parser.defaultTtl ?? parser.lastTtl;
  if (inherited !== undefined) return inherited;
  const hint = "begin the file with a line such as `$TTL 1h`";
  if (head.type !== types.soa) {
    reportAt(parser, head.token, "no TTL is written, here or before", { hint });
    return undefined;
  }
  const message = "no TTL is written: the SOA's minimum is taken";
  reportAt(parser, head.token, message, { hint, severity: "warning" });
  parser.lastTtl = bytesNumber(rdata.subarray(-4));
  return parser.lastTtl;
}
