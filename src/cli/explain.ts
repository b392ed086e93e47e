/**
 * `rhumb explain NAME --client ADDR`: why a client gets what it gets. From a running server's
 * World, or from the configuration alone with everything up; `--down` and its siblings ask what if.
 */
import { type Command, Option } from "commander";
import type { Policy } from "../policy/policy.ts";
import { type AssumptionName, assume, assumptionNames } from "../prove/assume.ts";
import { goodDayWorld } from "../prove/good-day.ts";
import { withAllocation } from "../steer/allocate.ts";
import { explain, formatExplanation } from "../steer/explain.ts";
import { withBlocked } from "../world/dependencies.ts";
import type { World } from "../world/world.ts";
import {
  type CliCommand,
  complain,
  entropy,
  examples,
  exitCodes,
  finish,
  out,
  outJson,
} from "./command.ts";
import { policyOf } from "./load-policy.ts";
import { collect, configOption, jsonOption, parseClient } from "./options.ts";
import { runningServer } from "./running.ts";

const fronts = ["dns", "redirect"] as const;

interface Options extends Readonly<Record<Assumed, readonly string[]>> {
  readonly client: string;
  readonly front: (typeof fronts)[number];
  readonly config: string;
  readonly state?: string;
  readonly json?: boolean;
}

/** Names of options as they come out of the parser. */
const assumed = {
  down: "down",
  drain: "drain",
  unknown: "unknown",
  held: "held",
  ramp: "ramp",
  forceUp: "force-up",
  forceDown: "force-down",
  notLastGood: "not-last-good",
  activate: "activate",
} as const satisfies Record<string, AssumptionName>;
type Assumed = keyof typeof assumed;

function assumeOptions(command: Command): Command {
  for (const [name, text] of Object.entries(assumptionNames)) {
    const option = new Option(`--${name} <target>`, text);
    command.addOption(option.argParser(collect).default([]));
  }
  return command;
}

export const command: CliCommand = {
  define: (program) =>
    assumeOptions(program.command("explain <name>"))
      .summary("say which endpoints serve a client, and why")
      .description(
        "Says which endpoints serve a client, with which share, and why, rule by rule. NAME is a " +
          "service or one of the names it answers to. With --state, of a running server and what " +
          "it believes now; else of the configuration alone, with every endpoint up.",
      )
      .addOption(
        new Option("--client <address[/length]>", "the client's address or prefix; none: unknown")
          .argParser(parseClient)
          .default("", "unknown"),
      )
      .addOption(
        new Option("--front <front>", "the front that is asked").choices(fronts).default("dns"),
      )
      .addOption(configOption())
      .option("--state <dir>", "state directory of a running server")
      .addOption(jsonOption())
      .addHelpText(
        "after",
        examples([
          "rhumb explain shop --client 198.51.100.7",
          "rhumb explain shop.gslb.example.com --client 2001:db8::/48 --down fra",
          "rhumb explain shop --client 198.51.100.7 --state /var/lib/rhumb",
        ]),
      )
      .action(run),
};

async function run(name: string, options: Options): Promise<void> {
  const scene = await sceneOf(options);
  if (scene === undefined) return;
  const { policy, world } = scene;
  for (const [key, assumption] of Object.entries(assumed)) {
    for (const target of options[key as Assumed]) {
      const made = assume(policy, world, { name: assumption, target });
      if (!made.ok) return fail(made.message, made.hint);
    }
  }
  // What is assumed to be down carries nothing: who needs it is blocked, and the rest is spread
  // anew, as the observer would.
  const allocated = withAllocation(policy, withBlocked(policy, world));
  const { client, front } = options;
  const result = explain(policy, allocated, { service: name, client, front });
  if (!result.ok) return fail(result.message, result.hint);
  if (options.json === true) outJson(result.explanation);
  else out(formatExplanation(result.explanation));
}

function fail(message: string, hint: string): void {
  complain(`rhumb: ${message}${hint === "" ? "" : ` (${hint})`}`);
  finish(exitCodes.refused);
}

async function sceneOf(options: Options): Promise<{ policy: Policy; world: World } | undefined> {
  if (options.state !== undefined) return await runningServer(options.state);
  const policy = await policyOf(options.config);
  return policy === undefined ? undefined : { policy, world: goodDayWorld(policy, entropy.now()) };
}
