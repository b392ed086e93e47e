/**
 * Residency that depends on the client: the sets of pools that clients may be served from, all
 * their intersections, and which set a place has. Called by compile-classes.ts for each rule set.
 * Without `residency.clients` there is one set, that of `residency.only`.
 */
import type { ServiceConfig } from "../config/schema.ts";
import { assert } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Jurisdictions } from "./jurisdictions.ts";
import type { ClassPlan, ClientResidency } from "./policy.ts";
import type { WhenFacts } from "./when.ts";

/** By pool ordinal. */
export type Allowed = readonly boolean[];

export interface ResidencySets {
  /** The first is that of `only`, in which all others are. */
  readonly sets: readonly Allowed[];
  readonly setOf: (facts: Pick<WhenFacts, "country" | "subdivision">) => number;
  /** set * sets.length + set -> set. */
  readonly meet: Uint8Array;
  /** More than limits.residencySetsMax: these are not all, and the policy must be refused. */
  readonly tooMany: boolean;
}

const textOf = (set: Allowed): string => set.map(Number).join("");
const both = (a: Allowed, b: Allowed): Allowed => a.map((may, i) => may && b[i] === true);

export function residencySets(
  residency: ServiceConfig["residency"],
  given: {
    /** Pools in one of these jurisdictions; undefined for all pools. */
    readonly inside: (of: readonly string[] | undefined) => Allowed;
    readonly jurisdictions: Jurisdictions;
  },
): ResidencySets {
  const whole = given.inside(residency?.only);
  // In the order of names: the sets are numbered by it, however the configuration is written.
  const clients = Object.entries(residency?.clients ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const restrictions = clients.map(([client, of]) => ({
    client,
    set: both(whole, given.inside(of)),
  }));
  const { sets, tooMany } = closure([whole, ...restrictions.map(({ set }) => set)]);
  const indexByText = new Map(sets.map((set, i) => [textOf(set), i]));
  const indexOf = (set: Allowed): number => indexByText.get(textOf(set)) ?? 0;
  const bestEffort = residency?.dns === "best-effort";
  const setOf: ResidencySets["setOf"] = (facts) => {
    const { certain, possible } = given.jurisdictions.around(facts);
    const binding = restrictions.filter(
      ({ client }) => certain.has(client) || (!bestEffort && possible(client)),
    );
    return indexOf(binding.reduce((set, next) => both(set, next.set), whole));
  };
  const meet = Uint8Array.from(sets.flatMap((a) => sets.map((b) => indexOf(both(a, b)))));
  return { sets, setOf, meet, tooMany };
}

/** With all intersections, as far as there is room. */
function closure(given: readonly Allowed[]): {
  readonly sets: readonly Allowed[];
  readonly tooMany: boolean;
} {
  const byText = new Map(given.map((set) => [textOf(set), set]));
  // A map is walked in the order of insertion, what is added on the way included.
  for (const a of byText.values()) {
    for (const b of given) {
      const set = both(a, b);
      byText.set(textOf(set), set);
      if (byText.size > limits.residencySetsMax) return { sets: [...given], tooMany: true };
    }
  }
  return { sets: [...byText.values()], tooMany: false };
}

/** Adds the classes of prefixes over several classes; undefined where there is one set only. */
export function addClassesWithin(
  classes: ClassPlan[],
  { sets, meet }: ResidencySets,
  setOfClass: readonly number[],
): ClientResidency | undefined {
  const setCount = sets.length;
  if (setCount === 1) return undefined;
  const within = new Uint16Array(setOfClass.length * setCount);
  const known = new Map(classes.map((each, i) => [classText(each), i]));
  setOfClass.forEach((own, classIndex) => {
    const classPlan = classes[classIndex];
    assert(classPlan !== undefined, "every class of a location has a set");
    sets.forEach((allowed, set) => {
      const inside = set !== own && meet[own * setCount + set] === set;
      const made = { ...classPlan, allowed };
      const found = inside ? (known.get(classText(made)) ?? classes.length) : classIndex;
      within[classIndex * setCount + set] = found;
      if (found < classes.length) return;
      classes.push(made);
      known.set(classText(made), found);
    });
  });
  return { setCount, setOfClass: Uint8Array.from(setOfClass), meet, within };
}

function classText({ plan, allowed, rule, measured }: ClassPlan): string {
  return `${rule} ${measured?.cell} ${textOf(allowed)} ${JSON.stringify(plan)}`;
}
