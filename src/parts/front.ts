/**
 * A front as a process, whatever it speaks: follows World, listens where its policy says, answers on
 * its own socket, ends in order. parts/dns.ts and parts/redirect.ts hand in a server and are otherwise
 * alike. It listens from its first view on; a later policy moves the addresses, and if one of them
 * cannot be had the front stays where it is and says so.
 */
import { formatProblem } from "../errors.ts";
import { serveSocket } from "../link/server.ts";
import type { Policy } from "../policy/policy.ts";
import { type View, WorldFollower } from "./follow-world.ts";
import { Listeners, type OpenListener } from "./listeners.ts";
import type { Part, RunningPart } from "./part.ts";

export interface FrontServer {
  /** Called between two requests, with the first view before anything is opened. */
  use(view: View): void;
  readonly open: OpenListener;
}

export async function startFront(
  part: Part,
  front: {
    readonly server: FrontServer;
    readonly addresses: (policy: Policy) => readonly string[];
  },
): Promise<RunningPart> {
  const { name, stateDir, entropy, log, handlers } = part;
  const listeners = new Listeners(front.server.open, entropy);
  const metrics = frontMetrics(part);
  let listening: Promise<void> = Promise.resolve();
  let first = true;

  const listen = async (policy: Policy): Promise<void> => {
    const patient = first;
    const problems = await listeners.apply(front.addresses(policy), { patient });
    for (const problem of problems) log.error(formatProblem(problem));
    if (first && problems.length > 0) await part.fail(problems);
    first = false;
    part.problems(problems);
    part.ready(listeners.addresses);
    log.info({ addresses: listeners.addresses }, "listens");
  };
  const follower = new WorldFollower({
    name,
    stateDir,
    entropy,
    log,
    onBusy: (graceMs) => part.busy(graceMs),
    onConnected: (connected) => metrics.connected(connected),
    onView(view, policyChanged) {
      front.server.use(view);
      metrics.viewed(view);
      // One after the other: a list is applied to what the one before left.
      if (policyChanged) listening = listening.then(() => listen(view.policy));
    },
  });
  const socket = await serveSocket(part.socket, {
    handlers,
    onError: (message) => log.warn({ message }, "socket"),
  });
  part.waiting();
  await follower.start();
  return {
    async drain() {
      follower.close();
      await listening;
      await listeners.close();
      await socket.close();
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
