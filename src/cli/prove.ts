/**
 * `rhumb prove`: does what `assert` says hold in every state? Of the configuration alone; a
 * counter-example is a `rhumb explain` command that shows it.
 */
import { InvalidArgumentError } from "commander";
import { formatProof, proofJson } from "../prove/format.ts";
import { type Proof, prove } from "../prove/prove.ts";
import {
  type CliCommand,
  complain,
  complainProblems,
  examples,
  exitCodes,
  finish,
  out,
  outJson,
} from "./command.ts";
import { compileSource } from "./load-policy.ts";
import { configOption, jsonOption } from "./options.ts";

interface Options {
  readonly config: string;
  readonly decisions?: number;
  readonly json?: boolean;
}

export const command: CliCommand = {
  define: (program) =>
    program
      .command("prove")
      .summary("say whether assertions hold in every state, or show where not")
      .description(
        "Takes every assertion of `assert` through every state of every endpoint (up, returning, " +
          "held, unknown, down, drained, forced up, forced down), for every class of clients of " +
          "every service. Prints what was proved and under which assumptions, or the smallest " +
          "counter-example as a command. Exit code 0: all proved; 1: one is violated, or the " +
          "configuration does not compile; 4: one is undecided within the budget, none violated.",
      )
      .addOption(configOption())
      .option("--decisions <n>", "budget of decisions for each assertion", parseCount)
      .addOption(jsonOption())
      .addHelpText("after", examples(["rhumb prove -c rhumb.yaml", "rhumb prove --json"]))
      .action(run),
};

async function run(options: Options): Promise<void> {
  const compiled = await compileSource(options.config);
  complainProblems(compiled.ok ? compiled.warnings : compiled.problems);
  if (!compiled.ok) return finish(exitCodes.refused);
  const { policy, claims } = compiled;
  if (claims.assertions.length === 0) {
    complain(`${options.config} has no \`assert\`: nothing to prove`);
  }
  const budget = options.decisions === undefined ? {} : { decisionsMax: options.decisions };
  const proof = prove(policy, claims, budget);
  if (options.json === true) outJson(proofJson(proof, options.config));
  else out(formatProof(proof, options.config));
  finish(codeOf(proof));
}

function codeOf({ outcome }: Proof) {
  if (outcome === "proved") return exitCodes.ok;
  return outcome === "violated" ? exitCodes.refused : exitCodes.undecided;
}

function parseCount(text: string): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count < 1) throw new InvalidArgumentError("write a number from 1 to 999999999");
  return count;
}
