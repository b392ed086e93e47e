/**
 * Prove: does every assertion hold in every state? Called by `rhumb prove`, by `check` and when a
 * revision is applied. Pure and bounded: the same input gives the same verdicts, after so many
 * decisions at most. The decisions are the product's own (`attempt`, `poolCarry`, `poolRow`); what
 * is written here is which states there are and what must be true of a decision. docs/prove.md.
 */
import type { Claim } from "../config/assertions.ts";
import { simulatedEntropy } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import type { Policy, PoolIndex, ServiceIndex } from "../policy/policy.ts";
import { decide } from "../steer/decide.ts";
import { attempt } from "../steer/plan-shares.ts";
import type { World } from "../world/world.ts";
import { lostEndpoints, proveCapacity } from "./capacity.ts";
import type { Claims, PlacedAssertion } from "./claims.ts";
import { type CounterExample, changesOf, counterExample } from "./counter-example.ts";
import { goodDayWorld } from "./good-day.ts";
import { isLimited, orderKey, ordersOf } from "./orders.ts";
import { type DecideFunction, findBadPoint } from "./points.ts";
import { anyRamp, PoolDomains } from "./pool-states.ts";
import { inside, proveServe } from "./serve.ts";
import { greatestShare, proveShare, type ShareFound, triedRamps } from "./share.ts";
import { countStates } from "./states.ts";
import { type Subject, type SubjectInput, serviceKey, subjectOf } from "./subject.ts";
import { type AttemptFunction, costOf, type Found, proveSupport } from "./support.ts";
import { ttlHolds, ttlSentence } from "./ttl.ts";

export interface ProveOptions {
  /** The decision to be looked at: the product's, except in tests of the prover. */
  readonly attempt?: AttemptFunction;
  /** For one assertion. */
  readonly decisionsMax?: number;
  /** Whole decisions looked at in random states, for each assertion on who may serve. */
  readonly points?: number;
  /** As `attempt`. */
  readonly decide?: DecideFunction;
}

export interface Verdict {
  readonly assertion: PlacedAssertion;
  readonly outcome: "proved" | "violated" | "undecided";
  /** Why undecided, or what was found; "" when there is no more to say. */
  readonly detail: string;
  readonly counterExample: CounterExample | undefined;
  /** Services and classes it was shown for, and how many of them differ. */
  readonly subjects: number;
  readonly distinct: number;
  readonly decisions: number;
}

export interface Proof {
  /** The worst of its verdicts. */
  readonly outcome: Verdict["outcome"];
  readonly verdicts: readonly Verdict[];
  /** Of all endpoints of a service together, summed over services and their classes. */
  readonly states: bigint;
  readonly policyDigest: string;
  readonly geographyDigest: string;
  readonly engine: string;
}

export function prove(policy: Policy, claims: Claims, options: ProveOptions = {}): Proof {
  const verdicts = claims.assertions.map((assertion) =>
    new Prover(policy, claims, assertion, options).verdict(),
  );
  const has = (outcome: Verdict["outcome"]) => verdicts.some((each) => each.outcome === outcome);
  const { digest, geographyDigest, engine } = policy;
  return {
    outcome: has("violated") ? "violated" : has("undecided") ? "undecided" : "proved",
    verdicts,
    states: countStates(policy),
    policyDigest: digest,
    geographyDigest,
    engine,
  };
}

/** What is known of a subject and all those with its key. */
interface Known {
  readonly outcome: Found["outcome"];
}

const noLivingAnswer = "there is no answer, or one of endpoints that are down";

interface Member {
  readonly service: ServiceIndex;
  readonly classIndex: number;
}

/** So much of the budget, 1/this, goes into finding the smallest counter-example of all. */
const smallestPart = 5;

/** A violation in an order of tiers that is not the written one. */
type NotedFound = Found & { readonly note?: string };
type Examine = (subject: Subject, how: How) => NotedFound;
interface How {
  readonly minimal: boolean;
  readonly costBelow: number;
  readonly decisionsMax: number;
}

/** One assertion over all its services and classes. */
class Prover {
  readonly #policy: Policy;
  readonly #claims: Claims;
  readonly #assertion: PlacedAssertion;
  readonly #attempt: AttemptFunction;
  readonly #decisionsMax: number;
  readonly #points: number;
  readonly #decide: DecideFunction;
  readonly #world: World;
  readonly #domains: PoolDomains;
  readonly #known = new Map<string, Known>();
  readonly #serviceKeys = new Map<ServiceIndex, string>();
  #cutShort = false;
  #decisions = 0;
  #subjects = 0;
  /** For shares: the greatest seen, and the least that none can pass. */
  #seen = 0;
  #atMost = 0;

  constructor(policy: Policy, claims: Claims, assertion: PlacedAssertion, options: ProveOptions) {
    this.#policy = policy;
    this.#claims = claims;
    this.#assertion = assertion;
    this.#attempt = options.attempt ?? attempt;
    this.#decisionsMax = options.decisionsMax ?? limits.proveDecisionsMax;
    this.#points = options.points ?? limits.provePoints;
    this.#decide = options.decide ?? decide;
    this.#world = goodDayWorld(policy);
    const ramps = this.#claim().kind === "share" ? triedRamps : anyRamp;
    this.#domains = new PoolDomains(policy, this.#world, ramps);
  }

  verdict(): Verdict {
    const claim = this.#claim();
    if (claim.kind === "ttl") return this.#ttlVerdict(claim);
    if (claim.kind === "capacity") return this.#capacityVerdict(claim);
    const violated: Member[] = [];
    const outcomes = new Map<string, Found["outcome"]>();
    const open: ServiceIndex[] = [];
    const needy = new Set<ServiceIndex>();
    for (const member of this.#members()) {
      const limited = isLimited(this.#policy, { index: member.service });
      const alike = `${this.#serviceKey(member.service)} ${member.classIndex} ${limited}`;
      let outcome = outcomes.get(alike) ?? this.#find(member.service, member.classIndex).outcome;
      outcomes.set(alike, outcome);
      if (outcome === "holds" && this.#mayBeBlocked(member.service)) {
        outcome = "undecided";
        needy.add(member.service);
      }
      if (outcome === "violated") violated.push(member);
      if (outcome === "undecided") open.push(member.service);
    }
    const smallest = this.#smallest(violated);
    if (smallest !== undefined) {
      const cut = this.#cutShort ? "there may be a smaller counter-example" : "";
      return this.#made("violated", joined(cut, this.#detail()), smallest);
    }
    const bad = this.#badPoint(claim);
    if (bad !== undefined) {
      const detail = "decide() does what its parts do not: a fault of Rhumb, please report it";
      return this.#made("violated", detail, bad);
    }
    if (open.length === 0) return this.#made("proved", this.#detail());
    const [first] = needy;
    const blocked = first === undefined ? "" : this.#policy.services[first]?.name;
    const why = blocked
      ? `${blocked} depends on a service anywhere, which the regions that are up may not have`
      : this.#decisions >= this.#decisionsMax
        ? `${this.#decisions} decisions were not enough`
        : this.#looseBounds(open);
    return this.#made("undecided", joined(why, this.#detail()));
  }

  /** Why whole decisions, all looked at, did not tell. */
  #looseBounds(open: readonly ServiceIndex[]): string {
    if (this.#claim().kind !== "share") {
      return open.some((index) => this.#policy.services[index]?.health?.panic !== undefined)
        ? "panic depends on how many endpoints live, and not every number was looked at"
        : "a pool has more states than can be looked at";
    }
    return open.some((index) => this.#policy.services[index]?.health !== undefined)
      ? "the bounds on shares with spill, locality or panic are too wide"
      : "the bounds on returning pools are too wide";
  }

  /**
   * A region that is up is taken to serve all its services, so a dependency in the region is met
   * there; one that may be met from anywhere may be lost with other regions.
   */
  #mayBeBlocked(service: ServiceIndex): boolean {
    const { kind } = this.#claim();
    if (kind !== "answer-regions" && kind !== "serve") return false;
    const found = new Set([service]);
    for (const each of found) {
      for (const on of this.#policy.services[each]?.dependencies ?? []) {
        if (on.anywhere) return true;
        found.add(on.service);
      }
    }
    return false;
  }

  #claim(): Claim {
    return this.#assertion.assertion.claim;
  }

  #badPoint(
    claim: Exclude<Claim, { readonly kind: "ttl" | "capacity" }>,
  ): CounterExample | undefined {
    if (claim.kind === "serve" || claim.kind === "share" || this.#points === 0) return undefined;
    const { services: named } = this.#assertion.assertion;
    const services = this.#policy.services.flatMap(({ name }, index) =>
      named === undefined || named.includes(name) ? [index as ServiceIndex] : [],
    );
    // The same states for the same policy: a verdict does not change by itself.
    const chance = simulatedEntropy(Number.parseInt(this.#policy.digest.slice(0, 8), 16) || 1);
    const found = findBadPoint(this.#policy, {
      claim,
      services,
      residency: (index) => this.#residency(index),
      decide: this.#decide,
      points: this.#points,
      draw: () => chance.draw32(),
    });
    if (found === undefined) return undefined;
    const sentence =
      claim.kind === "residency" ? "an answer leaves the residency set" : noLivingAnswer;
    return counterExample(this.#policy, { ...found, sentence });
  }

  #serviceKey(index: ServiceIndex): string {
    const known = this.#serviceKeys.get(index);
    if (known !== undefined) return known;
    const residency = this.#residency(index);
    const made = serviceKey(this.#policy, { index, domains: this.#domains, residency });
    this.#serviceKeys.set(index, made);
    return made;
  }

  #residency(index: ServiceIndex): readonly string[] | undefined {
    return this.#claims.residency.get(this.#policy.services[index]?.name ?? "");
  }

  *#members(): Generator<Member> {
    const { services } = this.#assertion.assertion;
    for (const [index, service] of this.#policy.services.entries()) {
      if (services !== undefined && !services.includes(service.name)) continue;
      const classes = this.#policy.ruleSets[service.ruleSet]?.classes.length ?? 0;
      for (let classIndex = 0; classIndex < classes; classIndex++) {
        this.#subjects++;
        yield { service: index as ServiceIndex, classIndex };
      }
    }
  }

  #find(service: ServiceIndex, classIndex: number): Known {
    const subject = this.#subject(service, classIndex, false);
    const key = this.#keyOf(subject);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const left = this.#decisionsMax - this.#decisions;
    const how = { minimal: false, costBelow: Number.POSITIVE_INFINITY, decisionsMax: left };
    const found: Known = left <= 0 ? { outcome: "undecided" } : this.#examine(subject, how);
    this.#known.set(key, found);
    return found;
  }

  /** Of all violations the one with the fewest changes, the first of equals. */
  #smallest(violated: readonly Member[]): CounterExample | undefined {
    let best: CounterExample | undefined;
    const seen = new Set<string>();
    const end = this.#decisions + Math.ceil(this.#decisionsMax / smallestPart);
    for (const { service, classIndex } of violated) {
      const subject = this.#subject(service, classIndex, true);
      const key = this.#keyOf(subject);
      if (seen.has(key)) continue;
      seen.add(key);
      const costBelow = best?.changes ?? Number.POSITIVE_INFINITY;
      const decisionsMax = Math.max(end - this.#decisions, best === undefined ? 1000 : 0);
      if (decisionsMax <= 0) {
        this.#cutShort = true;
        break;
      }
      const found = this.#examine(subject, { minimal: true, costBelow, decisionsMax });
      if (found.states === undefined || costOf(found.states) >= costBelow) continue;
      const changes = changesOf(subject, found.states);
      const sentence = `${this.#sentence(subject)}${found.note ?? ""}`;
      best = counterExample(this.#policy, { service, classIndex, changes, sentence });
    }
    return best;
  }

  #subject(index: ServiceIndex, classIndex: number, costs: boolean): Subject {
    const residency = this.#residency(index);
    const weights: SubjectInput["weights"] =
      this.#claim().kind === "share" ? "exact" : "zero-or-not";
    const domains = this.#domains;
    return subjectOf(this.#policy, { index, classIndex, domains, residency, weights, costs });
  }

  #keyOf(subject: Subject): string {
    const flags = this.#flags(subject);
    const orders = orderKey(this.#policy, subject);
    return `${subject.key} ${flags.map((is) => (is ? 1 : 0)).join("")} ${orders}`;
  }

  /** By ordinal, the pools the assertion names. */
  #flags(subject: Subject): readonly boolean[] {
    const claim = this.#claim();
    if (claim.kind === "serve") return inside(this.#policy, subject, claim.in);
    if (claim.kind !== "share") return [];
    return subject.pools.map((index) => {
      const pool = this.#policy.pools[index];
      return pool?.name === claim.of || this.#policy.regions[pool?.region ?? -1]?.name === claim.of;
    });
  }

  readonly #examine: Examine = (subject, how) => {
    const claim = this.#claim();
    const shared = claim.kind === "share" ? this.#flags(subject) : undefined;
    const orders = ordersOf(this.#policy, subject, shared);
    let [{ costBelow, decisionsMax }, undecided, decisions] = [how, false, 0];
    let violated: NotedFound | undefined;
    for (const { subject: ordered, note } of orders) {
      const common = { attempt: this.#attempt, ...how, costBelow, decisionsMax };
      const found = this.#examineClaim(claim, ordered, common);
      decisions += found.decisions;
      decisionsMax -= found.decisions;
      undecided ||= found.outcome === "undecided";
      if (found.outcome !== "violated") continue;
      violated = { ...found, note };
      if (!how.minimal) break;
      costBelow = found.states === undefined ? costBelow : costOf(found.states);
    }
    this.#decisions += decisions;
    if (violated !== undefined) return { ...violated, decisions };
    return { outcome: undecided ? "undecided" : "holds", decisions, states: undefined };
  };

  #examineClaim(
    claim: Claim,
    subject: Subject,
    common: How & { readonly attempt: AttemptFunction },
  ): Found {
    switch (claim.kind) {
      case "serve":
        return proveServe(subject, { claim, inside: this.#flags(subject), ...common });
      case "share": {
        const of = this.#flags(subject);
        if (!of.includes(true)) return { outcome: "holds", decisions: 0, states: undefined };
        const found: ShareFound = proveShare(subject, { claim, of, ...common });
        this.#seen = Math.max(this.#seen, found.seen);
        this.#atMost = Math.max(this.#atMost, found.atMost);
        return found;
      }
      case "ttl":
      case "capacity":
        return { outcome: "undecided", decisions: 0, states: undefined };
      default:
        return proveSupport(subject, { claim, ...common });
    }
  }

  #ttlVerdict(claim: Extract<Claim, { readonly kind: "ttl" }>): Verdict {
    let found: CounterExample | undefined;
    for (const { service: index, classIndex } of this.#members()) {
      const service = this.#policy.services[index];
      if (service === undefined || found !== undefined || ttlHolds(service, claim)) continue;
      const sentence = ttlSentence(service, claim);
      const at = { service: index, classIndex, changes: [], sentence };
      found = counterExample(this.#policy, at);
    }
    return this.#made(found === undefined ? "proved" : "violated", "", found);
  }

  #capacityVerdict(claim: Extract<Claim, { readonly kind: "capacity" }>): Verdict {
    const { services } = this.#assertion.assertion;
    const decisionsMax = this.#decisionsMax;
    const found = proveCapacity(this.#policy, { claim, services, decisionsMax });
    this.#decisions += found.decisions;
    // Counts them.
    Array.from(this.#members());
    if (found.outcome !== "violated") {
      return this.#made(found.outcome === "holds" ? "proved" : "undecided", found.detail);
    }
    const { lost, sentence, service } = found;
    const index = service?.service ?? (0 as ServiceIndex);
    const busy = service?.demand?.findIndex((each) => each > 0) ?? 0;
    const at = { service: index, classIndex: Math.max(0, busy), changes: [], sentence };
    const example = counterExample(this.#policy, at);
    const options = lost.map((region): [string, string] => [
      "--force-down",
      `region:${this.#policy.regions[region]?.name ?? ""}`,
    ]);
    const command = [example.command, ...options.flat()].join(" ");
    const changes = lostEndpoints(this.#policy, lost);
    return this.#made("violated", found.detail, { ...example, options, command, changes });
  }

  #made(outcome: Verdict["outcome"], detail: string, found?: CounterExample): Verdict {
    return {
      assertion: this.#assertion,
      outcome,
      detail,
      counterExample: found,
      subjects: this.#subjects,
      distinct: this.#known.size,
      decisions: this.#decisions,
    };
  }

  #detail(): string {
    const claim = this.#claim();
    if (claim.kind !== "share") return "";
    const percent = (share: number) => `${((share * 100) / limits.shareTotal).toFixed(2)}%`;
    const [least, most] = [percent(this.#seen), percent(this.#atMost)];
    return least === most
      ? `the greatest share is ${least}`
      : `the greatest share is between ${least} and ${most}`;
  }

  #sentence(subject: Subject): string {
    const claim = this.#claim();
    switch (claim.kind) {
      case "residency": {
        const outside = subject.pools.filter((_, i) => subject.outside[i] === true);
        return `an answer may leave the residency set, to ${outside.map((pool) => this.#name(pool)).join(" or ")}`;
      }
      case "serve":
        return `fewer than ${claim.regions} regions of ${claim.in} can serve`;
      case "share": {
        const most = greatestShare(claim, 1);
        return `${claim.of} gets more than ${most} of ${limits.shareTotal}`;
      }
      default:
        return noLivingAnswer;
    }
  }

  #name(pool: PoolIndex): string {
    return this.#policy.pools[pool]?.name ?? "";
  }
}

function joined(...texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join("; ");
}
