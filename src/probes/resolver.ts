/**
 * Host names of endpoints, resolved ahead: each is looked up again before its addresses expire, and
 * what was last known good stays through NXDOMAIN, SERVFAIL, silence and empty answers, with the
 * reason why it is old. Called by the observer, which hands in the names and turns what comes out
 * into World's events. Addresses are sorted and bounded, so that a server that rotates its answer
 * changes nothing.
 */
import type { Entropy, Timer } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import type { Resolved } from "../world/world.ts";
import type { LookUp, LookUpResult } from "./look-up.ts";

export interface HostResolverOptions {
  readonly entropy: Entropy;
  readonly lookUp: LookUp;
  /** After every look-up, whether or not it changed anything. */
  onResolved(host: string, resolved: Resolved): void;
}

interface Host {
  readonly name: string;
  known: Resolved | undefined;
  /** The last look-up said for certain that there is no address, and none was known. */
  absent: boolean;
  attempts: number;
  timer: Timer | undefined;
  removed: boolean;
}

export class HostResolver {
  readonly #options: HostResolverOptions;
  readonly #hosts = new Map<string, Host>();
  #waiting: Host[] = [];
  #inFlight = 0;
  #stopped = false;

  constructor(options: HostResolverOptions) {
    this.#options = options;
  }

  /** Replaces the names. Addresses known from before (a persisted World) serve until the answer. */
  setHosts(hosts: ReadonlyMap<string, Resolved | undefined>): void {
    for (const [name, host] of this.#hosts) {
      if (hosts.has(name)) continue;
      host.removed = true;
      host.timer?.cancel();
      this.#hosts.delete(name);
    }
    for (const [name, known] of hosts) {
      if (this.#hosts.has(name)) continue;
      const host: Host = {
        name,
        known,
        absent: false,
        attempts: 0,
        timer: undefined,
        removed: false,
      };
      this.#hosts.set(name, host);
      this.#waiting.push(host);
    }
    this.#askWaiting();
  }

  known(name: string): Resolved | undefined {
    return this.#hosts.get(name)?.known;
  }

  /** True once it is certain that the name has no address: a probe of it has then failed. */
  absent(name: string): boolean {
    return this.#hosts.get(name)?.absent ?? false;
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
    for (const host of this.#hosts.values()) host.timer?.cancel();
    this.#options.lookUp.cancel();
  }

  #askWaiting(): void {
    while (this.#inFlight < limits.lookUpsInFlightMax && !this.#stopped) {
      const host = this.#waiting.shift();
      if (host === undefined) return;
      if (!host.removed) this.#ask(host);
    }
  }

  #ask(host: Host): void {
    this.#inFlight++;
    let four: LookUpResult | undefined;
    let six: LookUpResult | undefined;
    const answered = (): void => {
      if (four === undefined || six === undefined) return;
      this.#inFlight--;
      if (!host.removed && !this.#stopped) this.#take(host, four, six);
      this.#askWaiting();
    };
    this.#options.lookUp.ask(host.name, 4, (result) => {
      four = result;
      answered();
    });
    this.#options.lookUp.ask(host.name, 6, (result) => {
      six = result;
      answered();
    });
  }

  #take(host: Host, four: LookUpResult, six: LookUpResult): void {
    const { entropy } = this.#options;
    const resolved = mergeResolved(host.known, { four, six, nowMs: entropy.now() });
    host.known = resolved;
    host.absent =
      four.kind === "none" &&
      six.kind === "none" &&
      resolved.ipv4.length + resolved.ipv6.length === 0;
    host.attempts = resolved.staleReason === "" ? 0 : host.attempts + 1;
    const waitMs = host.attempts === 0 ? refreshMs(four, six) : retryMs(host.attempts);
    // A tenth of chance, always to the early side: names of one TTL do not stay in step.
    const earlier = 1 - entropy.draw32() / 0x1_0000_0000 / 10;
    host.timer = entropy.after(waitMs * earlier, () => {
      host.timer = undefined;
      this.#waiting.push(host);
      this.#askWaiting();
    });
    this.#options.onResolved(host.name, resolved);
  }
}

/**
 * What is known after a look-up of both families.
 *
 * | this family      | the other      | kept of this family                        |
 * |------------------|----------------|--------------------------------------------|
 * | addresses        | any            | the new                                    |
 * | none, name lives | addresses      | nothing: the name has lost this family     |
 * | none             | none, trouble  | the old: names do not lose all addresses   |
 * | trouble          | any            | the old                                    |
 */
export function mergeResolved(
  before: Resolved | undefined,
  answer: { readonly four: LookUpResult; readonly six: LookUpResult; readonly nowMs: number },
): Resolved {
  const { four, six } = answer;
  const ipv4 = keepFamily(before?.ipv4 ?? [], four, six);
  const ipv6 = keepFamily(before?.ipv6 ?? [], six, four);
  const staleReason = reasonOf(four, six);
  const resolvedAt = staleReason === "" ? answer.nowMs : (before?.resolvedAt ?? 0);
  return { ipv4, ipv6, resolvedAt, staleReason };
}

function keepFamily(
  before: readonly Uint8Array[],
  own: LookUpResult,
  other: LookUpResult,
): readonly Uint8Array[] {
  if (own.kind === "addresses") return bounded(own.addresses);
  if (own.kind === "none" && own.nameExists && other.kind === "addresses") return [];
  return before;
}

/** Empty when the answer as a whole is good: it has an address, and no family was in trouble. */
function reasonOf(four: LookUpResult, six: LookUpResult): string {
  if (four.kind === "trouble") return four.reason;
  if (six.kind === "trouble") return six.reason;
  if (four.kind === "none" && (six.kind === "none" || !four.nameExists)) return four.reason;
  if (six.kind === "none" && !six.nameExists) return six.reason;
  return "";
}

function bounded(addresses: readonly Uint8Array[]): readonly Uint8Array[] {
  const sorted = addresses.toSorted((a, b) => Buffer.compare(a, b));
  const distinct = sorted.filter(
    (address, index) => index === 0 || Buffer.compare(address, sorted[index - 1] ?? address) !== 0,
  );
  return distinct.slice(0, limits.addressesPerHostMax);
}

/** Four fifths of the shortest TTL, within bounds. */
function refreshMs(four: LookUpResult, six: LookUpResult): number {
  const seconds = [four, six].map((result) =>
    result.kind === "addresses" ? result.ttlSeconds : Number.POSITIVE_INFINITY,
  );
  const ms = Math.min(...seconds) * 800;
  return Math.min(limits.resolveMsMax, Math.max(limits.resolveMsMin, ms));
}

function retryMs(attempts: number): number {
  return Math.min(limits.resolveRetryMsMax, limits.resolveRetryMsMin * 2 ** (attempts - 1));
}
