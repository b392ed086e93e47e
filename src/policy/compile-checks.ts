/**
 * `check` -> monitors, and how an endpoint's verdict follows from them. Called by compile-model.ts.
 * A plain check is a monitor of the endpoint's own. One made of several asks through rows of a
 * pool behind the service's pools, which nobody is steered to: each row is one question to one
 * address, once for all endpoints that need it.
 */
import { canonicalJson } from "../config/canonical-json.ts";
import type { EndpointConfig } from "../config/schema.ts";
import { type CheckConfig, type CheckTarget, isTarget } from "../config/schema-check.ts";
import { assert } from "../errors.ts";
import { sha256 } from "../lib/sha256.ts";
import { bytesOf } from "./compile-addresses.ts";
import type {
  CheckPlan,
  Endpoint,
  EndpointIndex,
  Monitor,
  MonitorIndex,
  PoolIndex,
} from "./policy.ts";

export const checksPoolName = "(checks)";

const kinds = ["http", "https", "tcp"] as const;
const defaultPorts = { http: 80, https: 443, tcp: 0 } as const;

interface KnownMonitor {
  readonly index: MonitorIndex;
  readonly digest: string;
}

/** Every monitor of the policy, once. */
export class MonitorBook {
  readonly monitors: Monitor[] = [];
  readonly #byText = new Map<string, KnownMonitor>();

  of(check: CheckConfig): KnownMonitor {
    const monitor = monitorOf(check);
    const text = canonicalJson(monitor);
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    const index = this.monitors.length as MonitorIndex;
    const made = { index, digest: digestOf(text) };
    this.monitors.push(monitor);
    this.#byText.set(text, made);
    return made;
  }
}

const digestOf = (text: string): string => sha256(new TextEncoder().encode(text)).slice(0, 16);

function monitorOf(check: CheckConfig): Monitor {
  const kind = kindOf(check);
  assert(kind !== undefined, "a check that asks nothing is refused before compile");
  return {
    kind,
    port: check.port ?? 0,
    path: check.http ?? check.https ?? "",
    host: check.host ?? "",
    serverName: check.sni ?? "",
    verifyTls: check.verify,
    sourceAddress: check.source ?? "",
    expectStatus: check.status,
    expectBody: check.body ?? "",
    intervalMs: check.interval,
    timeoutMs: check.timeout,
    downThreshold: check.down,
    upThreshold: check.up,
    okThreshold: check.down,
  };
}

const kindOf = (check: CheckConfig) => kinds.find((each) => check[each] !== undefined);

/** How the endpoints of a service are checked. */
export interface CompiledCheck {
  readonly monitor: MonitorIndex | -1;
  readonly digest: string;
  /** Of an endpoint that states none. */
  readonly defaultPort: number;
  /** Made of several: the plan for an endpoint in a region. */
  readonly planFor?: (endpoint: EndpointConfig, region: string) => CheckPlan;
}

export const unchecked: CompiledCheck = { monitor: -1, digest: "none", defaultPort: 0 };

export function compileCheck(
  check: CheckConfig | undefined,
  of: { readonly book: MonitorBook; readonly parts: CheckParts },
): CompiledCheck {
  if (check === undefined) return unchecked;
  const kind = kindOf(check);
  if (kind !== undefined && check.requires === undefined && check.on === undefined) {
    return {
      ...of.book.of(check),
      monitor: of.book.of(check).index,
      defaultPort: defaultPorts[kind],
    };
  }
  return {
    monitor: -1,
    digest: digestOf(canonicalJson(check)),
    defaultPort: ownPort(check) ?? 0,
    planFor: (endpoint, region) => of.parts.plan(check, { target: endpoint, region }),
  };
}

/** The default port of the first part that asks the endpoint itself. */
function ownPort(check: CheckConfig): number | undefined {
  const kind = kindOf(check);
  if (kind !== undefined) return check.on === undefined ? defaultPorts[kind] : undefined;
  return partsOf(check)
    .map(ownPort)
    .find((port) => port !== undefined);
}

function partsOf(check: CheckConfig): readonly CheckConfig[] {
  return check.all ?? check.any ?? check.checks ?? (check.not === undefined ? [] : [check.not]);
}

interface AskedOf {
  /** Asked by parts that do not say `on`. */
  readonly target: EndpointConfig | undefined;
  readonly region: string;
}

/** The rows through which the checks of one service ask. */
export class CheckParts {
  readonly #book: MonitorBook;
  readonly #pool: PoolIndex;
  readonly #firstRow: number;
  readonly endpoints: Endpoint[] = [];
  readonly #rows = new Map<string, EndpointIndex>();

  constructor(book: MonitorBook, at: { readonly pool: number; readonly firstRow: number }) {
    this.#book = book;
    this.#pool = at.pool as PoolIndex;
    this.#firstRow = at.firstRow;
  }

  plan(check: CheckConfig, asked: AskedOf): CheckPlan {
    const main = this.#main(check, asked);
    if (check.requires === undefined) return main;
    return { kind: "count", atLeast: 2, of: [main, this.plan(check.requires, asked)] };
  }

  #main(check: CheckConfig, asked: AskedOf): CheckPlan {
    if (kindOf(check) !== undefined) return this.#probe(check, asked);
    if (check.not !== undefined) return { kind: "not", of: this.plan(check.not, asked) };
    const of = partsOf(check).map((part) => this.plan(part, asked));
    const atLeast = check.all !== undefined ? of.length : check.any !== undefined ? 1 : check.of;
    assert(atLeast !== undefined && of.length > 0, "a check without parts is refused");
    return { kind: "count", atLeast, of };
  }

  #probe(check: CheckConfig, asked: AskedOf): CheckPlan {
    const target = targetOf(check, asked);
    const monitor = this.#book.of(check);
    const identity = `${monitor.digest} ${target.name}`;
    const known = this.#rows.get(identity);
    if (known !== undefined) return { kind: "probe", endpoint: known };
    const row = (this.#firstRow + this.endpoints.length) as EndpointIndex;
    const kind = kindOf(check) ?? "tcp";
    this.endpoints.push({
      pool: this.#pool,
      name: target.name,
      identity,
      ipv4: bytesOf(target.ipv4),
      ipv6: bytesOf(target.ipv6),
      host: target.host ?? "",
      cname: false,
      port: target.port ?? defaultPorts[kind],
      weight: 1,
      monitor: monitor.index,
    });
    this.#rows.set(identity, row);
    return { kind: "probe", endpoint: row };
  }
}

function targetOf(check: CheckConfig, { target, region }: AskedOf): CheckTarget {
  const { on } = check;
  const found = on === undefined ? target : isTarget(on) ? on : on[region];
  assert(found !== undefined, "`on` names every region that is asked for");
  return found;
}
