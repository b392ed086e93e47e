/**
 * Between the probes and World: which origins a policy has, what each is asked, and which endpoints
 * its result is about. Called by parts/observer.ts. Endpoints with the same identity are one origin
 * and are probed once. Quarantined endpoints are not probed at all until their time is over.
 */
import type { Entropy, Timer } from "../lib/entropy.ts";
import type { Logger } from "../lib/log.ts";
import { connectionsWithin, openFilesMax } from "../lib/open-files.ts";
import { limits } from "../limits.ts";
import type { EndpointIndex, Monitor, Policy } from "../policy/policy.ts";
import { ProbeJournal, type TraceKey, traceKey } from "../probes/journal.ts";
import type { LookUp } from "../probes/look-up.ts";
import type { Probe, ProbeHandle, ProbeRequest, ProbeResult } from "../probes/probe.ts";
import { buildRequest, probeAddress } from "../probes/request.ts";
import { HostResolver } from "../probes/resolver.ts";
import { Sandbox } from "../probes/sandbox.ts";
import { Scheduler, type SchedulerStatistics } from "../probes/scheduler.ts";
import { Suspects } from "../probes/suspects.ts";
import type { FailureCode } from "../world/failures.ts";
import { type Resolved, verdict } from "../world/world.ts";
import type { WorldKeeper } from "./observer-world.ts";

export interface OriginsOptions {
  readonly entropy: Entropy;
  readonly keeper: WorldKeeper;
  readonly probe: Probe;
  readonly lookUp: LookUp;
  readonly sandboxEntry: string;
  readonly journalPath: string;
  readonly log: Logger;
  /** Every result, those that move no verdict included. */
  onResult(result: ProbeResult): void;
}

/** What is probed once, for all endpoints with this identity. */
interface Origin {
  readonly identity: string;
  readonly rows: EndpointIndex[];
  readonly monitor: Monitor;
  readonly key: TraceKey;
  /** Undefined while a host name has no address. */
  request: ProbeRequest | undefined;
  /** Of the last result that was not ok. */
  detail: string;
}

const unresolved = (failure: FailureCode): ProbeResult => ({
  outcome: failure === "none" ? "void" : "failed",
  failure,
  latencyMs: 0,
  detail: failure === "none" ? "not resolved yet" : "",
});

export class Origins {
  readonly #options: OriginsOptions;
  readonly #scheduler: Scheduler;
  readonly #resolver: HostResolver;
  readonly #suspects: Suspects;
  readonly #journal: ProbeJournal;
  readonly #origins = new Map<string, Origin>();
  readonly #hosts = new Map<string, EndpointIndex[]>();
  readonly #underWay = new Set<ProbeHandle>();
  readonly #paroles = new Map<string, Timer>();
  /** Traces of the run before, until the first policy says whose they are. */
  #traces: ReadonlySet<string>;
  #noting: Timer | undefined;
  #stopped = false;

  constructor(options: OriginsOptions) {
    const { entropy, log } = options;
    this.#options = options;
    this.#journal = new ProbeJournal(options.journalPath);
    this.#traces = this.#journal.suspects;
    if (this.#journal.fault !== "") log.warn({ fault: this.#journal.fault }, "no probe journal");
    this.#resolver = new HostResolver({
      entropy,
      lookUp: options.lookUp,
      onResolved: (host, resolved) => this.#resolved(host, resolved),
    });
    this.#suspects = new Suspects({
      entropy,
      spawn: (callbacks) => new Sandbox({ ...callbacks, entropy, entry: options.sandboxEntry }),
      onGuilty: (identity, how) => this.#quarantine(identity, how),
      onCleared: (identity) => {
        this.#noteSuspectsSoon();
        log.info(
          { endpoint: this.#nameOf(identity) },
          "no longer suspected of crashing the prober",
        );
      },
      onEnd: (end, members) => {
        log.warn({ how: end.how, suspects: members, kind: end.kind }, "a sandbox ended");
      },
    });
    this.#scheduler = new Scheduler({
      entropy,
      start: (identity, ended) => this.#start(identity, ended),
      needsFastProbe: (identity) => this.#failuresCounted(identity) > 0,
      failuresLeft: (identity) => this.#failuresLeft(identity),
      // Beyond it probes would fail for want of a descriptor, and their endpoints fall silent.
      inFlightMax: connectionsWithin(limits.probesInFlightMax, openFilesMax()),
    });
    this.setPolicy();
  }

  get statistics(): SchedulerStatistics & { readonly suspects: number } {
    return { ...this.#scheduler.statistics, suspects: [...this.#suspects.identities].length };
  }

  /** Follows the keeper to its policy. */
  setPolicy(): void {
    const { policy, world } = this.#options.keeper;
    this.#origins.clear();
    this.#hosts.clear();
    const known = new Map<string, Resolved | undefined>();
    policy.endpoints.forEach((endpoint, index) => {
      const row = index as EndpointIndex;
      if (endpoint.host !== "") {
        addTo(this.#hosts, endpoint.host, row);
        known.set(endpoint.host, world.resolved.get(row) ?? known.get(endpoint.host));
      }
      if (endpoint.monitor !== -1) this.#addOrigin(policy, row);
    });
    this.#resolver.setHosts(known);
    for (const origin of this.#origins.values()) this.#renew(origin);
    this.#suspects.retain(new Set(this.#origins.keys()));
    this.#suspectTraces();
    this.#schedule();
  }

  /** Detail of the last failed probe of an endpoint, for the log. */
  detailOf(row: EndpointIndex): string {
    const identity = this.#options.keeper.policy.endpoints[row]?.identity ?? "";
    return this.#origins.get(identity)?.detail ?? "";
  }

  /** Ends all probes without a result and clears their traces. */
  stop(): void {
    this.#stopped = true;
    this.#scheduler.stop();
    this.#resolver.stop();
    this.#suspects.stop();
    this.#noting?.cancel();
    for (const timer of this.#paroles.values()) timer.cancel();
    for (const handle of this.#underWay) handle.cancel();
    this.#journal.close();
  }

  #addOrigin(policy: Policy, row: EndpointIndex): void {
    const { identity, monitor: index } = policy.endpoints[row]!;
    const monitor = policy.monitors[index];
    if (monitor === undefined) return;
    const origin = this.#origins.get(identity);
    if (origin !== undefined) {
      origin.rows.push(row);
      return;
    }
    const key = traceKey(identity);
    const made = { identity, rows: [row], monitor, key, request: undefined, detail: "" };
    this.#origins.set(identity, made);
  }

  #renew(origin: Origin): void {
    const endpoint = this.#options.keeper.policy.endpoints[origin.rows[0]!]!;
    const address = probeAddress(endpoint, this.#resolver.known(endpoint.host));
    const { monitor } = origin;
    origin.request =
      address === undefined ? undefined : buildRequest(endpoint, { monitor, address });
  }

  #schedule(): void {
    const { world } = this.#options.keeper;
    const wanted = [...this.#origins.values()].filter((origin) => {
      const quarantined = world.endpoints.quarantined[origin.rows[0]!] === 1;
      if (quarantined) this.#parole(origin.identity);
      return !quarantined;
    });
    this.#scheduler.setOrigins(
      wanted.map(({ identity, monitor, rows }) => ({
        identity,
        intervalMs: monitor.intervalMs,
        timeoutMs: monitor.timeoutMs,
        lastResultAt: world.endpoints.lastResultAt[rows[0]!] ?? 0,
      })),
    );
  }

  #start(identity: string, ended: (result: ProbeResult | undefined) => void): void {
    const origin = this.#origins.get(identity);
    if (origin === undefined || this.#stopped) {
      ended(undefined);
      return;
    }
    const { request } = origin;
    const take = (result: ProbeResult): void => {
      this.#take(identity, result);
      ended(result);
    };
    if (request === undefined) {
      const { host } = this.#options.keeper.policy.endpoints[origin.rows[0]!]!;
      take(unresolved(this.#resolver.absent(host) ? "resolve.no-address" : "none"));
    } else if (this.#suspects.has(identity)) {
      this.#suspects.probe(identity, request, { result: take, closed: () => ended(undefined) });
    } else {
      const slot = this.#journal.begin(origin.key);
      let handle: ProbeHandle | undefined;
      let over = false;
      handle = this.#options.probe(request, {
        result: take,
        closed: () => {
          over = true;
          this.#journal.end(slot);
          if (handle !== undefined) this.#underWay.delete(handle);
          ended(undefined);
        },
      });
      if (!over) this.#underWay.add(handle);
    }
  }

  #take(identity: string, result: ProbeResult): void {
    if (this.#stopped) return;
    const { keeper, entropy } = this.#options;
    this.#options.onResult(result);
    const origin = this.#origins.get(identity);
    if (origin === undefined) return;
    if (result.outcome !== "ok") origin.detail = result.detail;
    if (result.outcome === "void") return;
    const policyDigest = keeper.policy.digest;
    const { failure, latencyMs } = result;
    const at = entropy.now();
    const ok = result.outcome === "ok";
    for (const endpoint of origin.rows) {
      keeper.push({ kind: "result", policyDigest, endpoint, at, ok, latencyMs, failure });
    }
  }

  #failuresCounted(identity: string): number {
    const left = this.#failuresLeft(identity);
    const row = this.#origins.get(identity)?.rows[0];
    if (left === 0 || row === undefined) return 0;
    return this.#options.keeper.world.endpoints.failures[row] ?? 0;
  }

  #failuresLeft(identity: string): number {
    const origin = this.#origins.get(identity);
    const row = origin?.rows[0];
    if (origin === undefined || row === undefined) return 0;
    const { endpoints } = this.#options.keeper.world;
    if (endpoints.verdict[row] !== verdict.up) return 0;
    return Math.max(0, origin.monitor.downThreshold - (endpoints.failures[row] ?? 0));
  }

  #resolved(host: string, resolved: Resolved): void {
    const { keeper, entropy } = this.#options;
    const policyDigest = keeper.policy.digest;
    const at = entropy.now();
    const identities = new Set<string>();
    for (const endpoint of this.#hosts.get(host) ?? []) {
      keeper.push({ kind: "resolved", policyDigest, endpoint, at, resolved });
      identities.add(keeper.policy.endpoints[endpoint]!.identity);
    }
    for (const identity of identities) {
      const origin = this.#origins.get(identity);
      if (origin === undefined) continue;
      const waited = origin.request === undefined;
      this.#renew(origin);
      // Its probes so far had nobody to ask; nor will they, if the name does not exist.
      if (waited && (origin.request !== undefined || this.#resolver.absent(host))) {
        this.#scheduler.probeSoon(identity);
      }
    }
  }

  /** The run before ended while these were being probed. */
  #suspectTraces(): void {
    if (this.#traces.size === 0) return;
    const found = [...this.#origins.values()].filter(({ key }) => this.#traces.has(key.text));
    this.#traces = new Set();
    this.#suspect(found.map(({ identity }) => identity));
    if (found.length === 0) return;
    const suspects = found.length;
    this.#options.log.warn(
      { suspects },
      "the observer ended while probing: suspects are sandboxed",
    );
  }

  #suspect(identities: readonly string[]): void {
    this.#suspects.add(identities);
    this.#noteSuspects();
  }

  #noteSuspects(): void {
    const keys: string[] = [];
    for (const identity of this.#suspects.identities) keys.push(traceKey(identity).text);
    this.#journal.setSuspects(keys);
  }

  /** Many are cleared at about the same time, and it does no harm to suspect them longer. */
  #noteSuspectsSoon(): void {
    this.#noting ??= this.#options.entropy.after(limits.observerBeatMs, () => {
      this.#noting = undefined;
      this.#noteSuspects();
    });
  }

  #quarantine(identity: string, how: string): void {
    const minutes = limits.quarantineMs / 60_000;
    this.#options.log.error(
      { endpoint: this.#nameOf(identity), how, minutes },
      "quarantined: probing it crashed the prober, alone and more than once",
    );
    this.#setQuarantine(identity, true);
    this.#noteSuspects();
    this.#schedule();
  }

  /** One more chance, in a sandbox, when its time is over. */
  #parole(identity: string): void {
    if (this.#paroles.has(identity)) return;
    const timer = this.#options.entropy.after(limits.quarantineMs, () => {
      this.#paroles.delete(identity);
      if (!this.#origins.has(identity)) return;
      this.#setQuarantine(identity, false);
      this.#suspect([identity]);
      this.#schedule();
    });
    this.#paroles.set(identity, timer);
  }

  #setQuarantine(identity: string, on: boolean): void {
    const { keeper, entropy } = this.#options;
    const policyDigest = keeper.policy.digest;
    const at = entropy.now();
    const rows = this.#origins.get(identity)?.rows ?? [];
    keeper.apply(rows.map((endpoint) => ({ kind: "quarantine", policyDigest, endpoint, at, on })));
  }

  #nameOf(identity: string): string {
    const row = this.#origins.get(identity)?.rows[0];
    return row === undefined ? identity : endpointName(this.#options.keeper.policy, row);
  }
}

/** `service/pool/endpoint`, as in the target of an override. */
export function endpointName(policy: Policy, row: EndpointIndex): string {
  const endpoint = policy.endpoints[row]!;
  const pool = policy.pools[endpoint.pool]!;
  return `${policy.services[pool.service]!.name}/${pool.name}/${endpoint.name}`;
}

function addTo(map: Map<string, EndpointIndex[]>, key: string, row: EndpointIndex): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [row]);
  else list.push(row);
}
