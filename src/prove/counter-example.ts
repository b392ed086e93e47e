/**
 * A state in which an assertion does not hold, in words and as a command that shows it. Called by
 * prove.ts. Only what differs from a good day is said: every endpoint up and last good, no standby
 * activated.
 */
import { assert } from "../errors.ts";
import { formatPrefix } from "../lib/ip.ts";
import type { Policy, PoolIndex, ServiceIndex } from "../policy/policy.ts";
import { isGated } from "../policy/pool-kinds.ts";
import type { World } from "../world/world.ts";
import {
  type EndpointState,
  isGoodDay,
  type StateKind,
  setEndpointState,
} from "./endpoint-state.ts";
import type { PoolState } from "./pool-states.ts";
import type { Subject } from "./subject.ts";

export interface CounterExample {
  readonly service: string;
  readonly class: number;
  /** A prefix whose clients are of the class; "" for clients whose address is not known. */
  readonly client: string;
  /** Endpoints not as on a good day, and standbys activated. */
  readonly changes: number;
  /** Options of `rhumb explain`, such as `--down shop/fra`. */
  readonly options: readonly (readonly [string, string])[];
  /** To be run as it is, with the configuration added by who knows its path. */
  readonly command: string;
  /** What is wrong in that state. */
  readonly sentence: string;
}

export interface PoolChange {
  readonly pool: PoolIndex;
  readonly state: PoolState;
}

export function changesOf(subject: Subject, states: readonly PoolState[]): readonly PoolChange[] {
  return states.flatMap((state, i) => {
    const pool = subject.pools[i];
    return pool === undefined || state.cost === 0 ? [] : [{ pool, state }];
  });
}

export function counterExample(
  policy: Policy,
  at: {
    readonly service: ServiceIndex;
    readonly classIndex: number;
    readonly changes: readonly PoolChange[];
    readonly sentence: string;
  },
): CounterExample {
  const service = policy.services[at.service];
  assert(service !== undefined, "service index in range");
  const client = clientOfClass(policy, at.service, at.classIndex);
  const options = at.changes.flatMap((change) => optionsOf(policy, service.name, change));
  const words = ["rhumb", "explain", service.name];
  if (client !== "") words.push("--client", client);
  for (const option of options) words.push(...option);
  return {
    service: service.name,
    class: at.classIndex,
    client,
    changes: at.changes.reduce((sum, { state }) => sum + state.cost, 0),
    options,
    command: words.map(shellWord).join(" "),
    sentence: client === "" && at.classIndex > 0 ? `${at.sentence} (${borderClass})` : at.sentence,
  };
}

/** With `residency.clients`: the command then shows the state, for other clients. */
const borderClass = "clients whose prefix lies in several places, which --client has to name";

/** Writes the state to a World in which all is as on a good day. */
export function applyChanges(policy: Policy, world: World, changes: readonly PoolChange[]): void {
  for (const { pool: index, state } of changes) {
    const pool = policy.pools[index];
    assert(pool !== undefined, "pool index in range");
    if (isGated(pool)) world.pools.active[index] = state.active ? 1 : 0;
    state.endpoints.forEach((each, k) => {
      setEndpointState(policy, world, { endpoint: pool.firstEndpoint + k, state: each });
    });
  }
}

const optionNames: Readonly<Record<Exclude<StateKind, "up" | "ramping">, string>> = {
  held: "--held",
  unknown: "--unknown",
  down: "--down",
  drained: "--drain",
  "forced-up": "--force-up",
  "forced-down": "--force-down",
};

function optionsOf(
  policy: Policy,
  service: string,
  change: PoolChange,
): readonly (readonly [string, string])[] {
  const pool = policy.pools[change.pool];
  assert(pool !== undefined, "pool index in range");
  const { endpoints, active } = change.state;
  const target = `${service}/${pool.name}`;
  const options: (readonly [string, string])[] = [];
  if (isGated(pool) && active) options.push(["--activate", target]);
  const byOption = new Map<
    string,
    { readonly flag: string; readonly tail: string; rows: number[] }
  >();
  endpoints.forEach((state, k) => {
    for (const { flag, tail } of flagsOf(state)) {
      const known = byOption.get(flag + tail) ?? { flag, tail, rows: [] };
      known.rows.push(k);
      byOption.set(flag + tail, known);
    }
  });
  for (const { flag, tail, rows } of byOption.values()) {
    if (rows.length === endpoints.length) options.push([flag, `${target}${tail}`]);
    else {
      for (const k of rows) {
        const endpoint = policy.endpoints[pool.firstEndpoint + k];
        options.push([flag, `${target}/${endpoint?.name ?? ""}${tail}`]);
      }
    }
  }
  return options;
}

function flagsOf(
  state: EndpointState,
): readonly { readonly flag: string; readonly tail: string }[] {
  if (isGoodDay(state)) return [];
  const lost = state.lastGood ? [] : [{ flag: "--not-last-good", tail: "" }];
  if (state.kind === "up") return lost;
  if (state.kind === "ramping") {
    return [{ flag: "--ramp", tail: `=${state.availability ?? 128}` }, ...lost];
  }
  return [{ flag: optionNames[state.kind], tail: "" }, ...lost];
}

/** The command for a configuration that may stand elsewhere than where `rhumb` looks first. */
export function commandFor({ command }: CounterExample, source: string): string {
  return source === "rhumb.yaml" ? command : `${command} -c ${shellWord(source)}`;
}

const shellWord = (word: string): string =>
  /^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** The first prefix whose clients are of the class. */
function clientOfClass(policy: Policy, service: ServiceIndex, classIndex: number): string {
  if (classIndex === 0) return "";
  const ruleSet = policy.ruleSets[policy.services[service]?.ruleSet ?? -1];
  assert(ruleSet !== undefined, "rule set in range");
  for (const family of [4, 6] as const) {
    const leaves = family === 4 ? policy.v4 : policy.v6;
    const count = leaves.lengths.length;
    for (let leaf = 0; leaf < count; leaf++) {
      const location = leaves.locations[leaf] ?? 0;
      if (ruleSet.classOfLocation[location] !== classIndex) continue;
      const words = new Uint32Array(4);
      words.set(leaves.starts.subarray(leaf * leaves.words, (leaf + 1) * leaves.words));
      return formatPrefix({ family, words, length: leaves.lengths[leaf] ?? 0 });
    }
  }
  return "";
}
