/**
 * The specification, executable: docs/steering.md for one class of one service. Called by explain,
 * by tests, by whatever sums over demand; table.ts builds the fast path from the same functions.
 * Reads nothing but (Policy, World): no clock, no chance. Steps 2, 3, 4, 7 are carry.ts; 5, 6
 * plan-shares.ts; 10 decide-reasons.ts.
 */
import { assert } from "../errors.ts";
import { limits } from "../limits.ts";
import type {
  ClassIndex,
  EndpointIndex,
  Policy,
  Pool,
  PoolOrdinal,
  Service,
  ServiceIndex,
} from "../policy/policy.ts";
import type { World } from "../world/world.ts";
import { poolRow, serviceCarry } from "./carry.ts";
import { decideReasons } from "./decide-reasons.ts";
import type { Answer, Decision, Seen } from "./decision.ts";
import { steeredClass } from "./measured.ts";
import { roundIntegers } from "./shares.ts";
import { allocatedAttempt } from "./walks.ts";

/** Step 8: the candidate at `position`, then those after it around the end, up to `answers`. */
function answerFrom(pool: Pool, row: readonly number[], at: { position: number; answers: number }) {
  const endpoints: EndpointIndex[] = [];
  for (let k = 0; k < row.length && endpoints.length < at.answers; k++) {
    const position = (at.position + k) % row.length;
    if (row[position] === 0) continue;
    endpoints.push((pool.firstEndpoint + position) as EndpointIndex);
  }
  return endpoints;
}

/** Steps 8 and 9 over the shares of step 6. */
function answersOf(
  policy: Policy,
  world: World,
  at: { readonly service: Service; readonly shares: readonly number[] },
): readonly Answer[] {
  const lists: (readonly EndpointIndex[])[] = [];
  const products: number[] = [];
  at.shares.forEach((share, ordinal) => {
    if (share === 0) return;
    const pool = policy.pools[at.service.firstPool + ordinal];
    assert(pool !== undefined, "pools of a service are contiguous");
    const row = poolRow(policy, world, { pool, fallback: at.service.fallback });
    row.forEach((part, position) => {
      if (part === 0) return;
      lists.push(answerFrom(pool, row, { position, answers: at.service.answers }));
      products.push(share * part);
    });
  });
  assert(lists.length > 0, "a pool that can carry has a candidate");
  const total = limits.shareTotal * limits.shareTotal;
  const rounded = roundIntegers(products, total);
  return lists.map((endpoints, i) => ({ endpoints, share: rounded[i] ?? 0 }));
}

/** The whole of docs/steering.md for one class of one service. */
export function decide(
  policy: Policy,
  world: World,
  index: ServiceIndex,
  classIndex: ClassIndex,
  seen: Seen = "location",
): Decision {
  const service = policy.services[index];
  assert(service !== undefined, "service index in range");
  const written = policy.ruleSets[service.ruleSet]?.classes[classIndex];
  assert(written !== undefined, "class index in range");
  const classPlan = steeredClass(policy, world, written);
  const carry = serviceCarry(policy, world, index);
  const made = allocatedAttempt(policy, world, { index, service, classPlan, carry });
  const refused = made.name === "refuse";
  const answers = refused ? [] : answersOf(policy, world, { service, shares: made.shares });
  const pools = made.shares.flatMap((share, ordinal) =>
    share === 0 ? [] : [{ pool: ordinal as PoolOrdinal, share }],
  );
  const facts = { index, service, classPlan, seen, attempt: made, carry, answers };
  return {
    outcome: refused ? "refuse" : "answer",
    answers,
    pools,
    reasons: decideReasons(policy, world, facts),
  };
}
