/**
 * The DNS front: sockets around answer(). Started by parts/dns.ts with the first snapshot, given
 * every later one by setSnapshot(), which takes effect between two messages. One context serves all
 * sockets of the process, since a message is answered in one go.
 */
import type { Problem } from "../../errors.ts";
import type { Entropy } from "../../lib/entropy.ts";
import { openLibc } from "../../lib/libc.ts";
import type { Registry } from "../../lib/telemetry.ts";
import { limits } from "../../limits.ts";
import { createAnswerContext, type Explainer, setSecrets, setSnapshot } from "./context.ts";
import { createDnsCounters, type DnsCounters } from "./counters.ts";
import { openHttps } from "./https.ts";
import { createIdentity, type IdentityOptions } from "./identity.ts";
import {
  type ListenAddress,
  listenKinds,
  listenProblem,
  readListenAddress,
} from "./listen-address.ts";
import { openTcp, TcpClients, type TcpListener } from "./tcp.ts";
import { openTls } from "./tls.ts";
import { TlsIdentity } from "./tls-identity.ts";
import { openUdp, type UdpListener } from "./udp.ts";
import { udpSelfTest } from "./udp-self-test.ts";
import { type SharedSnapshot, UdpWorkers } from "./udp-workers.ts";

export interface DnsServerOptions {
  readonly snapshot: SharedSnapshot;
  readonly identity: IdentityOptions;
  readonly registry: Registry;
  readonly entropy: Entropy;
  /** Threads for UDP; 0, and where the C library cannot be called: none, but node:dgram. */
  readonly workers?: number;
  readonly gatherMicroseconds?: number;
  readonly explainer?: Explainer;
  /** What is shown to clients of DNS over TLS and HTTPS; without one they are sent away. */
  readonly tls?: TlsIdentity;
}

export interface DnsServer {
  /** Makes the addresses listened on these; those that cannot be had are told, the others serve. */
  listen(addresses: readonly string[]): Promise<readonly Problem[]>;
  /** What is listened on: `127.0.0.1:5300`, `tls://[::1]:853`, with ports that the system chose. */
  listening(): readonly string[];
  setSnapshot(snapshot: SharedSnapshot): void;
  /** Of cookies, 16 octets each, the newest first; without any there are no cookies. */
  setSecrets(secrets: readonly Uint8Array[]): void;
  /** Takes no more messages, answers those that have come whole, closes. */
  stop(): Promise<void>;
}

interface Listener {
  readonly text: string;
  readonly tcp: TcpListener;
  /** Of DNS without encryption alone. */
  readonly udp: UdpListener | undefined;
}

/** Port 0 asks for one port that is free for both transports: tried so often. */
const freePortAttempts = 5;

interface Opening {
  readonly clients: TcpClients;
  openUdp(at: ListenAddress): ReturnType<typeof openUdp>;
  openTls(at: ListenAddress): ReturnType<typeof openTls>;
  openHttps(at: ListenAddress): ReturnType<typeof openHttps>;
}

function textOf(at: ListenAddress, port: number): string {
  const host = at.family === 4 ? at.host : `[${at.host}]`;
  return `${listenKinds[at.kind].prefix}${host}:${port}`;
}

async function openListener(at: ListenAddress, opening: Opening): Promise<Listener | Problem> {
  if (at.kind === "dns") return await openPlain(at, opening);
  const opened = await (at.kind === "tls" ? opening.openTls(at) : opening.openHttps(at));
  if ("code" in opened) return listenProblem(at, "tcp", opened.code);
  return { text: textOf(at, opened.port), tcp: opened, udp: undefined };
}

async function openPlain(at: ListenAddress, opening: Opening): Promise<Listener | Problem> {
  const { clients } = opening;
  for (let attempt = 1; ; attempt++) {
    const tcp = await openTcp(at, clients);
    if ("code" in tcp) return listenProblem(at, "tcp", tcp.code);
    const udp = await opening.openUdp({ ...at, port: tcp.port });
    if (!("code" in udp)) return { text: textOf(at, tcp.port), tcp, udp };
    await tcp.close(0);
    const again = at.port === 0 && udp.code === "EADDRINUSE" && attempt < freePortAttempts;
    if (!again) return listenProblem(at, "udp", udp.code);
  }
}

async function closeListener({ tcp, udp }: Listener): Promise<void> {
  await Promise.all([udp?.close(), tcp.close(limits.dnsTcpDrainMs)]);
}

export function createDnsServer(options: DnsServerOptions): DnsServer {
  const { entropy, registry } = options;
  const counters = createDnsCounters(registry);
  const context = createAnswerContext({
    snapshot: options.snapshot,
    identity: createIdentity(options.identity),
    counters,
    draw32: () => entropy.draw32(),
  });
  context.explainer = options.explainer;
  const workers = startWorkers(options, counters);
  const clients = new TcpClients(context, entropy);
  const identity = options.tls ?? new TlsIdentity();
  const opening: Opening = {
    clients,
    openUdp: (at) => workers?.open(at) ?? openUdp(at, context, entropy),
    openTls: (at) => openTls(at, clients, identity),
    openHttps: (at) => openHttps(at, { context, entropy, clients, identity }),
  };
  const open = registry.gauge("rhumb_dns_tcp_connections", "TCP connections open now.");
  registry.collect(() => open.set(0, clients.count));
  /** By the address as written. */
  const listeners = new Map<string, Listener>();
  return {
    async listen(addresses) {
      const problems: Problem[] = [];
      const gone = [...listeners].filter(([text]) => !addresses.includes(text));
      for (const [text] of gone) listeners.delete(text);
      await Promise.all(gone.map(([, listener]) => closeListener(listener)));
      for (const text of addresses) {
        if (listeners.has(text)) continue;
        const opened = await openListener(readListenAddress(text), opening);
        if ("message" in opened) problems.push(opened);
        else listeners.set(text, opened);
      }
      return problems;
    },
    listening: () => [...listeners.values()].map((listener) => listener.text),
    setSnapshot(snapshot) {
      setSnapshot(context, snapshot);
      workers?.publish(snapshot);
    },
    setSecrets(secrets) {
      setSecrets(context, secrets);
      workers?.setSecrets(secrets);
    },
    async stop() {
      const closing = [...listeners.values()].map(closeListener);
      listeners.clear();
      await Promise.all(closing);
      await workers?.stop();
    },
  };
}

function startWorkers(options: DnsServerOptions, counters: DnsCounters): UdpWorkers | undefined {
  const { workers = 0, gatherMicroseconds = 0 } = options;
  const libc = workers > 0 ? openLibc() : undefined;
  if (libc === undefined || !udpSelfTest(libc)) return undefined;
  return new UdpWorkers({ ...options, libc, workers, gatherMicroseconds, counters });
}
