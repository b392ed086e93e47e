/**
 * Policy: what the operator meant, with names gone. The only configuration a front ever reads.
 * Made by compile.ts from (Config, Geography), immutable afterwards, structured-clonable, and so
 * written to a snapshot file as it is. Every collection is ordered by name, so equal configurations
 * give equal indices. Labels stay in `name` fields for printing; no decision reads them.
 */
import type { Leaves, Location } from "../geo/geography.ts";
import type { Brand } from "../lib/brand.ts";
import type { HttpsBinding } from "./compile-https.ts";
import type { NameTable } from "./name-table.ts";

export type RegionIndex = Brand<number, "RegionIndex">;
export type ServiceIndex = Brand<number, "ServiceIndex">;
export type PoolIndex = Brand<number, "PoolIndex">;
/**
 * A pool counted from its service's first pool: the same number means the same place in a shape.
 */
export type PoolOrdinal = Brand<number, "PoolOrdinal">;
export type EndpointIndex = Brand<number, "EndpointIndex">;
export type MonitorIndex = Brand<number, "MonitorIndex">;
export type RuleSetIndex = Brand<number, "RuleSetIndex">;
export type CellIndex = Brand<number, "CellIndex">;
export type ClassIndex = Brand<number, "ClassIndex">;

/** In how long, and along which curve, what returns gets its share back (world/ramp.ts). */
export interface Ramp {
  readonly ms: number;
  /** Envoy's exponent, in hundredths: 100 is a straight line, more is quicker at first. */
  readonly aggression: number;
}

export interface Region {
  readonly name: string;
  readonly jurisdictions: readonly string[];
  readonly latitude: number;
  readonly longitude: number;
  /** After an outage of the region all its pools return on this ramp, as one. */
  readonly ramp?: Ramp;
}

/** How a health check asks. Times in milliseconds. */
export interface Monitor {
  readonly kind: "http" | "https" | "tcp";
  /** 0: the endpoint's own port, else this one. */
  readonly port: number;
  readonly path: string;
  /** Host header; "" for the endpoint's own address or name. */
  readonly host: string;
  /** TLS server name; "" for `host`. */
  readonly serverName: string;
  readonly verifyTls: boolean;
  /** Local address to probe from; "" for the system's choice. */
  readonly sourceAddress: string;
  /** Inclusive ranges of accepted status codes. */
  readonly expectStatus: readonly (readonly [number, number])[];
  /** Text that must stand in the first limits.probeBodyBytesMax bytes; "" for any body. */
  readonly expectBody: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly downThreshold: number;
  readonly upThreshold: number;
  /** Successes in a row that put the failure counter of an up endpoint back to 0. */
  readonly okThreshold: number;
}

/**
 * A check made of several. `probe` asks through a row of `endpoints` that stands in the pool of its
 * service's checks; `count` passes when at least so many parts do (`all`: every one, `any`: one).
 */
export type CheckPlan =
  | { readonly kind: "probe"; readonly endpoint: EndpointIndex }
  | { readonly kind: "count"; readonly atLeast: number; readonly of: readonly CheckPlan[] }
  | { readonly kind: "not"; readonly of: CheckPlan };

export interface Endpoint {
  readonly pool: PoolIndex;
  /**
   * As printed and as named in overrides: the address or host name, with port if one was written.
   */
  readonly name: string;
  /** Monitor definition + address: what World's history follows across revisions. */
  readonly identity: string;
  /** 4 bytes, or empty. For a host name both are empty and World carries the addresses. */
  readonly ipv4: Uint8Array;
  /** 16 bytes, or empty. */
  readonly ipv6: Uint8Array;
  /** Host name to resolve ahead; "" for an endpoint written as addresses. */
  readonly host: string;
  /** Answer a CNAME to `host` instead of its resolved addresses. */
  readonly cname: boolean;
  readonly port: number;
  readonly weight: number;
  /** Index in `monitors`, or -1 when the service has no check (health `disabled`: counts as up). */
  readonly monitor: MonitorIndex | -1;
  /** Its verdict follows from these instead; `monitor` is -1 then. */
  readonly check?: CheckPlan | undefined;
}

export interface Pool {
  readonly service: ServiceIndex;
  readonly region: RegionIndex;
  /** `fra`, or `fra/canary` for a named colour, or `(fixed)` for the fixed answer of a fallback. */
  readonly name: string;
  readonly firstEndpoint: EndpointIndex;
  readonly endpointCount: number;
  /** Endpoints that must be usable for the pool to be whole. */
  readonly minimum: number;
  /** `manual` pools stay out of everything, the fallback included, until activated. */
  readonly standby: "no" | "manual" | "auto";
  /** The fallback's fixed answer: never probed, in no plan. */
  readonly fixed: boolean;
  /** A standby that may serve only while this passes. */
  readonly requires?: CheckPlan | undefined;
  /**
   * What the checks of the service ask, and no endpoints of it. Such a pool follows the
   * `poolCount` pools of its service and is none of them: it stands in no plan, table or target.
   */
  readonly checks?: boolean;
}

export type Fallback = "refuse" | "serve-all" | "last-good" | "fixed";

/** How the number of endpoints up counts, where an operator opted in. */
export interface HealthSteering {
  /** Of the endpoints that are up, what a node is taken to carry: 140 for a factor of 1.4. */
  readonly overprovisioningPercent: number;
  readonly spill: boolean;
  readonly locality: boolean;
  readonly panic?: Panic | undefined;
}

export interface Panic {
  /** In panic below this part of usable endpoints, in hundredths of a percent. */
  readonly hundredths: number;
  /** By ordinal: pools that may serve some class. */
  readonly pools: readonly boolean[];
}

export interface Dependency {
  readonly service: ServiceIndex;
  readonly anywhere: boolean;
}

export interface Service {
  readonly name: string;
  readonly ruleSet: RuleSetIndex;
  readonly firstPool: PoolIndex;
  readonly poolCount: number;
  /** undefined when a pool is whole while its minimum is up. */
  readonly health?: HealthSteering | undefined;
  readonly fallback: Fallback;
  /** Services that must be able to serve, in a pool's region or anywhere, for it to count. */
  readonly dependencies?: readonly Dependency[];
  /** Ordinal of the fixed pool, or -1. */
  readonly fixedPool: PoolOrdinal | -1;
  readonly key: "query" | "client";
  /** XXH32 of the affinity group's name with seed 0. */
  readonly seed: number;
  readonly affinityMask4: number;
  readonly affinityMask6: number;
  readonly ttlSecondsMin: number;
  readonly ttlSecondsMax: number;
  /** Endpoints in an answer, at most. */
  readonly answers: number;
  readonly holdMs: number;
  readonly rampMs: number;
  /** Of that ramp, in hundredths; 100 when it is not there. */
  readonly aggression?: number;
  /** What brought a pool down to fewer than its minimum waits for the operator's word. */
  readonly resumeManually?: boolean;
  /**
   * Whom the DNS front takes for the client of a query that shows no address of it: the resolver;
   * nobody known; or it refuses.
   */
  readonly withoutEcs: "resolver" | "unknown" | "refuse";
  /** The HTTPS records of its names (RFC 9460); undefined: none is made. */
  readonly https?: HttpsBinding | undefined;
  /** Redirect target such as `https://{region}.shop.example.com`, or "" when not on that front. */
  readonly redirect: string;
  /** Host names the service answers to, lower case, without the final dot; wildcards as `*.x`. */
  readonly names: readonly string[];
}

/**
 * How a class is steered, over pool ordinals. `first` is ordered tiers; `split` shares by weight.
 * Nested at most limits.planDepthMax. A pool stands at most once in a plan.
 */
export type Plan =
  | { readonly kind: "pool"; readonly pool: PoolOrdinal }
  | { readonly kind: "first"; readonly children: readonly Plan[] }
  | {
      readonly kind: "split";
      readonly children: readonly Plan[];
      readonly weights: readonly number[];
    };

export interface ClassPlan {
  readonly plan: Plan;
  /**
   * Per pool ordinal: may this class be served there at all? False is final: no fallback passes.
   */
  readonly allowed: readonly boolean[];
  /** Position in the rule set's `rules` that matched. */
  readonly rule: number;
  /** Set where distance decided: pool ordinals, nearest first. Empty elsewhere. */
  readonly ranking: readonly PoolOrdinal[];
  /** Set where measured latency decides between what distance ranked. */
  readonly measured?: MeasuredTiers;
}

/**
 * The ranked `first` is the plan itself, or its first child where there is a standby; `regions`
 * are those of its children, nearest first.
 */
export interface MeasuredTiers {
  readonly cell: CellIndex;
  readonly standby: boolean;
  readonly regions: readonly RegionIndex[];
}

/** Clients whose round trips are averaged together. */
export interface LatencyCell {
  /** `DE`, or `DE/AS3320`. */
  readonly name: string;
  readonly country: string;
  /** 0: every network that has no cell of its own. */
  readonly asn: number;
}

export interface Latency {
  /** By name. World has a row for each cell and region: cell * regions + region. */
  readonly cells: readonly LatencyCell[];
  readonly windowMs: number;
  readonly ageMs: number;
  readonly marginHundredths: number;
  /** The cell whose clients this server stands among, for its own probes; -1 for none. */
  readonly observerCell: CellIndex | -1;
}

/**
 * Where clients may be served from depends on where they are: for a prefix over several classes,
 * the class like the largest of them inside the intersection of their sets.
 */
export interface ClientResidency {
  readonly setCount: number;
  /** By class of a location. */
  readonly setOfClass: Uint8Array;
  /** set * setCount + set -> the set of what is in both. */
  readonly meet: Uint8Array;
  /** class of a location * setCount + set inside its own -> class. */
  readonly within: Uint16Array;
}

/**
 * The rules of one or more services: location -> class -> plan. Services with identical rules over
 * identical pool ordinals share one. Class 0 is that of location 0, `unknown`.
 */
export interface RuleSet {
  readonly rules: readonly {
    readonly when: string;
    readonly steer: string;
    /** Of a cohort's rule, its name. */
    readonly cohort?: string;
  }[];
  /** Those of locations, then those of `residency.within` that no location has. */
  readonly classes: readonly ClassPlan[];
  /** undefined: the same pools are allowed to every class. */
  readonly residency: ClientResidency | undefined;
  /** What the redirect front reads instead of the columns below, where rules tell fronts apart. */
  readonly redirect?: Pick<RuleSet, "classOfLocation" | "scope4" | "scope6"> | undefined;
  /** Per location of `Policy.locations`. */
  readonly classOfLocation: Uint16Array;
  /** Per leaf of `Policy.v4` / `v6`: the shortest prefix length on which the class is constant. */
  readonly scope4: Uint8Array;
  readonly scope6: Uint8Array;
}

/** Where the fronts listen: `127.0.0.1:5300` or `[::1]:53`; port 0 lets the system choose. */
export interface Listen {
  readonly dns: readonly string[];
  /** Threads of the DNS front for UDP; 0 for none. */
  readonly dnsWorkers: "auto" | number;
  readonly dnsGatherMicroseconds: number;
  readonly dnsTcp: {
    readonly connectionsMax: number;
    readonly connectionsPerClientMax: number;
    readonly idleMs: number;
  };
  readonly dnsCookies: "off" | "on" | "required";
  /** Of responses over UDP; undefined for none. */
  readonly dnsRateLimit:
    | {
        readonly responsesPerSecond: number;
        readonly errorsPerSecond: number;
        readonly slip: number;
        readonly exempt: readonly string[];
      }
    | undefined;
  /** Over TLS, over HTTPS. */
  readonly dot: readonly string[];
  readonly doh: readonly string[];
  /** Absolute paths of PEM files. */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
  /** Networks of proxies that say over TCP, by the PROXY protocol, whose connection it is. */
  readonly dnsProxies: readonly string[];
  /** Networks that may ask `TXT _why.NAME`. */
  readonly dnsExplain: readonly string[];
  readonly redirect: readonly string[];
  /** "" for nowhere. */
  readonly metrics: string;
}

/** What some pools can carry together. */
export interface CapacityLimit {
  /** `region fra`, or `shop/fra`. */
  readonly name: string;
  /** `rps`, `connections`, or the operator's own word. */
  readonly unit: string;
  /** Thousandths of the unit, the scaler counted in. */
  readonly amount: number;
  /** The part of its endpoints that is usable counts; a region's own capacity does not shrink. */
  readonly byHealth: boolean;
  /** Thousandths of the unit by position in its only pool, instead of `amount`; or empty. */
  readonly byEndpoint: readonly number[];
  /** Ascending. */
  readonly pools: readonly PoolIndex[];
}

export interface CapacityService {
  readonly service: ServiceIndex;
  /** Of its pools. */
  readonly limits: readonly number[];
  /** Part of a capacity up to which the first walk fills, in hundredths of a percent. */
  readonly targetHundredths: number;
  /** Utilisations between which load is shed at once, in hundredths of a percent. */
  readonly shed: { readonly low: number; readonly high: number } | undefined;
  /** Thousandths of the unit of its limits, by class; undefined where none is declared. */
  readonly demand: readonly number[] | undefined;
}

export interface DeclaredDemand {
  readonly service: string;
  /** `DE`, `US-CA`, `AS3320`, `unknown`. */
  readonly location: string;
  readonly amount: number;
}

/** Of services with a pool of limited capacity. */
export interface Capacity {
  readonly limits: readonly CapacityLimit[];
  /** Ascending. */
  readonly services: readonly CapacityService[];
  /** Pools below some limit, ascending: the rows of World's capacity. */
  readonly pools: readonly PoolIndex[];
}

/** How much of a service health may take out of use within so long; the rest is kept and told. */
export interface RemovalBound {
  /** Hundredths of a percent of its endpoints; one may always go. */
  readonly share: number;
  readonly perMs: number;
}

export interface Policy {
  /** SHA-256 (hex) over config digest, geography digest and engine version. */
  readonly digest: string;
  readonly configDigest: string;
  readonly geographyDigest: string;
  readonly engine: string;
  readonly regions: readonly Region[];
  readonly services: readonly Service[];
  readonly pools: readonly Pool[];
  readonly endpoints: readonly Endpoint[];
  readonly monitors: readonly Monitor[];
  readonly ruleSets: readonly RuleSet[];
  /** undefined when nothing is steered by latency. */
  readonly latency?: Latency | undefined;
  /** undefined when no capacity is declared. */
  readonly capacity?: Capacity | undefined;
  /** As declared, for plans; by name of service, then of location. */
  readonly demand?: readonly DeclaredDemand[] | undefined;
  /** The geography's leaves, split further where a rule names a CIDR. */
  readonly v4: Leaves;
  readonly v6: Leaves;
  /** Geography locations, multiplied by the sets of rule CIDRs that cover them. 0 is unknown. */
  readonly locations: readonly Location[];
  readonly names: NameTable;
  readonly listen: Listen;
  /** undefined: whatever is down is out at once. */
  readonly removals?: RemovalBound | undefined;
  /** Prefixes whose X-Forwarded-For the redirect front believes. */
  readonly trustedProxies: readonly string[];
}
