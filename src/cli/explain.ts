/**
 * `rhumb explain NAME --client ADDR`: why a client gets what it gets. From a running server's
 * World, or from the configuration alone with everything up; `--down` and `--drain` ask what if.
 */

import { limits } from "../limits.ts";
import type { EndpointIndex, Policy } from "../policy/policy.ts";
import { explain, formatExplanation } from "../steer/explain.ts";
import { initialWorld } from "../world/initial.ts";
import { endpointsOfTarget, parseTarget } from "../world/target.ts";
import { forced, verdict, type World } from "../world/world.ts";
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
import { collect, configOption, jsonOption } from "./options.ts";
import { runningServer } from "./running.ts";

interface Options {
  readonly client: string;
  readonly down: readonly string[];
  readonly drain: readonly string[];
  readonly config: string;
  readonly state?: string;
  readonly json?: boolean;
}

export const command: CliCommand = {
  define: (program) =>
    program
      .command("explain <name>")
      .summary("say which endpoints serve a client, and why")
      .description(
        "Says which endpoints serve a client, with which share, and why, rule by rule. NAME is a " +
          "service or one of the names it answers to. With --state, of a running server and what " +
          "it believes now; else of the configuration alone, with every endpoint up.",
      )
      .option("--client <address[/length]>", "the client's address or prefix; none: unknown", "")
      .option("--down <target>", "as if a region, pool or endpoint were down (again)", collect, [])
      .option("--drain <target>", "as if it were drained (again)", collect, [])
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
  for (const [targets, assume] of [
    [options.down, assumeDown],
    [options.drain, assumeDrained],
  ] as const) {
    for (const text of targets) {
      const found = parseTarget(policy, text);
      if (!found.ok) return fail(found.message, found.hint);
      for (const endpoint of endpointsOfTarget(policy, found.target)) assume(world, endpoint);
    }
  }
  const result = explain(policy, world, { service: name, client: options.client });
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
  return policy === undefined ? undefined : { policy, world: allUp(policy) };
}

/** Nothing was probed: what is explained is the policy, on a good day. */
function allUp(policy: Policy): World {
  const world = initialWorld(policy, entropy.now());
  for (let i = 0; i < policy.endpoints.length; i++) {
    if (world.endpoints.verdict[i] === verdict.unknown) world.endpoints.verdict[i] = verdict.up;
    world.endpoints.availability[i] = limits.availabilityFull;
    world.endpoints.lastGood[i] = 1;
  }
  return world;
}

function assumeDown(world: World, endpoint: number): void {
  world.endpoints.verdict[endpoint as EndpointIndex] = verdict.down;
  world.endpoints.forced[endpoint as EndpointIndex] = forced.none;
}

function assumeDrained(world: World, endpoint: number): void {
  world.endpoints.forced[endpoint as EndpointIndex] = forced.drain;
}
