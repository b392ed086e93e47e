/**
 * Where the DNS front listens: `127.0.0.1:5300`, `[::1]:53` for UDP and TCP, `tls://127.0.0.1:853`,
 * `https://127.0.0.1:443`; and what to tell an operator when an
 * address cannot be had.
 */
import { assert, type Problem } from "../../errors.ts";
import { parseAddress } from "../../lib/ip.ts";

export const listenKinds = {
  dns: { prefix: "", path: "listen.dns" },
  tls: { prefix: "tls://", path: "listen.dot" },
  https: { prefix: "https://", path: "listen.doh" },
} as const;
export type ListenKind = keyof typeof listenKinds;

export interface ListenAddress {
  readonly kind: ListenKind;
  /** As written. */
  readonly text: string;
  readonly host: string;
  readonly family: 4 | 6;
  readonly port: number;
}

/** The configuration has been checked; anything else is a bug of ours. */
export function readListenAddress(text: string): ListenAddress {
  const kind = text.startsWith("tls:") ? "tls" : text.startsWith("https:") ? "https" : "dns";
  const plain = text.slice(listenKinds[kind].prefix.length);
  const colon = plain.lastIndexOf(":");
  const host = plain.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  const port = Number(plain.slice(colon + 1));
  const address = parseAddress(host);
  assert(address !== undefined && port >= 0 && port <= 65_535, `listen address ${text}`);
  return { kind, text, host, family: address.family, port };
}

/** `code` is the system's, such as EADDRINUSE. */
export function listenProblem(at: ListenAddress, transport: "udp" | "tcp", code: string): Problem {
  const message = `${at.text} (${transport})`;
  const problem = { severity: "error", path: listenKinds[at.kind].path } as const;
  if (code === "EADDRINUSE") {
    return {
      ...problem,
      code: "listen.in-use",
      message: `${message} is taken by another program`,
      hint: `stop that program (ss -lnptu 'sport = :${at.port}' shows it), or write another address`,
    };
  }
  const hints: Readonly<Record<string, string>> = {
    EACCES: "ports below 1024 need CAP_NET_BIND_SERVICE; or write a higher one",
    EADDRNOTAVAIL: "no interface of this machine has that address",
    EAFNOSUPPORT: "this machine has no such kind of address",
  };
  return {
    ...problem,
    code: "listen.refused",
    message: `${message} cannot be listened on: ${code}`,
    hint: hints[code] ?? "write another address",
  };
}
