/**
 * The commonest question, short-cut: A or AAAA of a steered name with one healthy address to give,
 * over UDP, in the memory of the sockets. Called by udp-loop.ts before answer(), which is the
 * specification: for any datagram this writes exactly answer()'s octets and counts alike, or
 * returns 0 and has changed nothing (test/dns/fast-answer.test.ts). Works in words of four octets,
 * on little-endian machines only, as batch-socket.ts does.
 */
import { limits } from "../../limits.ts";
import type { ClassIndex, ServiceIndex } from "../../policy/policy.ts";
import { answerScope, classify, maskClient } from "../../steer/classify.ts";
import { signedClientKey } from "../../steer/key.ts";
import { isSingle, pick } from "../../steer/pick.ts";
import { ednsOptions, headerBytes, rcodes, types } from "../../wire/dns-constants.ts";
import { type ClientSubnet, createClientSubnet, readClientSubnet } from "./client-subnet.ts";
import type { AnswerContext, AnswerPolicy, Snapshot } from "./context.ts";
import {
  cookieBytes,
  cookieModes,
  cookieState,
  cookieStates,
  isCookieLength,
  writeCookie,
} from "./cookies.ts";
import { outcomes, rcodeRow, typeRow } from "./counters.ts";
import { endpointKinds } from "./endpoint-table.ts";
import { createExchange, type Exchange, transports } from "./exchange.ts";
import { flowKinds, withinRate } from "./rate-limit.ts";
import { draw, errorOfAttempt } from "./steered.ts";
import {
  createSteeredIndex,
  mixName,
  nameWordsMax,
  rowFields,
  rowWords,
  type SteeredIndex,
} from "./steered-index.ts";

const { dnsUdpPayload, dnsLabelBytesMax } = limits;

/** Requests and responses of a socket, a slot each, in one piece of memory. */
export interface DatagramMemory {
  readonly family: 4 | 6;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Slot i's request stands at requestsAt + i * requestStride; all of it multiples of four. */
  readonly requestsAt: number;
  readonly requestStride: number;
  readonly responsesAt: number;
  readonly responseStride: number;
  /** Four words a slot, most significant first. */
  readonly clients: Uint32Array;
}

/** What classes were found for: tag, four words of address; class and scope. */
const memoWords = 8;
const memoBits = 11;

export interface FastAnswers {
  readonly context: AnswerContext;
  snapshot: Snapshot | undefined;
  policy: AnswerPolicy | undefined;
  index: SteeredIndex;
  ipv4: Int32Array;
  ipv6: Int32Array;
  /** The name asked for, in lower case, and its hash in the last word. */
  readonly name: Int32Array;
  readonly subnet: ClientSubnet;
  readonly affinity: {
    key: "query" | "client";
    seed: number;
    affinityMask4: number;
    affinityMask6: number;
  };
  readonly memo: Int32Array;
  /** What the OPT of the request says. */
  readonly edns: { dnssecOk: boolean; cookieAt: number; cookieBytes: number; cookie: number };
  /** Answers since the last count: A and AAAA over IPv4, the same over IPv6. */
  readonly given: Int32Array;
  readonly counted: readonly Exchange[];
}

export function createFastAnswers(context: AnswerContext): FastAnswers {
  const none = new Int32Array(new SharedArrayBuffer(4));
  const exchange = createExchange(transports.udp);
  return {
    context,
    snapshot: undefined,
    policy: undefined,
    index: { slots: none, rows: none },
    ipv4: none,
    ipv6: none,
    name: new Int32Array(nameWordsMax + 1),
    subnet: createClientSubnet(),
    affinity: { key: "query", seed: 0, affinityMask4: 0, affinityMask6: 0 },
    memo: new Int32Array(memoWords << memoBits),
    edns: { dnssecOk: false, cookieAt: 0, cookieBytes: 0, cookie: cookieStates.none },
    given: new Int32Array(4),
    counted: [
      { ...exchange, clientFamily: 4 },
      { ...exchange, clientFamily: 6 },
    ],
  };
}

/** Before a batch: what the context answers by now. */
export function refreshFast(fast: FastAnswers): void {
  const { context } = fast;
  const { snapshot } = context;
  if (snapshot === fast.snapshot) return;
  fast.snapshot = snapshot;
  if (snapshot.policy === fast.policy) return;
  fast.policy = snapshot.policy;
  fast.index = snapshot.steered ?? createSteeredIndex(snapshot.policy);
  fast.ipv4 = wordsOf(context.endpoints.ipv4);
  fast.ipv6 = wordsOf(context.endpoints.ipv6);
  fast.memo.fill(0);
}

function wordsOf({ buffer, byteOffset, byteLength }: Uint8Array): Int32Array {
  return new Int32Array(buffer, byteOffset, byteLength >> 2);
}

/** After a batch: into the same counters as answer()'s. */
export function countFast({ given, counted, context }: FastAnswers): void {
  const { counters } = context;
  for (let row = 0; row < given.length; row++) {
    const answers = given[row]!;
    if (answers === 0) continue;
    given[row] = 0;
    counters.questions.add(typeRow((row & 1) === 0 ? types.a : types.aaaa), answers);
    counters.outcomes.add(outcomes.steered, answers);
    counters.responses.add(rcodeRow(counted[row >> 1]!, rcodes.noError), answers);
  }
}

/** Octets of the response to the request in `slot`; 0: answer() is to be asked. */
export function fastAnswer(
  fast: FastAnswers,
  memory: DatagramMemory,
  slot: number,
  length: number,
): number {
  const { words, bytes } = memory;
  const requestAt = memory.requestsAt + slot * memory.requestStride;
  const responseAt = memory.responsesAt + slot * memory.responseStride;
  const head = words[requestAt >> 2]!;
  // QR clear, opcode QUERY; one question, and at most one additional record.
  if (length < headerBytes + 5 || (head & 0x00f8_0000) !== 0) return 0;
  if (words[(requestAt >> 2) + 1] !== 0x0000_0100) return 0;
  const additional = words[(requestAt >> 2) + 2]!;
  if (additional !== 0 && additional !== 0x0100_0000) return 0;
  const octets = readName(fast, memory, requestAt, length, responseAt);
  const row = octets === 0 ? -1 : findRow(fast, octets);
  if (row < 0) return 0;
  const questionAt = requestAt + headerBytes + octets;
  // The types we look for have a zero first octet, as class IN has.
  const type = bytes[questionAt + 1]!;
  if (bytes[questionAt] !== 0 || (type !== types.a && type !== types.aaaa)) return 0;
  if (bytes[questionAt + 2] !== 0 || bytes[questionAt + 3] !== 1) return 0;
  const end = requestAt + length;
  fast.subnet.present = false;
  fast.subnet.scope = 0;
  fast.edns.cookieBytes = 0;
  fast.edns.cookie = cookieStates.none;
  if (additional === 0 ? questionAt + 4 !== end : !readOpt(fast, bytes, questionAt + 4, end)) {
    return 0;
  }
  if (fast.edns.cookieBytes > 0 && !readCookie(fast, memory, slot)) return 0;
  const at = responseAt + headerBytes + octets + 4;
  const written = steer(fast, memory, slot, row, type, at);
  if (written === 0) return 0;
  words[responseAt >> 2] = (head & 0x1001_ffff) | 0x0084_0000;
  words[(responseAt >> 2) + 1] = 0x0100_0100;
  words[(responseAt >> 2) + 2] = additional;
  const size = at + written - responseAt;
  fast.given[(memory.family === 4 ? 0 : 2) + (type === types.a ? 0 : 1)]! += 1;
  return additional === 0 ? size : size + writeOpt(fast, memory, at + written, slot);
}

/**
 * Copies the question, and leaves its name in lower case and hashed in `fast.name`. The octets of
 * the name; 0 when it is longer than the index holds, or malformed.
 */
function readName(
  fast: FastAnswers,
  { words, bytes }: DatagramMemory,
  requestAt: number,
  length: number,
  responseAt: number,
): number {
  const start = requestAt + headerBytes;
  const limit = Math.min(requestAt + length - 4, start + nameWordsMax * 4);
  let at = start;
  for (;;) {
    if (at >= limit) return 0;
    const label = bytes[at]!;
    if (label > dnsLabelBytesMax) return 0;
    at += 1 + label;
    if (label === 0) break;
  }
  const octets = at - start;
  const { name } = fast;
  const from = start >> 2;
  const to = (responseAt + headerBytes) >> 2;
  const whole = octets >> 2;
  let hash = 0;
  for (let i = 0; i < whole; i++) {
    const word = words[from + i]!;
    words[to + i] = word;
    const lower = lowerWord(word);
    name[i] = lower;
    hash = mixName(hash, lower);
  }
  // Of the last words, what belongs to the name; type and class are copied with it.
  words[to + whole] = words[from + whole]!;
  words[to + whole + 1] = words[from + whole + 1]!;
  const spare = octets & 3;
  if (spare > 0) {
    const lower = lowerWord(words[from + whole]! & (-1 >>> (32 - spare * 8)));
    name[whole] = lower;
    hash = mixName(hash, lower);
  }
  name[nameWordsMax] = hash;
  return octets;
}

/** Four octets at once: A to Z become a to z, length octets are below them. */
function lowerWord(word: number): number {
  const low = word & 0x7f7f_7f7f;
  const letters = (low + 0x3f3f_3f3f) & ~(low + 0x2525_2525) & ~word & 0x8080_8080;
  return word | (letters >>> 2);
}

/** Where the row of the name in `fast.name` starts, or -1. */
function findRow({ index, name }: FastAnswers, octets: number): number {
  const { slots, rows } = index;
  const hash = name[nameWordsMax]!;
  const mask = (slots.length >> 1) - 1;
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const row = slots[slot * 2 + 1]! - 1;
    if (row < 0) return -1;
    if (slots[slot * 2] !== hash) continue;
    const at = row * rowWords;
    if (rows[at + rowFields.nameOctets] !== octets) continue;
    let i = 0;
    const count = (octets + 3) >> 2;
    while (i < count && rows[at + rowFields.name + i] === name[i]) i++;
    if (i === count) return at;
  }
}

/** An OPT of version 0 that ends the message; false leaves anything odd to read-query.ts. */
function readOpt({ edns, subnet }: FastAnswers, bytes: Uint8Array, at: number, end: number) {
  if (at + 11 > end || bytes[at] !== 0) return false;
  if (bytes[at + 1] !== 0 || bytes[at + 2] !== types.opt || bytes[at + 6] !== 0) return false;
  if (at + 11 + ((bytes[at + 9]! << 8) | bytes[at + 10]!) !== end) return false;
  edns.dnssecOk = (bytes[at + 7]! & 0x80) !== 0;
  for (let option = at + 11; option < end; ) {
    if (option + 4 > end) return false;
    const code = (bytes[option]! << 8) | bytes[option + 1]!;
    const from = option + 4;
    option = from + ((bytes[option + 2]! << 8) | bytes[option + 3]!);
    if (option > end || code === ednsOptions.nsid) return false;
    if (code === ednsOptions.cookie && edns.cookieBytes === 0) {
      if (!isCookieLength(option - from)) return false;
      edns.cookieAt = from;
      edns.cookieBytes = option - from;
    }
    if (code !== ednsOptions.clientSubnet) continue;
    if (!readClientSubnet(subnet, bytes, from, option) || subnet.source === 0) return false;
  }
  return true;
}

/** What the cookie is worth; false: BADCOOKIE is due. */
function readCookie(
  { context, edns }: FastAnswers,
  { bytes, clients, family }: DatagramMemory,
  slot: number,
): boolean {
  const { cookies, clock } = context;
  if (cookies.mode === cookieModes.off) return true;
  const { cookieAt, cookieBytes: length } = edns;
  const state = cookieState(cookies, bytes, cookieAt, length, clients, slot * 4, family, clock[1]!);
  edns.cookie = state;
  return cookies.mode !== cookieModes.required || state >= cookieStates.stale;
}

/** May the client have another answer of this name? One whose cookie is good always may. */
function mayHave(fast: FastAnswers, memory: DatagramMemory, slot: number, row: number): boolean {
  if (fast.edns.cookie >= cookieStates.stale) return true;
  const { limiter, clock } = fast.context;
  const node = fast.index.rows[row + rowFields.node]!;
  const { clients, family } = memory;
  return withinRate(limiter, clients, slot * 4, family, flowKinds.answer, node, clock[0]!);
}

/** Picks an endpoint and writes its record at `at`; the octets of it, or 0. */
function steer(
  fast: FastAnswers,
  memory: DatagramMemory,
  slot: number,
  row: number,
  type: number,
  at: number,
): number {
  const { context, affinity, subnet } = fast;
  const { rows } = fast.index;
  const { picked, chance, client, classified, endpoints } = context;
  const { table } = context.snapshot;
  const service = rows[row + rowFields.service]! as ServiceIndex;
  const byClient = rows[row + rowFields.byClient] === 1;
  setClient(fast, memory, slot);
  if (byClient) {
    affinity.seed = rows[row + rowFields.seed]!;
    affinity.affinityMask4 = rows[row + rowFields.affinityMask4]!;
    affinity.affinityMask6 = rows[row + rowFields.affinityMask6]!;
  }
  affinity.key = byClient ? "client" : "query";
  classifyClient(fast, rows[row + rowFields.ruleSet]!, byClient);
  if (errorOfAttempt[table.columns[service]!.attempts[classified.classIndex]!] !== undefined) {
    return 0;
  }
  const before0 = chance[0]! | 0;
  const before1 = chance[1]! | 0;
  const before2 = chance[2]! | 0;
  const before3 = chance[3]! | 0;
  const key = byClient ? signedClientKey(affinity, client.family, client.words) : draw(chance);
  const found = pick(table, service, classified.classIndex, key, picked);
  const wanted = type === types.a ? endpointKinds.ipv4 : endpointKinds.ipv6;
  const has = found && (endpoints.kinds[picked.endpoint]! & wanted) !== 0;
  if (!has || !mayHave(fast, memory, slot, row)) {
    chance[0] = before0;
    chance[1] = before1;
    chance[2] = before2;
    chance[3] = before3;
    return 0;
  }
  if (subnet.present) {
    const single = byClient && isSingle(table, service, classified.classIndex);
    subnet.scope = answerScope(affinity, client, classified, single);
  }
  return writeAddress(fast, memory.view, type, table.ttlSeconds[service]!, at);
}

/** The client subnet's prefix, else the socket's peer. */
function setClient({ context, subnet }: FastAnswers, memory: DatagramMemory, slot: number): void {
  const { client } = context;
  const { words } = client;
  client.before = 0;
  if (subnet.present) {
    client.family = subnet.family;
    client.length = subnet.source;
    for (let i = 0; i < 4; i++) words[i] = subnet.words[i]!;
    return;
  }
  const { clients, family } = memory;
  client.family = family;
  client.length = family === 4 ? 32 : 128;
  for (let i = 0; i < 4; i++) words[i] = clients[slot * 4 + i]!;
}

/**
 * classify(), remembered for a client and a rule set. The memory has a fixed size, and an entry
 * that is forced out costs what it cost before. `client` keys of IPv6 need what classify makes of
 * the address.
 */
function classifyClient(fast: FastAnswers, ruleSet: number, byClient: boolean): void {
  const { memo, context, affinity } = fast;
  const { client, classified, snapshot } = context;
  const { words } = client;
  const of = snapshot.policy.ruleSets[ruleSet]!;
  const remembered = !byClient || client.family === 4;
  if (byClient) maskClient(affinity, of, client);
  if (!remembered) {
    classify(snapshot.policy, of, client, classified);
    return;
  }
  const first = words[0]! | 0;
  const second = words[1]! | 0;
  const third = words[2]! | 0;
  const fourth = words[3]! | 0;
  const tag = (ruleSet << 16) | (client.family === 6 ? 0x100 : 0x200) | client.length;
  const mixed = mixName(mixName(mixName(mixName(mixName(0, tag), first), second), third), fourth);
  const at = (mixed >>> (32 - memoBits)) * memoWords;
  if (
    memo[at] === tag &&
    memo[at + 1] === first &&
    memo[at + 2] === second &&
    memo[at + 3] === third &&
    memo[at + 4] === fourth
  ) {
    classified.classIndex = memo[at + 5]! as ClassIndex;
    classified.scope = memo[at + 6]!;
    return;
  }
  classify(snapshot.policy, of, client, classified);
  memo[at] = tag;
  memo[at + 1] = first;
  memo[at + 2] = second;
  memo[at + 3] = third;
  memo[at + 4] = fourth;
  memo[at + 5] = classified.classIndex;
  memo[at + 6] = classified.scope;
}

/** A pointer to the question, type, class IN, TTL, length, address. */
function writeAddress(
  fast: FastAnswers,
  view: DataView,
  type: number,
  ttlSeconds: number,
  at: number,
): number {
  const endpoint = fast.context.picked.endpoint;
  const octets = type === types.a ? 4 : 16;
  view.setInt32(at, 0xc00c_0000 | type);
  view.setInt32(at + 4, 0x0001_0000 | (ttlSeconds >>> 16));
  view.setInt32(at + 8, (ttlSeconds << 16) | octets);
  if (type === types.a) {
    view.setInt32(at + 12, fast.ipv4[endpoint]!, true);
    return 16;
  }
  for (let i = 0; i < 4; i++) view.setInt32(at + 12 + i * 4, fast.ipv6[endpoint * 4 + i]!, true);
  return 28;
}

/** As write-opt.ts: what is in it depends on the request alone. */
function writeOpt(fast: FastAnswers, memory: DatagramMemory, at: number, slot: number): number {
  const { subnet, edns } = fast;
  const { view, bytes } = memory;
  const ofSubnet = subnet.present ? 4 + subnet.dataLength : 0;
  const options = ofSubnet + (edns.cookie === cookieStates.none ? 0 : 4 + cookieBytes);
  view.setInt32(at, (types.opt << 8) | (dnsUdpPayload >> 8));
  view.setInt32(at + 4, (dnsUdpPayload << 24) | (edns.dnssecOk ? 0x80 : 0));
  view.setInt32(at + 7, ((edns.dnssecOk ? 0x80 : 0) << 24) | options);
  if (edns.cookie !== cookieStates.none) writeCookieAt(fast, memory, at + 11 + ofSubnet, slot);
  if (!subnet.present) return 11 + options;
  view.setInt32(at + 11, (ednsOptions.clientSubnet << 16) | subnet.dataLength);
  for (let i = 0; i < subnet.dataLength; i++) bytes[at + 15 + i] = bytes[subnet.dataAt + i]!;
  bytes[at + 18] = subnet.scope;
  return 11 + options;
}

function writeCookieAt(
  { edns, context }: FastAnswers,
  { view, bytes, clients, family }: DatagramMemory,
  at: number,
  slot: number,
): void {
  const { cookies, clock } = context;
  view.setInt32(at, (ednsOptions.cookie << 16) | cookieBytes);
  const { cookieAt, cookie } = edns;
  const from = slot * 4;
  writeCookie(cookies, bytes, at + 4, bytes, cookieAt, cookie, clients, from, family, clock[1]!);
}
