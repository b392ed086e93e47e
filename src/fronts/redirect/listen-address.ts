/**
 * Where the redirect front listens: `127.0.0.1:8300`, `[::1]:80`; and what to tell an operator when
 * an address cannot be had.
 */
import { assert, type Problem } from "../../errors.ts";
import { parseAddress } from "../../lib/ip.ts";

export interface ListenAddress {
  /** As written. */
  readonly text: string;
  readonly host: string;
  readonly port: number;
}

/** The configuration has been checked; anything else is a bug of ours. */
export function readListenAddress(text: string): ListenAddress {
  const colon = text.lastIndexOf(":");
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  const port = Number(text.slice(colon + 1));
  assert(parseAddress(host) !== undefined && port >= 0 && port <= 65_535, `listen address ${text}`);
  return { text, host, port };
}

const hints: Readonly<Record<string, string>> = {
  EACCES: "ports below 1024 need CAP_NET_BIND_SERVICE; or write a higher one",
  EADDRNOTAVAIL: "no interface of this machine has that address",
  EAFNOSUPPORT: "this machine has no such kind of address",
};

/** `code` is the system's, such as EADDRINUSE. */
export function listenProblem(at: ListenAddress, code: string): Problem {
  const problem = { severity: "error", path: "listen.redirect" } as const;
  if (code === "EADDRINUSE") {
    return {
      ...problem,
      code: "listen.in-use",
      message: `${at.text} is taken by another program`,
      hint: `stop that program (ss -lntp 'sport = :${at.port}' shows it), or write another address`,
    };
  }
  return {
    ...problem,
    code: "listen.refused",
    message: `${at.text} cannot be listened on: ${code}`,
    hint: hints[code] ?? "write another address",
  };
}
