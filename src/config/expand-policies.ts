/**
 * `{policy: NAME}` -> what stands under `policies`. Called by checks-policies.ts and load.ts. A
 * policy is expanded once and shared by all who name it; what comes back holds no `policy`, nests
 * no deeper than limits.planDepthMax and has at most limits.steerNodesMax parts.
 */
import { limits } from "../limits.ts";
import type { SteerForm, SteerInput, SteerTier } from "./schema-steer.ts";

export type ExpandFault =
  | { readonly fault: "unknown"; readonly name: string }
  /** The names from the first to itself. */
  | { readonly fault: "cycle"; readonly names: readonly string[] }
  | { readonly fault: "deep" | "large" };

interface Size {
  /** Ways of steering inside each other. */
  readonly depth: number;
  readonly nodes: number;
}
type Expanded<T> = ExpandFault | (Size & { readonly steer: T });

export class Policies {
  readonly #written: ReadonlyMap<string, SteerInput>;
  readonly #known = new Map<string, Expanded<SteerInput>>();
  /** Names being expanded, the outermost first. */
  readonly #open: string[] = [];

  constructor(written: ReadonlyMap<string, SteerInput>) {
    this.#written = written;
  }

  get names(): Iterable<string> {
    return this.#written.keys();
  }

  expand(steer: SteerInput): Expanded<SteerInput> {
    if (typeof steer === "string") return { steer, depth: 1, nodes: 1 };
    if (isList(steer)) return this.#tiers(steer, (order) => order);
    return "policy" in steer ? this.#policy(steer.policy) : this.#form(steer);
  }

  #policy(name: string): Expanded<SteerInput> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const from = this.#open.indexOf(name);
    if (from !== -1) return { fault: "cycle", names: [...this.#open.slice(from), name] };
    const written = this.#written.get(name);
    if (written === undefined) return { fault: "unknown", name };
    this.#open.push(name);
    const made = this.expand(written);
    this.#open.pop();
    this.#known.set(name, made);
    return made;
  }

  #form(steer: Exclude<SteerForm, { policy: unknown }>): Expanded<SteerInput> {
    if ("order" in steer) return this.#tiers(steer.order, (order) => ({ order }));
    if ("rules" in steer) {
      const { rules } = steer;
      return joined(
        rules.flatMap((rule) => [this.expand(rule.steer), this.expand(rule.else ?? rule.steer)]),
        (parts) => ({
          rules: rules.map((rule, i) => ({
            ...rule,
            steer: parts[2 * i] ?? rule.steer,
            ...(rule.else !== undefined && { else: parts[2 * i + 1] ?? rule.else }),
          })),
        }),
      );
    }
    if ("weights" in steer && isList(steer.weights)) {
      const { weights } = steer;
      return joined(
        weights.map((part) => this.#tier(part.steer)),
        (parts) => ({
          weights: weights.map(({ weight, steer: own }, i) => ({ weight, steer: parts[i] ?? own })),
        }),
      );
    }
    return { steer, depth: 1, nodes: 1 };
  }

  #tiers(
    tiers: readonly SteerTier[],
    make: (tiers: readonly SteerTier[]) => SteerInput,
  ): Expanded<SteerInput> {
    return joined(
      tiers.map((tier) => this.#tier(tier)),
      make,
    );
  }

  /** A policy may be a list or a word, which mean something else in a tier: in full. */
  #tier(tier: SteerTier): Expanded<SteerTier> {
    if (typeof tier === "string" || isList(tier)) return { steer: tier, depth: 0, nodes: 1 };
    const made = this.expand(tier);
    return "fault" in made ? made : { ...made, steer: inFull(made.steer) };
  }
}

/** The first fault of the parts, or what is made of them, within the bounds. */
function joined<T, U>(
  parts: readonly Expanded<T>[],
  make: (parts: readonly T[]) => U,
): Expanded<U> {
  const whole: T[] = [];
  let [depth, nodes] = [0, 1];
  for (const part of parts) {
    if ("fault" in part) return part;
    whole.push(part.steer);
    depth = Math.max(depth, part.depth);
    nodes += part.nodes;
  }
  if (depth >= limits.planDepthMax) return { fault: "deep" };
  if (nodes > limits.steerNodesMax) return { fault: "large" };
  return { steer: make(whole), depth: depth + 1, nodes };
}

/** `nearest` and lists as the mappings they are short for. */
export function inFull(steer: SteerInput): SteerForm {
  if (steer === "nearest") return { nearest: {} };
  if (steer === "latency") return { latency: {} };
  return isList(steer) ? { order: steer } : steer;
}

export function isList<T>(value: T): value is Extract<T, readonly unknown[]> {
  return Array.isArray(value);
}
