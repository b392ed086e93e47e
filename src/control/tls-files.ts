/**
 * Looks at the certificate and key that `listen.tls` names, so that `rhumb check` says before a
 * client does that they are not there, do not belong together or have expired. Warnings: the files
 * may be another machine's, and the one that serves may get them later. Called by rollout.ts.
 */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Config } from "../config/schema.ts";
import type { Place, Problem } from "../errors.ts";

export function tlsProblems(
  { listen }: Pick<Config, "listen">,
  options: {
    readonly nowMs: number;
    readonly placeOf: (path: string) => Place | undefined;
  },
): readonly Problem[] {
  const { tls } = listen;
  const { nowMs, placeOf } = options;
  if (tls === undefined) return [];
  const problems: Problem[] = [];
  const report = (path: string, message: string, hint: string): void => {
    const place = placeOf(path);
    const at = place === undefined ? {} : { place };
    problems.push({ severity: "warning", code: "listen.certificate", path, message, hint, ...at });
  };
  const read = (key: "certificate" | "key"): string | undefined => {
    try {
      return readFileSync(tls[key], "utf8");
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const hint = "DNS over TLS and HTTPS answer nobody before the server can read it";
      report(`listen.tls.${key}`, `${tls[key]} cannot be read: ${code}`, hint);
      return undefined;
    }
  };
  const cert = read("certificate");
  const key = read("key");
  if (cert === undefined || key === undefined) return problems;
  try {
    createSecureContext({ cert, key });
    const until = Date.parse(new X509Certificate(cert).validTo);
    if (until < nowMs) {
      const since = new Date(until).toISOString().slice(0, 10);
      report("listen.tls.certificate", `the certificate expired on ${since}`, "renew it");
    }
  } catch (error) {
    const said = (error as Error).message.replace(/^error:[^:]*:[^:]*::?/, "");
    const hint = "write PEM files: the chain with the server's own certificate first, and its key";
    report("listen.tls", `certificate and key are not a pair: ${said}`, hint);
  }
  return problems;
}
