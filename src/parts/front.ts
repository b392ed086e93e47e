/**
 * A front as a process, whatever it speaks: follows World, listens where its policy says, answers
 * on its own socket, ends in order. parts/dns.ts and parts/redirect.ts hand in a server and are
 * otherwise alike. It listens from its first view on; a later policy moves the addresses, and if
 * one of them cannot be had the front stays where it is and says so. The first view may be an old
 * snapshot's: its addresses are given up for those of a policy that comes meanwhile.
 */
import { formatProblem } from "../errors.ts";
import type { Timer } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import { type LinkServer, serveSocket } from "../link/server.ts";
import type { Policy } from "../policy/policy.ts";
import { type View, WorldFollower } from "./follow-world.ts";
import { type Listening, moveListen } from "./move-listen.ts";
import type { Part, RunningPart } from "./part.ts";

export interface FrontServer extends Listening {
  /** Where it listens, with the ports the system chose. */
  listening(): readonly string[];
  /** Takes effect between two requests. */
  setSnapshot(view: View): void;
  /** Accepts nothing more; done when what was accepted is finished. */
  stop(): Promise<void>;
}

export async function startFront(
  part: Part,
  front: {
    readonly create: (view: View) => FrontServer;
    readonly addresses: (policy: Policy) => readonly string[];
  },
): Promise<RunningPart> {
  const { name, stateDir, entropy, log } = part;
  const metrics = frontMetrics(part);
  let server: FrontServer | undefined;
  /** As written in the policy whose list is in force; undefined before the first. */
  let held: readonly string[] | undefined;
  let moving: Promise<void> = Promise.resolve();
  let newest: Policy | undefined;

  const move = async (to: FrontServer, policy: Policy): Promise<void> => {
    const wanted = front.addresses(policy);
    const patient = held === undefined;
    const superseded = (): boolean => newest !== policy;
    const how = { held: held ?? [], wanted, patient, superseded, entropy };
    const problems = await moveListen(to, how);
    if (held === undefined && problems.length > 0 && superseded()) return;
    for (const problem of problems) log.error(formatProblem(problem));
    if (held === undefined && problems.length > 0) await part.fail(problems);
    if (problems.length === 0) held = wanted;
    part.problems(problems);
    part.ready(to.listening());
    log.info({ addresses: to.listening() }, "listens");
  };
  const take = (view: View, policyChanged: boolean): void => {
    const current = server ?? front.create(view);
    if (server === undefined) server = current;
    else server.setSnapshot(view);
    metrics.viewed(view);
    // One after the other: a list is applied to what the one before left.
    if (!policyChanged) return;
    newest = view.policy;
    moving = moving.then(() => move(current, view.policy));
  };
  const follower = new WorldFollower({
    name,
    stateDir,
    entropy,
    log,
    onBusy: (graceMs) => part.busy(graceMs),
    onConnected: (connected) => metrics.connected(connected),
    onView: take,
  });
  const socket = ownSocket(part);
  part.waiting();
  await follower.start();
  return {
    async drain() {
      follower.close();
      await moving;
      await server?.stop();
      await socket.close();
    },
  };
}

/**
 * Clients need no file of ours: a state directory in which no socket can be made - a disk that was
 * mounted anew for reading, say - must not keep a front that crashed from coming back.
 */
function ownSocket(part: Part): { readonly close: () => Promise<void> } {
  const { entropy, log, handlers, socket: path } = part;
  const onError = (message: string): void => log.warn({ message }, "socket");
  let open: LinkServer | undefined;
  let retry: Timer | undefined;
  let said = false;
  const attempt = async (): Promise<void> => {
    try {
      open = await serveSocket(path, { handlers, onError });
    } catch (error) {
      if (!said) log.error({ path }, `no socket for metrics: ${String(error)}`);
      said = true;
      retry = entropy.after(limits.socketRetryMs, begin);
    }
  };
  let attempting: Promise<void> = Promise.resolve();
  const begin = (): void => {
    attempting = attempt();
  };
  begin();
  return {
    async close() {
      retry?.cancel();
      await attempting;
      await open?.close();
    },
  };
}

function frontMetrics(part: Part) {
  const rows = { values: { part: [part.name] } };
  const { registry } = part;
  const connected = registry.gauge(
    "rhumb_front_observer_connected",
    "1 while the front follows the observer, 0 while it goes on with the last World.",
    rows,
  );
  const generation = registry.gauge(
    "rhumb_front_world_generation",
    "Generation of the World the front serves.",
    rows,
  );
  const views = registry.counter(
    "rhumb_front_views_total",
    "How often the front took another World or policy.",
    rows,
  );
  return {
    connected: (value: boolean) => connected.set(0, value ? 1 : 0),
    viewed(view: View) {
      generation.set(0, view.world.generation);
      views.add(0, 1);
    },
  };
}
