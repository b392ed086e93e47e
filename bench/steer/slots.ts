/**
 * Slots: what moves beyond what must, and what a row costs. Members leave the configuration, fail,
 * and ramp in 20 steps, alone or while others are down or ramping, in random pools with equal,
 * mixed and heavy-tailed weights. `floor` is the part that whole numbers of slots cost whatever is
 * done.
 */
import { limits } from "../../src/limits.ts";
import { roundSplit } from "../../src/steer/shares.ts";
import { fillSlots } from "../../src/steer/slots.ts";

const rounds = 8;
const steps = 20;
const full = limits.availabilityFull;

let state = 1;
function random(): number {
  state = (state + 0x6d2b_79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

const weightKinds = {
  equal: () => 1,
  mixed: () => 1 + Math.floor(random() * 10),
  heavy: () => Math.min(1e6, Math.floor(1 / random())),
};

function slotsOf(
  ids: readonly number[],
  base: readonly number[],
  shares: readonly number[],
): Uint16Array {
  const out = new Uint16Array(limits.slots);
  fillSlots({ ids, base, shares }, out);
  return out;
}

interface Moves {
  readonly moved: number;
  readonly floor: number;
}

function moves(before: Uint16Array, after: Uint16Array): Moves {
  const changes = new Map<number, number>();
  let moved = 0;
  before.forEach((member, slot) => {
    const now = after[slot]!;
    if (member === now) return;
    moved++;
    changes.set(member, (changes.get(member) ?? 0) - 1);
    changes.set(now, (changes.get(now) ?? 0) + 1);
  });
  let floor = 0;
  for (const change of changes.values()) floor += Math.max(0, change);
  return { moved, floor };
}

interface Pool {
  readonly ids: readonly number[];
  readonly weights: readonly number[];
  readonly base: readonly number[];
  readonly chosen: number;
  readonly share: number;
}

function poolOf(members: number, weigh: () => number): Pool {
  const ids = Array.from({ length: members }, () => Math.floor(random() * 2 ** 32));
  const weights = ids.map(weigh);
  const base = roundSplit(weights, new Array<number>(members).fill(full));
  const chosen = Math.floor(random() * members);
  const share = ((base[chosen] ?? 0) * limits.slots) / limits.shareTotal;
  return { ids, weights, base, chosen, share };
}

/** Slots moved beyond the share, in percent of all. */
function leaving({ ids, weights, base, chosen, share }: Pool): Moves {
  const without = <T>(list: readonly T[]) => list.filter((_, i) => i !== chosen);
  const rest = roundSplit(without(weights), new Array<number>(ids.length - 1).fill(full));
  const after = slotsOf(without(ids), rest, rest).map((i) => (i >= chosen ? i + 1 : i));
  return beyond(moves(slotsOf(ids, base, base), after), share);
}

function failing({ ids, weights, base, chosen, share }: Pool): Moves {
  const now = roundSplit(
    weights,
    weights.map((_, i) => (i === chosen ? 0 : full)),
  );
  return beyond(moves(slotsOf(ids, base, base), slotsOf(ids, base, now)), share);
}

function beyond({ moved, floor }: Moves, share: number): Moves {
  const percent = (slots: number) => (100 * (slots - share)) / limits.slots;
  return { moved: percent(moved), floor: percent(floor) };
}

/** Slots moved in all steps together, in final shares. */
function ramping({ ids, weights, base, chosen }: Pool, trouble: number): Moves {
  const others = weights.map((_, i) => {
    if (i === chosen || random() >= trouble) return full;
    return random() < 1 / 3 ? 0 : Math.floor(random() * full);
  });
  const sharesAt = (step: number) =>
    roundSplit(
      weights,
      others.map((a, i) => (i === chosen ? Math.floor((full * step) / steps) : a)),
    );
  if (!others.some((a, i) => i !== chosen && a > 0)) others[(chosen + 1) % ids.length] = full;
  let before = slotsOf(ids, base, sharesAt(0));
  let moved = 0;
  let floor = 0;
  for (let step = 1; step <= steps; step++) {
    const after = slotsOf(ids, base, sharesAt(step));
    const one = moves(before, after);
    moved += one.moved;
    floor += one.floor;
    before = after;
  }
  const final = ((sharesAt(steps)[chosen] ?? 0) * limits.slots) / limits.shareTotal;
  return { moved: moved / final, floor: floor / final };
}

const cases = {
  leaving: { measure: leaving, unit: "% beyond the share" },
  failing: { measure: failing, unit: "% beyond the share" },
  ramping: { measure: (pool: Pool) => ramping(pool, 0), unit: "final shares" },
  "ramping, 3 in 10 in trouble": {
    measure: (pool: Pool) => ramping(pool, 0.3),
    unit: "final shares",
  },
};

const results: { name: string; value: number; unit: string }[] = [];
for (const [what, { measure, unit }] of Object.entries(cases)) {
  for (const [kind, weigh] of Object.entries(weightKinds)) {
    for (const members of [2, 3, 5, 16, 64]) {
      const found = Array.from({ length: rounds }, () => measure(poolOf(members, weigh)));
      const name = `${what}, ${kind}, ${members}`;
      const mean = (of: (moves: Moves) => number) =>
        found.reduce((sum, one) => sum + of(one), 0) / rounds;
      results.push(
        { name: `${name}: worst`, value: Math.max(...found.map(({ moved }) => moved)), unit },
        { name: `${name}: mean`, value: mean(({ moved }) => moved), unit },
        { name: `${name}: mean floor`, value: mean(({ floor }) => floor), unit },
      );
    }
  }
}

/** CPU time: the machine may be busy with something else. */
function cpuMicroseconds(run: (pool: Pool) => void, pools: readonly Pool[]): number {
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const start = process.cpuUsage();
    pools.forEach(run);
    const { user, system } = process.cpuUsage(start);
    times.push((user + system) / pools.length);
  }
  return Math.min(...times);
}

for (const members of [2, 3, 5, 10, 100, 1000]) {
  const pools = Array.from({ length: members > 100 ? 4 : 100 }, () =>
    poolOf(members, weightKinds.mixed),
  );
  const out = new Uint16Array(limits.slots);
  const owners = new Map(pools.map((pool) => [pool, slotsOf(pool.ids, pool.base, pool.base)]));
  const change = (availability: number) => (pool: Pool) => {
    const { ids, base, weights, chosen } = pool;
    const now = weights.map((_, i) => (i === chosen ? availability : full));
    fillSlots({ ids, base, shares: roundSplit(weights, now) }, out, owners.get(pool));
  };
  const whole = ({ ids, base }: Pool) => fillSlots({ ids, base, shares: base }, out);
  results.push(
    { name: `row of ${members}, new`, value: cpuMicroseconds(whole, pools), unit: "us CPU" },
    {
      name: `row of ${members}, one down`,
      value: cpuMicroseconds(change(0), pools),
      unit: "us CPU",
    },
    {
      name: `row of ${members}, one ramping`,
      value: cpuMicroseconds(change(77), pools),
      unit: "us CPU",
    },
  );
}
console.log(JSON.stringify({ results }));
