/**
 * What the tests of the DNS front share: zones from a few lines of text, requests from values, and
 * responses as text in dig's manner. No product code imports this file.
 */

import { assert } from "../../src/errors.ts";
import { answer } from "../../src/fronts/dns/answer.ts";
import {
  type AnswerContext,
  createAnswerContext,
  type Snapshot,
} from "../../src/fronts/dns/context.ts";
import { createDnsCounters } from "../../src/fronts/dns/counters.ts";
import { createExchange, type Exchange, transports } from "../../src/fronts/dns/exchange.ts";
import { createIdentity } from "../../src/fronts/dns/identity.ts";
import { indexLeaves, uniformLeaves } from "../../src/geo/leaves.ts";
import { simulatedEntropy } from "../../src/lib/entropy.ts";
import { createRegistry } from "../../src/lib/telemetry.ts";
import type {
  NameTable,
  RecordInput,
  SteeredInput,
  ZoneInput,
} from "../../src/policy/name-table.ts";
import { buildNameTable } from "../../src/policy/names.ts";
import type { Policy, ServiceIndex } from "../../src/policy/policy.ts";
import { buildTable, type Table } from "../../src/steer/table.ts";
import {
  ednsOptions,
  formatType,
  headerFlags,
  parseType,
  types,
} from "../../src/wire/dns-constants.ts";
import {
  decodeMessage,
  decodeOptions,
  type EdnsOption,
  encodeMessage,
  encodeOptions,
  type Message,
  type ResourceRecord,
} from "../../src/wire/dns-message.ts";
import { formatName, parseName } from "../../src/wire/dns-name.ts";
import { formatRdata } from "../../src/wire/dns-rdata.ts";
import type { World } from "../../src/world/world.ts";
import { type EndpointSketch, policyOf, worldOf } from "./steer-fixture.ts";

/**
 * A zone file of sorts: `$ORIGIN x` begins a zone, other lines are `owner type data` at TTL 60;
 * `owner STEERED n` gives the name to service n, `owner STEERED-CNAME n` to one that answers
 * CNAMEs.
 */
export function zonesFrom(text: string): NameTable {
  const zones: ZoneInput[] = [];
  const records: RecordInput[] = [];
  const steered: SteeredInput[] = [];
  let origin = "";
  for (const line of text.split("\n").map((each) => each.trim())) {
    if (line === "") continue;
    const [owner = "", type = "", ...rest] = line.split(/\s+/);
    const data = rest.join(" ");
    if (owner === "$ORIGIN") {
      origin = type;
      const soa = {
        mname: "ns1.example.net",
        serial: 7,
        refreshSeconds: 3600,
        retrySeconds: 600,
        expireSeconds: 86_400,
        minimumSeconds: 30,
      };
      const ns = ["ns1.example.net", "ns2.example.net"];
      zones.push({ apex: origin, ns, soa, ttlSeconds: 3600, path: origin });
    } else if (type.startsWith("STEERED")) {
      const name = owner === "@" ? origin : `${owner}.${origin}`;
      const service = Number(data) as ServiceIndex;
      steered.push({ name, service, cname: type === "STEERED-CNAME", path: line });
    } else {
      records.push({ owner, origin, type, ttlSeconds: 60, data: [data], path: line });
    }
  }
  const { table, problems } = buildNameTable({ zones, records, steered });
  assert(table !== undefined, problems.map((problem) => problem.message).join("; "));
  return table;
}

export interface Ask {
  readonly name: string;
  readonly type?: string;
  readonly class?: number;
  readonly flags?: number;
  readonly transport?: "udp" | "tcp";
  /** undefined: no OPT. */
  readonly edns?: {
    readonly payload?: number;
    readonly version?: number;
    readonly flags?: number;
    readonly options?: readonly EdnsOption[];
  };
  readonly client?: readonly [4 | 6, ...number[]];
}

export function wire(text: string): Uint8Array {
  const name = parseName(text);
  assert(name.ok, text);
  return name.value;
}

/** An OPT record as a request carries it. */
export function optRecord(edns: NonNullable<Ask["edns"]>): ResourceRecord {
  return {
    name: Uint8Array.of(0),
    type: types.opt,
    class: edns.payload ?? 1232,
    ttl: ((edns.version ?? 0) << 16) | (edns.flags ?? 0),
    rdata: encodeOptions(edns.options ?? []),
  };
}

/** ECS as a request carries it: address octets cut to what the source needs. */
export function subnetOption(
  family: 1 | 2,
  source: number,
  address: readonly number[],
): EdnsOption {
  const octets = address.slice(0, Math.ceil(source / 8));
  return {
    code: ednsOptions.clientSubnet,
    data: Uint8Array.from([0, family, source, 0, ...octets]),
  };
}

export function requestOf(ask: Ask): Uint8Array {
  const type = parseType(ask.type ?? "A");
  assert(type !== undefined, `type ${ask.type}`);
  return encodeMessage({
    id: 0x1234,
    flags: ask.flags ?? headerFlags.rd,
    questions: [{ name: wire(ask.name), type, class: ask.class ?? 1 }],
    answers: [],
    authorities: [],
    additionals: ask.edns === undefined ? [] : [optRecord(ask.edns)],
  });
}

export interface Front {
  readonly context: AnswerContext;
  readonly exchanges: readonly [Exchange, Exchange];
}

/** A front over zones without services, or over a snapshot. */
export function frontFor(of: NameTable | Snapshot): Front {
  const snapshot = "policy" in of ? of : snapshotOf({ ...policyOf([]), names: of }, []);
  const entropy = simulatedEntropy(1);
  const context = createAnswerContext({
    snapshot,
    identity: createIdentity({ version: "Rhumb", node: "node-1" }),
    counters: createDnsCounters(createRegistry()),
    draw32: () => entropy.draw32(),
  });
  return { context, exchanges: [createExchange(transports.udp), createExchange(transports.tcp)] };
}

/** Leaves of a geography that knows nothing: every address is of location 0. */
export function unknownLeaves(): Pick<Policy, "v4" | "v6"> {
  return { v4: indexLeaves(uniformLeaves(1, 0)), v6: indexLeaves(uniformLeaves(4, 0)) };
}

/** The policy with the world that `sketch` says (steer-fixture.ts), and its table. */
export function snapshotOf(
  policy: Policy,
  sketch: readonly EndpointSketch[],
): { readonly policy: Policy; readonly world: World; readonly table: Table } {
  const world = worldOf(policy, sketch);
  return { policy, world, table: buildTable(policy, world) };
}

/** The response's octets; undefined for silence. */
export function send(
  front: Front,
  request: Uint8Array,
  transport: "udp" | "tcp" = "udp",
): Uint8Array | undefined {
  const exchange = front.exchanges[transports[transport]];
  exchange.request.set(request);
  exchange.requestLength = request.length;
  const length = answer(front.context, exchange);
  return length === 0 ? undefined : exchange.response.slice(0, length);
}

export function ask(front: Front, question: Ask): Message {
  const exchange = front.exchanges[transports[question.transport ?? "udp"]];
  const [family, ...words] = question.client ?? [4, 0xc000_0201];
  exchange.clientFamily = family;
  exchange.client.fill(0);
  exchange.client.set(words);
  const response = send(front, requestOf(question), question.transport);
  assert(response !== undefined, "an answer, not silence");
  const message = decodeMessage(response);
  assert(message.ok, `a decodable response: ${message.ok ? "" : message.message}`);
  return message.value;
}

const rcodeNames = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN"];
const rareRcodes: ReadonlyMap<number, string> = new Map([
  [9, "NOTAUTH"],
  [16, "BADVERS"],
  [23, "BADCOOKIE"],
]);

/** Of the OPT: extended rcode bits, options. undefined without an OPT. */
export function optOf(message: Message) {
  const opt = message.additionals.find((record) => record.type === types.opt);
  if (opt === undefined) return undefined;
  const options = decodeOptions(opt.rdata);
  assert(options !== undefined, "whole options");
  return { payload: opt.class, ttl: opt.ttl, options };
}

export function rcodeOf(message: Message): string {
  const opt = optOf(message);
  const rcode = (message.flags & 0xf) | (((opt?.ttl ?? 0) >>> 24) << 4);
  return rcodeNames[rcode] ?? rareRcodes.get(rcode) ?? String(rcode);
}

function formatRecord(record: ResourceRecord): string {
  const type = formatType(record.type);
  return `${formatName(record.name)} ${record.ttl} ${type} ${formatRdata(record.type, record.rdata)}`;
}

/** `NOERROR aa rd` and a line a record: `an`, `au` or `ad`, then the record. */
export function formatResponse(message: Message): string[] {
  const flags = (["aa", "tc", "rd", "ra", "ad", "cd"] as const).filter(
    (flag) => (message.flags & headerFlags[flag]) !== 0,
  );
  const lines = [[rcodeOf(message), ...flags].join(" ")];
  for (const record of message.answers) lines.push(`an ${formatRecord(record)}`);
  for (const record of message.authorities) lines.push(`au ${formatRecord(record)}`);
  for (const record of message.additionals) {
    if (record.type !== types.opt) lines.push(`ad ${formatRecord(record)}`);
  }
  return lines;
}

/** The extended error of a response as `code text`. */
export function extendedErrorOf(message: Message): string | undefined {
  const option = optOf(message)?.options.find(({ code }) => code === ednsOptions.extendedError);
  if (option === undefined) return undefined;
  const code = (option.data[0]! << 8) | option.data[1]!;
  return `${code} ${new TextDecoder().decode(option.data.subarray(2))}`;
}
