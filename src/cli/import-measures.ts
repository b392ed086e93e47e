/**
 * What `rhumb latency import` and `rhumb load import` share: a CSV is read, and its rows go to the
 * observer in messages of bounded size, so a file of any length needs little memory there.
 */
import { readFile } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import type { Command } from "commander";
import { type Measure, type MeasureKind, parseMeasures } from "../control/measure-file.ts";
import { complain, complainProblems, exitCodes, finish, out, outJson } from "./command.ts";
import { jsonOption, stateOption } from "./options.ts";

export interface ImportOptions {
  readonly state: string;
  readonly json?: boolean;
}

/** What the observer said to one message; undefined when there was no answer. */
export interface Taken {
  readonly taken: number;
  readonly unknown: readonly string[];
}

export interface Importing {
  readonly kind: MeasureKind;
  /** Rows in one message. */
  readonly atOnce: number;
  send(measures: readonly Measure[], options: ImportOptions): Promise<Taken | undefined>;
}

export function importCommand(parent: Command, description: string, importing: Importing): Command {
  return parent
    .command("import <file>")
    .summary(`import a CSV of \`${importing.kind.header}\``)
    .description(description)
    .addOption(stateOption())
    .addOption(jsonOption())
    .action((path: string, options: ImportOptions) => run(path, options, importing));
}

async function run(path: string, options: ImportOptions, importing: Importing): Promise<void> {
  const text = await readText(path);
  if (text === undefined) return;
  const parsed = parseMeasures(path, text, importing.kind);
  if (!parsed.ok) {
    complainProblems(parsed.problems);
    finish(exitCodes.refused);
    return;
  }
  const { measures } = parsed;
  let taken = 0;
  const unknown = new Set<string>();
  for (let at = 0; at < measures.length; at += importing.atOnce) {
    const reply = await importing.send(measures.slice(at, at + importing.atOnce), options);
    if (reply === undefined) return;
    taken += reply.taken;
    for (const each of reply.unknown) unknown.add(each);
  }
  const left = measures.length - taken;
  const names = [...unknown];
  const why = left === 0 ? "" : `; ${left} left out, not known: ${names.join(", ")}`;
  if (options.json === true) outJson({ taken, left, unknown: names });
  else out(`${taken} rows taken${why}`);
  if (left > 0) finish(exitCodes.refused);
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return path === "-" ? await readAll(process.stdin) : await readFile(path, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    complain(`rhumb: ${path} cannot be read: ${why} (name a CSV file, or -)`);
    finish(exitCodes.refused);
    return undefined;
  }
}
