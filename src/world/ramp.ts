/**
 * How the share of a returning endpoint grows: steps of 1/256 along Envoy's slow-start curve,
 * availability = (elapsed / ramp) ^ (1 / aggression); and, where a region ramps as one, which ramp
 * an endpoint is on. Called by health.ts and ttl.ts. An aggression of 100 hundredths is the
 * straight line, in whole numbers; other curves come from naturalPower, equal to the bit anywhere.
 */
import { naturalPower } from "../lib/exponential.ts";
import { limits } from "../limits.ts";
import type { Policy, Ramp } from "../policy/policy.ts";
import type { Draft } from "./draft.ts";
import { type EndpointColumns, verdict } from "./world.ts";

const whole = limits.availabilityFull;
const straight = 100;

/** Each step's part of a ramp, by aggression: few curves are in use, of 257 numbers each. */
const curves = new Map<number, Float64Array>();

function curveOf(aggression: number): Float64Array {
  const known = curves.get(aggression);
  if (known !== undefined) return known;
  const made = Float64Array.from({ length: whole + 1 }, (_, step) =>
    step === 0 ? 0 : naturalPower(step / whole, aggression / straight),
  );
  made[whole] = 1;
  curves.set(aggression, made);
  return made;
}

/** From the start of a ramp to its step `step` of 256; the first step is the start. */
export function rampStepMs(ramp: Ramp, step: number): number {
  if (step <= 1) return 0;
  if (ramp.aggression === straight) return Math.ceil((step * ramp.ms) / whole);
  // A moment on the millisecond stays there, whichever way its last bit fell.
  return Math.ceil(ramp.ms * curveOf(ramp.aggression)[step]! - 1e-4);
}

/** The step of a ramp after `elapsedMs`: 1 at its start, `limits.availabilityFull` at its end. */
export function rampStep(ramp: Ramp, elapsedMs: number): number {
  if (elapsedMs >= ramp.ms) return whole;
  if (ramp.aggression === straight) return Math.max(1, Math.floor((elapsedMs * whole) / ramp.ms));
  let low = 1;
  let high: number = whole;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (rampStepMs(ramp, middle) <= elapsedMs) low = middle;
    else high = middle;
  }
  return low;
}

/** The ramp a row is on, or will be after its hold. */
export function rampOf(policy: Policy, regional: EndpointColumns["regional"], row: number): Ramp {
  const pool = policy.pools[policy.endpoints[row]!.pool]!;
  const { ramp } = policy.regions[pool.region]!;
  if (regional[row] === 1 && ramp !== undefined) return ramp;
  const { rampMs, aggression = straight } = policy.services[pool.service]!;
  return { ms: rampMs, aggression };
}

/**
 * The start of the region's ramp for an endpoint whose hold ends at `at`: its own end when nothing
 * checked in the region serves, that of the others while they are on it; undefined for the
 * service's own ramp.
 */
export function regionalStart(draft: Draft, row: number, at: number): number | undefined {
  const { policy, facts, endpoints } = draft;
  const { region } = policy.pools[facts.poolOfEndpoint[row]!]!;
  if (policy.regions[region]!.ramp === undefined) return undefined;
  let serving = false;
  for (const index of facts.poolsOfRegion[region]!) {
    const { firstEndpoint, endpointCount } = policy.pools[index]!;
    for (let other: number = firstEndpoint; other < firstEndpoint + endpointCount; other++) {
      if (other === row || facts.takesPart[other] === 0) continue;
      const availability = endpoints.availability[other]!;
      if (!wasUp(endpoints, other) || availability === 0) continue;
      if (endpoints.regional[other] === 1 && availability < whole) return endpoints.rampFrom[other];
      serving = true;
    }
  }
  return serving ? undefined : at;
}

/** Up, or up until it fell silent. */
function wasUp(endpoints: EndpointColumns, row: number): boolean {
  const now = endpoints.verdict[row];
  return now === verdict.up || (now === verdict.unknown && endpoints.kept[row] === verdict.up);
}
