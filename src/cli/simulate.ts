/** `rhumb simulate SCENARIO`: failures, moves and demand over time against the real engine. */
import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { readSources } from "../config/source.ts";
import { Places } from "../control/plan-places.ts";
import { type Simulation, simulate } from "../control/simulate.ts";
import { formatSimulation } from "../control/simulate-chart.ts";
import { loadScenario } from "../control/simulate-scenario.ts";
import { simulationSvg } from "../control/simulate-svg.ts";
import type { Policy } from "../policy/policy.ts";
import { Scheduler } from "../probes/scheduler.ts";
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
import { policyOf } from "./load-policy.ts";
import { configOption, jsonOption } from "./options.ts";

interface Options {
  readonly config: string;
  readonly svg?: string;
  readonly json?: boolean;
}

const widthUnknown = 100;

export const command: CliCommand = {
  define: (program) =>
    program
      .command("simulate <scenario>")
      .summary("play a scenario of failures and demand against a configuration")
      .description(
        "Plays a scenario (failures, recoveries, operators' moves, demand over time) against a " +
          "configuration, on a simulated clock and with the real health checks, World and " +
          "decisions. Prints load per region over time and every change with its reason. The same " +
          "scenario, configuration and seed always give the same output. docs/simulate.md has the " +
          "language of scenarios.",
      )
      .addOption(configOption())
      .option("--svg <file>", "also write the chart to this file")
      .addOption(jsonOption())
      .addHelpText(
        "after",
        examples([
          "rhumb simulate examples/scenarios/region-failure.yaml -c examples/two-regions.yaml",
          "rhumb simulate scenario.yaml -c rhumb.yaml --svg chart.svg",
        ]),
      )
      .action(run),
};

async function run(path: string, options: Options): Promise<void> {
  const policy = await policyOf(options.config);
  const simulation = policy === undefined ? undefined : await simulationOf(path, policy);
  if (simulation === undefined) return;
  const title = `${basename(path)} against ${options.config}`;
  if (options.svg !== undefined && !(await writeSvg(options.svg, simulation, title))) return;
  if (options.json === true) outJson({ scenario: path, config: options.config, ...simulation });
  else out(formatSimulation(simulation, { width: process.stdout.columns ?? widthUnknown, title }));
}

async function simulationOf(path: string, policy: Policy): Promise<Simulation | undefined> {
  const read = await readSources(path);
  const source = read.ok ? read.sources[0] : undefined;
  if (source === undefined || source.file !== path) {
    if (!read.ok) complainProblems(read.problems);
    else complain(`rhumb: ${path} is a folder (name one scenario)`);
    finish(exitCodes.refused);
    return undefined;
  }
  const places = new Places(policy, policy);
  const loaded = loadScenario(source, { policy, places });
  if (!loaded.ok) {
    complainProblems(loaded.problems);
    finish(exitCodes.refused);
    return undefined;
  }
  return simulate({
    policy,
    places,
    scenario: loaded.scenario,
    makeScheduler: (given) => new Scheduler(given),
  });
}

async function writeSvg(path: string, simulation: Simulation, title: string): Promise<boolean> {
  try {
    await writeFile(path, simulationSvg(simulation, { title }));
    return true;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    complain(`rhumb: ${path} cannot be written: ${why} (name another file)`);
    finish(exitCodes.refused);
    return false;
  }
}
