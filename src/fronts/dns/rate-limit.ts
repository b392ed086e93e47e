/**
 * Response rate limiting: nobody can make this server flood an address that he gives as his own.
 * Responses over UDP are counted by client network (/24, /56), kind, and what was answered; those
 * beyond the rate are dropped, or every `slip`-th one sent empty with TC, so that a true client
 * comes again over TCP. Called by answer() and fast-answer.ts once a response; counted steps,
 * nothing allocated.
 *
 * A flow is one word, the moment at which it has used up what it was given (a leaky bucket as the
 * "virtual scheduling" of ATM), and stands in two rows of a table of fixed size under two hashes.
 * It is limited only when both say so: a neighbour's flood hardly ever counts as its own.
 * Threads share the table without locks; a lost count lets one response more out.
 */
import { assert } from "../../errors.ts";
import { isInNetworks, type Networks, readNetworks } from "../../lib/networks.ts";
import { limits } from "../../limits.ts";
import { beatRound } from "./beat-clock.ts";

/** As the policy holds them. */
export interface RateLimitSettings {
  /** Of answers and referrals with one owner. */
  readonly responsesPerSecond: number;
  /** Of negative answers of one zone, and of errors. */
  readonly errorsPerSecond: number;
  /** 0: never, 1: every limited response is sent empty, 2: every other. */
  readonly slip: number;
  /** Networks that are never limited. */
  readonly exempt: readonly string[];
}

/** Kinds of response, as part of what is counted. */
export const flowKinds = { answer: 0, negative: 1, error: 2 } as const;

export const verdicts = { send: 0, slip: 1, drop: 2 } as const;

const { dnsRateLimitFlows } = limits;

export interface RateLimiter {
  /** By kind: microseconds between two responses at the full rate; 0: not limited. */
  readonly intervals: Int32Array;
  readonly cells: Int32Array;
  readonly seed: number;
  slip: number;
  limited: number;
  exempt: Networks;
}

/** Memory of the flows, for all threads. */
export function createFlowCells(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(dnsRateLimitFlows * 2 * 4));
}

/** Limits nothing before it has settings. */
export function createRateLimiter(cells: Int32Array, seed: number): RateLimiter {
  assert(cells.length === dnsRateLimitFlows * 2, "two rows of flows");
  return {
    intervals: new Int32Array(3),
    cells,
    seed: seed | 0,
    slip: 0,
    limited: 0,
    exempt: readNetworks([]),
  };
}

export function setRateLimit(limiter: RateLimiter, settings: RateLimitSettings | undefined): void {
  const interval = (perSecond: number): number => Math.round(1_000_000 / perSecond);
  const { intervals } = limiter;
  intervals[flowKinds.answer] = settings === undefined ? 0 : interval(settings.responsesPerSecond);
  intervals[flowKinds.negative] = settings === undefined ? 0 : interval(settings.errorsPerSecond);
  intervals[flowKinds.error] = intervals[flowKinds.negative]!;
  limiter.slip = settings?.slip ?? 0;
  limiter.exempt = readNetworks(settings?.exempt ?? []);
}

/** How much of a rate is given at once: the responses of one second. */
const burstMicroseconds = 1_000_000;

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x85ebca6b);
  return mixed ^ (mixed >>> 13);
}

/**
 * Takes one response of `kind` about `owner` (a number for what was answered) out of what the
 * client's network may have at `now`, microseconds of beat-clock.ts. False: it is over its rate,
 * and nothing was taken.
 */
// Plain arguments, not an options object: called for each response, and must not allocate.
export function withinRate(
  limiter: RateLimiter,
  words: Uint32Array,
  wordsAt: number,
  family: 4 | 6,
  kind: number,
  owner: number,
  now: number,
): boolean {
  const interval = limiter.intervals[kind]!;
  if (interval === 0) return true;
  const first = words[wordsAt]! | 0;
  let hash = mix(mix(limiter.seed, (kind << 28) ^ owner), family === 4 ? first & ~0xff : first);
  if (family === 6) hash = mix(hash, words[wordsAt + 1]! & ~0xff);
  const { cells } = limiter;
  const mask = dnsRateLimitFlows - 1;
  const one = hash & mask;
  const other = dnsRateLimitFlows + ((Math.imul(hash, 0x9e3779b1) >>> 15) & mask);
  const wait = Math.min(ahead(cells[one]!, now), ahead(cells[other]!, now));
  if (wait + interval > burstMicroseconds) {
    return isInNetworks(limiter.exempt, family, words, wordsAt);
  }
  const used = (now + wait + interval) % beatRound;
  cells[one] = used;
  cells[other] = used;
  return true;
}

/** Microseconds from `now` to `used`; 0 when that is past, or no flow's. */
function ahead(used: number, now: number): number {
  let wait = used - now;
  if (wait < -beatRound / 2) wait += beatRound;
  else if (wait > beatRound / 2) wait -= beatRound;
  return wait < 0 || wait > burstMicroseconds ? 0 : wait;
}

/** What becomes of a response beyond its rate. */
export function overRate(limiter: RateLimiter): number {
  limiter.limited = (limiter.limited + 1) | 0;
  if (limiter.slip === 0 || limiter.limited % limiter.slip !== 0) return verdicts.drop;
  return verdicts.slip;
}
