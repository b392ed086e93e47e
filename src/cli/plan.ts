/** `rhumb plan OLD NEW`: what a revision would change, before it is in force. */
import { styleText } from "node:util";
import { readSources } from "../config/source.ts";
import { type Demand, parseDemand } from "../control/demand.ts";
import { makePlan, type PlanSide } from "../control/plan.ts";
import { formatPlan, type Mark, worldText } from "../control/plan-text.ts";
import { allUpWorld, carriedWorld } from "../control/plan-world.ts";
import {
  type CliCommand,
  complain,
  complainProblems,
  entropy,
  examples,
  exitCodes,
  finish,
  out,
  outJson,
} from "./command.ts";
import { policyOf } from "./load-policy.ts";
import { jsonOption } from "./options.ts";
import { runningServer } from "./running.ts";

interface Options {
  readonly state?: string;
  readonly demand?: string;
  readonly json?: boolean;
}

export const command: CliCommand = {
  define: (program) =>
    program
      .command("plan <revisions...>")
      .summary("say what a new configuration would change")
      .description(
        "Compares two configurations, OLD and NEW, each a file or a folder: shares before and " +
          "after, which locations move and how much demand, clients that get another endpoint, " +
          "how long DNS caches take, and what was written differently. With --state, OLD is the " +
          "running server's revision and only NEW is named; what it believes of endpoints counts. " +
          "Exit code 0: nothing changes; 2: something does; 1: problems, wrong words included.",
      )
      .option("--state <dir>", "compare with the server that runs in this state directory")
      .option("--demand <csv>", "demand: a CSV of service,location,rps or service,location,count")
      .addOption(jsonOption())
      .addHelpText(
        "after",
        examples([
          "rhumb plan rhumb.yaml new.yaml",
          "rhumb plan rhumb.yaml new.yaml --demand demand.csv",
          "rhumb plan new.yaml --state /var/lib/rhumb",
        ]),
      )
      .action(run),
};

interface Scene {
  readonly before: PlanSide;
  readonly after: PlanSide;
  readonly names: { readonly before: string; readonly after: string };
}

async function run(revisions: readonly string[], options: Options): Promise<void> {
  const demand = options.demand === undefined ? undefined : await demandOf(options.demand);
  const scene = await sceneOf(revisions, options);
  if (scene === undefined || demand === "bad") return;
  const given = demand === undefined ? {} : { demand };
  const result = makePlan(scene.before, scene.after, given);
  if (!result.ok) {
    complainProblems(result.problems);
    finish(exitCodes.refused);
    return;
  }
  const { plan } = result;
  const running = options.state !== undefined;
  if (options.json === true) {
    outJson({ old: scene.names.before, new: scene.names.after, running, ...plan });
  } else {
    const text = formatPlan(plan, {
      ...scene.names,
      demand: options.demand ?? "",
      world: worldText({ running }),
      paint,
    });
    out(text);
  }
  finish(plan.changed ? exitCodes.changed : exitCodes.ok);
}

const colours = { added: "green", removed: "red", changed: "yellow", heading: "bold" } as const;

/** styleText heeds NO_COLOR and whether a terminal is listening. */
function paint(mark: Mark, text: string): string {
  return mark === "plain" || text === "" ? text : styleText(colours[mark], text);
}

async function sceneOf(revisions: readonly string[], options: Options): Promise<Scene | undefined> {
  const wanted = options.state === undefined ? 2 : 1;
  if (revisions.length !== wanted) {
    const words =
      wanted === 2 ? "write OLD and NEW, or --state and NEW" : "with --state, write NEW alone";
    return fail(`${revisions.length} revisions are named (${words})`);
  }
  const nowMs = entropy.now();
  if (options.state !== undefined) {
    const running = await runningServer(options.state);
    const policy = await policyOf(revisions[0] ?? "");
    if (running === undefined || policy === undefined) return undefined;
    const after = { policy, world: carriedWorld(running, { policy, nowMs }) };
    const names = { before: `running at ${options.state}`, after: revisions[0] ?? "" };
    return { before: running, after, names };
  }
  const [before = "", after = ""] = revisions;
  const [old, now] = [await policyOf(before), await policyOf(after)];
  if (old === undefined || now === undefined) return undefined;
  return {
    before: { policy: old, world: allUpWorld(old, nowMs) },
    after: { policy: now, world: allUpWorld(now, nowMs) },
    names: { before, after },
  };
}

function fail(message: string): undefined {
  complain(`rhumb: ${message}`);
  finish(exitCodes.refused);
  return undefined;
}

async function demandOf(path: string): Promise<Demand | "bad"> {
  const read = await readSources(path);
  const source = read.ok ? read.sources[0] : undefined;
  if (source === undefined || source.file !== path) {
    if (!read.ok) complainProblems(read.problems);
    else complain(`rhumb: ${path} is a folder (name one CSV file)`);
    finish(exitCodes.refused);
    return "bad";
  }
  const parsed = parseDemand(path, source.text);
  if (parsed.ok) return parsed.demand;
  complainProblems(parsed.problems);
  finish(exitCodes.refused);
  return "bad";
}
