/**
 * What measurements and loads could make of a class: any order of its tiers by latency, any part of
 * what comes to a pool by load. Called by prove.ts. Who gets a share, and how much at most, shows
 * when each tier in turn stands first, since a pool gets no more behind another than before it; so
 * those orders stand for all.
 */
import type { Plan, Policy } from "../policy/policy.ts";
import { tiersOf } from "../steer/walks.ts";
import type { Subject } from "./subject.ts";

export interface Ordered {
  readonly subject: Subject;
  /** To be added to what is wrong; "" for the order that is written. */
  readonly note: string;
}

/** The subject as it is written, then with each other tier first. */
export function ordersOf(
  policy: Policy,
  subject: Subject,
  /** By ordinal, for shares: only the tiers of these pools, and of those the pools alone. */
  of?: readonly boolean[],
): readonly Ordered[] {
  const limited = isLimited(policy, subject);
  const { plan, measured } = subject.classPlan;
  const written = [{ subject, note: "" }];
  if (!limited && measured === undefined) return written;
  const tiers = movable(subject, limited);
  const others = tiers.flatMap((tier, i): Ordered[] => {
    if (of !== undefined && !poolsOf(tier).some((pool) => of[pool] === true)) return [];
    const head = of !== undefined && limited ? only(tier, of) : tier;
    const rest = tiers.filter((_, k) => k !== i);
    if (i === 0 && head === tier) return [];
    const made: Plan = { kind: "first", children: [head, ...rest] };
    const whole = limited || plan.kind !== "first" || measured?.standby !== true;
    const next: Plan = whole
      ? made
      : { kind: "first", children: [made, ...plan.children.slice(1)] };
    const name = poolsOf(head).map((pool) => policy.pools[subject.pools[pool] ?? -1]?.name);
    const why = limited ? "while the others are full" : "while it is the quickest";
    return [
      {
        subject: { ...subject, classPlan: { ...subject.classPlan, plan: next } },
        note: ` (${name.join(", ")} asked first, ${why})`,
      },
    ];
  });
  return [...written, ...others];
}

/** Of subjects that are alike in all else: different keys for different sets of orders. */
export function orderKey(policy: Policy, subject: Subject): string {
  const { measured } = subject.classPlan;
  return `${isLimited(policy, subject) ? "limited" : ""} ${measured === undefined ? "" : "measured"}`;
}

export function isLimited(policy: Policy, { index }: Pick<Subject, "index">): boolean {
  return policy.capacity?.services.some(({ service }) => service === index) === true;
}

function movable({ classPlan: { plan, measured } }: Subject, limited: boolean): readonly Plan[] {
  if (limited) return tiersOf(plan);
  const ranked = measured?.standby === true && plan.kind === "first" ? plan.children[0] : plan;
  return ranked?.kind === "first" ? ranked.children : [];
}

function poolsOf(plan: Plan): readonly number[] {
  return plan.kind === "pool" ? [plan.pool] : plan.children.flatMap(poolsOf);
}

/** Of pools that share a tier, others may be full while these are not. */
function only(plan: Plan, of: readonly boolean[]): Plan {
  if (plan.kind !== "split") return plan;
  const kept = plan.children.flatMap((child, i) =>
    poolsOf(child).some((pool) => of[pool] === true) && plan.weights[i] !== 0
      ? [{ child: only(child, of), weight: plan.weights[i] ?? 0 }]
      : [],
  );
  const [first] = kept;
  if (first === undefined) return plan;
  if (kept.length === 1) return first.child;
  return {
    kind: "split",
    children: kept.map(({ child }) => child),
    weights: kept.map(({ weight }) => weight),
  };
}
