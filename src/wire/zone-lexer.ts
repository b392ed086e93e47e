/**
 * A zone file's text -> entries: the words of one record or directive, with continuation in
 * parentheses, quotes, escapes and comments resolved (RFC 1035 section 5.1). Called by
 * zone-file.ts. One pass over the text; the text is a byte string (rdata-tokens.ts). An entry holds
 * limits.zoneEntryWordsMax words at most.
 */
import { limits } from "../limits.ts";
import type { Token } from "./rdata-tokens.ts";

export interface Entry {
  /** The line began with a blank: the owner is that of the record before. */
  readonly blankOwner: boolean;
  readonly tokens: readonly Token[];
}

/** What is wrong with the text as such; the entry it stands in is left out. */
export interface LexFault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

interface Lexer {
  readonly text: string;
  at: number;
  line: number;
  /** Where the current line starts. */
  lineAt: number;
}

/** Hands over each entry in turn, until `take` says false. */
export function readEntries(
  text: string,
  take: (entry: Entry) => boolean,
  fault: (fault: LexFault) => void,
): void {
  const lexer: Lexer = { text, at: 0, line: 1, lineAt: 0 };
  while (lexer.at < text.length) {
    const entry = readEntry(lexer, fault);
    if (entry !== undefined && entry.tokens.length > 0 && !take(entry)) return;
  }
}

function newLine(lexer: Lexer): void {
  lexer.at++;
  lexer.line++;
  lexer.lineAt = lexer.at;
}

function skipLine(lexer: Lexer): void {
  while (lexer.at < lexer.text.length && lexer.text[lexer.at] !== "\n") lexer.at++;
}

/** Up to the end of a line outside of parentheses; undefined after a fault. */
function readEntry(lexer: Lexer, fault: (fault: LexFault) => void): Entry | undefined {
  const { text } = lexer;
  const tokens: Token[] = [];
  const blankOwner = text[lexer.at] === " " || text[lexer.at] === "\t";
  let open: { readonly line: number; readonly column: number } | undefined;
  let last = -1;
  const failed = (
    message: string,
    at = { line: lexer.line, column: lexer.at - lexer.lineAt + 1 },
  ) => {
    fault({ ...at, message });
    skipLine(lexer);
    return undefined;
  };
  while (lexer.at < text.length) {
    const character = text[lexer.at]!;
    if (character === "\n") {
      newLine(lexer);
      if (open === undefined) return { blankOwner, tokens };
    } else if (character === ";") skipLine(lexer);
    else if (character === " " || character === "\t" || character === "\r") lexer.at++;
    else if (character === "(") {
      if (open !== undefined) return failed("parentheses inside parentheses");
      open = { line: lexer.line, column: lexer.at - lexer.lineAt + 1 };
      lexer.at++;
    } else if (character === ")") {
      if (open === undefined) return failed("a closing parenthesis without an opening one");
      open = undefined;
      lexer.at++;
    } else {
      const token = readWord(lexer, lexer.at === last);
      if (token === undefined) return failed("a quote that is not closed on its line");
      if (tokens.length === limits.zoneEntryWordsMax) return failed("too many words in one record");
      tokens.push(token);
      last = lexer.at;
    }
  }
  return open === undefined ? { blankOwner, tokens } : failed("a parenthesis is not closed", open);
}

const wordEnds = ' \t\r\n;()"';

function readWord(lexer: Lexer, joined: boolean): Token | undefined {
  const { text, line } = lexer;
  const column = lexer.at - lexer.lineAt + 1;
  const quoted = text[lexer.at] === '"';
  const start = quoted ? lexer.at + 1 : lexer.at;
  let end = start;
  for (;;) {
    const character = text[end];
    if (character === undefined || character === "\n") {
      if (quoted) return undefined;
      break;
    }
    if (quoted ? character === '"' : wordEnds.includes(character)) break;
    // What follows a backslash belongs to the word, but a line ends all the same.
    end += character === "\\" && text[end + 1] !== "\n" && end + 1 < text.length ? 2 : 1;
  }
  lexer.at = quoted ? end + 1 : end;
  return { text: text.slice(start, end), quoted, joined, line, column };
}
