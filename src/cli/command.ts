/**
 * What every command of the executable shares: exit codes, output, the shape of a command file. A
 * command is one file that exports `command`; main.ts loads only the one that is asked for, so
 * start-up stays quick.
 */
import type { Command } from "commander";
import { formatProblem, type Problem, visible } from "../errors.ts";
import { type Entropy, systemEntropy } from "../lib/entropy.ts";

/** docs/cli.md has the same table. */
export const exitCodes = {
  ok: 0,
  /** What was asked for cannot be: problems in the configuration, a refused command. */
  refused: 1,
  /** The words of the command line are wrong (for `plan`, that is 1). */
  usage: 2,
  /** `plan`, and nobody else: the new configuration changes something. */
  changed: 2,
  /** No server answers on the socket. */
  unreachable: 3,
  /** `prove`, and nobody else: an assertion is neither proved nor refuted. */
  undecided: 4,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export interface CliCommand {
  /** Adds the command, its options, examples and action to the program. */
  define(program: Command): Command;
}

/** One entry of the list of commands: enough for help and completion without loading the file. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** For wrong words, when 2 has another meaning for this command. */
  readonly usageCode?: ExitCode;
  load(): Promise<CliCommand>;
}

/** The real clock: the executable is where it comes in. */
export const entropy: Entropy = systemEntropy();

/** For people: nothing in it reaches the terminal but what they see, and our own colours. */
export function out(text: string): void {
  process.stdout.write(lines(text));
}

export function outJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function complain(text: string): void {
  process.stderr.write(lines(text));
}

/** Bold, the three colours of `plan`, and their ends. */
const ownStyle = new RegExp(`(\\n|\\t|${String.fromCharCode(27)}\\[(?:1|22|31|32|33|39)m)`);

function lines(text: string): string {
  const parts = (text.endsWith("\n") ? text : `${text}\n`).split(ownStyle);
  // Every second part is one of the separators.
  return parts.map((part, i) => (i % 2 === 1 ? part : visible(part))).join("");
}

/** Every problem, a line each, where people look for them. */
export function complainProblems(problems: readonly Problem[]): void {
  for (const problem of problems) complain(formatProblem(problem));
}

/** Ends the command with a status, after what was written is out. */
export function finish(code: ExitCode): void {
  process.exitCode = code;
}

/** Examples under a command's help. */
export function examples(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}\n`;
}
