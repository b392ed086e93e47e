/**
 * `rhumb latency import FILE`: round trips that were measured elsewhere, into a running server. They
 * go to the observer in messages of bounded size, so a file of any length needs little memory there.
 */
import { readFile } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import { parseLatency } from "../control/latency-file.ts";
import { limits } from "../limits.ts";
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
import { jsonOption, stateOption } from "./options.ts";
import { ask } from "./server.ts";

interface Options {
  readonly state: string;
  readonly json?: boolean;
}

export const command: CliCommand = {
  define: (program) => {
    const latency = program
      .command("latency")
      .summary("give a running server measured round trips")
      .description("Round trips from clients to regions, for services that `steer: latency`.");
    latency
      .command("import <file>")
      .summary("import a CSV of round trips")
      .description(
        "Reads a CSV of round trips, `-` for standard input, and gives them to the observer as " +
          "samples of this moment. Its first line is `client,region,ms`. A client is an address, " +
          "a prefix, a country (DE), or a network in a country (DE/AS3320).",
      )
      .addOption(stateOption())
      .addOption(jsonOption())
      .addHelpText(
        "after",
        examples(["rhumb latency import rtt.csv", "beacons | rhumb latency import -"]),
      )
      .action(run);
    return latency;
  },
};

async function run(path: string, options: Options): Promise<void> {
  const text = await readText(path);
  if (text === undefined) return;
  const parsed = parseLatency(path, text);
  if (!parsed.ok) {
    complainProblems(parsed.problems);
    finish(exitCodes.refused);
    return;
  }
  let [taken, left] = [0, 0];
  const unknown = new Set<string>();
  for (let at = 0; at < parsed.samples.length; at += limits.latencySamplesMax) {
    const samples = parsed.samples.slice(at, at + limits.latencySamplesMax);
    const reply = await ask(
      { stateDir: options.state, part: "observer" },
      { name: "latency", input: { samples } },
    );
    if (reply === undefined) return;
    taken += reply.taken;
    left += samples.length - reply.taken;
    for (const each of reply.unknown) unknown.add(each);
  }
  const list = [...unknown];
  if (options.json === true) outJson({ taken, left, unknown: list });
  else
    out(
      `${taken} samples taken${left === 0 ? "" : `, ${left} left: ${list.join(", ")} not known`}`,
    );
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
