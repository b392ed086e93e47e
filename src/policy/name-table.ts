/**
 * The label tree of the zones Rhumb answers for, as a hash table over owner names in wire form.
 * Built by names.ts from zones, static records and the names of services; read by
 * name-lookup.ts and fronts/dns/answer.ts without allocation. Plain typed columns, so it can be
 * cloned, written to a snapshot file and, later, shared between threads. Every ancestor of a node
 * up to its zone's apex is a node as well: what is not found below one that is does not exist.
 */
import type { Place, Problem } from "../errors.ts";
import type { Brand } from "../lib/brand.ts";
import type { ZoneFileRecord } from "../wire/zone-file.ts";

/** The same type as policy.ts's, which imports this file. */
type ServiceIndex = Brand<number, "ServiceIndex">;

/** Where the operator wrote something; copied into every Problem about it. */
export interface Written {
  /** Dotted path such as `zones.example.com.records.3`. */
  readonly path: string;
  readonly place?: Place | undefined;
  /** Read once more, under another name: what is wrong with it already is not said again. */
  readonly copy?: boolean | undefined;
}

export interface RecordInput extends Written {
  /** Absolute when it ends in a dot, `@` for the origin itself, else relative to the origin. */
  readonly owner: string;
  /**
   * What `@` and relative names, in `owner` and in `data`, are relative to. A final dot is
   * optional.
   */
  readonly origin: string;
  /** Mnemonic such as `MX`, or `TYPE65` (RFC 3597). */
  readonly type: string;
  readonly ttlSeconds: number;
  /** One presentation form a record: `10 mail.example.com.`, or `\# 4 C0000201` for any type. */
  readonly data: readonly string[];
}

/**
 * Records of a zone that were not written one by one in the configuration: those of its file, with
 * what UPDATE has made of them, or those of a transfer. They may lie outside the zone or below its
 * delegations; what is answered and what is only kept is sorted out here.
 */
export interface ZoneData {
  readonly records: readonly ZoneFileRecord[];
  /** SHA-256 (hex) of what they mean (wire/zone.ts, `zoneDigest`, and the serial). */
  readonly digest: string;
}

export interface ZoneInput extends Written {
  /** Final dot optional; case kept for printing. */
  readonly apex: string;
  /** TTL of the zone's own SOA and NS. */
  readonly ttlSeconds: number;
  /** Absolute names whether or not they end in a dot. */
  readonly ns: readonly string[];
  readonly soa: {
    /** undefined: the first of `ns`, else the apex. */
    readonly mname?: string | undefined;
    /** As a name or as a mail address; undefined: hostmaster in the zone. */
    readonly rname?: string | undefined;
    /** undefined: that of `data`, or none. */
    readonly serial?: number | undefined;
    /** As `SerialRequest.keep`. */
    readonly keepSerial?: boolean | undefined;
    readonly refreshSeconds: number;
    readonly retrySeconds: number;
    readonly expireSeconds: number;
    readonly minimumSeconds: number;
  };
  /** Its SOA takes the place of `soa`, but for a serial there. */
  readonly data?: ZoneData | undefined;
  /** Keep a ZONEMD record at the apex (RFC 8976); so does one in `data`. */
  readonly zonemd?: boolean | undefined;
}

/** What is known of a zone when it needs a serial. */
export interface SerialRequest {
  /** As `Zone.apex`. */
  readonly apex: string;
  /** As `Zone.digest`. */
  readonly digest: string;
  /** Of the zone's SOA as written. */
  readonly written: number | undefined;
  /** The operator keeps it himself: it is the one written, whatever went before. */
  readonly keep: boolean;
}

/** A name of a service. Absolute; `*.x` is a wildcard. */
export interface SteeredInput extends Written {
  readonly name: string;
  readonly service: ServiceIndex;
  /** True when an endpoint of the service is answered as a CNAME. */
  readonly cname: boolean;
  /** True when HTTPS records are made for its names. */
  readonly https?: boolean | undefined;
}

export interface NameTableInput {
  readonly zones: readonly ZoneInput[];
  /** Of zones and of services alike; each belongs to the zone with the longest apex above it. */
  readonly records: readonly RecordInput[];
  readonly steered: readonly SteeredInput[];
  /**
   * control/zone-serials.ts knows which serials went before. Without: the written one, or one that
   * follows from the content.
   */
  readonly serialOf?: ((zone: SerialRequest) => number) | undefined;
}

/** `table` is undefined when any of the problems is an error. */
export interface NameTableResult {
  readonly table: NameTable | undefined;
  readonly problems: readonly Problem[];
  /**
   * The service that answers for a host name, static CNAMEs of these zones followed; undefined:
   * none. As far as names are known, where some are wrong.
   */
  readonly steeredBy: (host: string) => ServiceIndex | undefined;
}

export interface Zone {
  /** As written, without the final dot (`.` for the root). */
  readonly apex: string;
  readonly apexNode: number;
  readonly soaRrset: number;
  /** min(SOA TTL, SOA minimum): RFC 2308 section 5. */
  readonly negativeTtlSeconds: number;
  readonly serial: number;
  /** SHA-256 (hex) of its content but the serial and ZONEMD: other content, other digest. */
  readonly digest: string;
}

/** `dname`: names below this node are answered by its DNAME. */
export const nodeFlags = { apex: 1, wildcard: 2, cname: 4, dname: 8 } as const;

/** Row i is node i. -1 is "none" in the signed columns. */
export interface NodeColumns {
  /** The lower-cased wire name is bytes[nameOffset .. nameOffset + nameLength). */
  readonly nameOffset: Uint32Array;
  readonly nameLength: Uint8Array;
  /** `hashName` of it. */
  readonly hash: Int32Array;
  readonly zone: Uint16Array;
  readonly flags: Uint8Array;
  /**
   * The topmost delegation at or above this node, or DNAME above it, within its zone: what lies
   * below is not answered from here, but kept for transfers (RFC 5936 section 3.5).
   */
  readonly cut: Int32Array;
  /** The node of `*.` this name; -1 as well below a DNAME, where it is never reached. */
  readonly wildcard: Int32Array;
  /** ServiceIndex of a steered name. */
  readonly service: Int32Array;
  /** For an apex whose parent zone is here as well: the parent's side of the cut (NS, DS). */
  readonly parentSide: Int32Array;
  readonly firstRrset: Uint32Array;
  readonly rrsetCount: Uint16Array;
}

/** Row i is RRset i. */
export interface RrsetColumns {
  readonly type: Uint16Array;
  readonly ttlSeconds: Uint32Array;
  readonly recordCount: Uint16Array;
  /** bytes[offset ..): for each record a 16-bit length, then the rdata with names uncompressed. */
  readonly offset: Uint32Array;
}

export interface NameTable {
  readonly zones: readonly Zone[];
  /** Open addressing: node + 1 at `hashSlot(hash)` or one of the slots after it; 0 is empty. */
  readonly slots: Uint32Array;
  /** No look-up ever reads more slots than this. */
  readonly probesMax: number;
  readonly nodes: NodeColumns;
  readonly rrsets: RrsetColumns;
  readonly bytes: Uint8Array;
}
