/**
 * The secrets of DNS cookies: a file of the state directory, one of 32 hexadecimal digits a line,
 * the newest first. Made at the first start of parts/dns.ts and looked at now and then, so that an
 * operator rolls a secret over, or gives several servers of one address the same, by writing it.
 */
import { randomBytes } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Entropy } from "../lib/entropy.ts";
import type { Logger } from "../lib/log.ts";
import { limits } from "../limits.ts";

/** Comments and empty lines are left out; undefined when a line is no secret, or are too many. */
export function readCookieSecrets(text: string): readonly Uint8Array[] | undefined {
  const lines = text.split("\n").map((line) => line.replace(/#.*/, "").trim());
  const secrets = lines.filter((line) => line !== "");
  const ok = secrets.every((line) => /^[0-9a-fA-F]{32}$/.test(line));
  if (!ok || secrets.length === 0 || secrets.length > limits.dnsCookieSecretsMax) return undefined;
  return secrets.map((line) => Uint8Array.fromHex(line));
}

const preface = `# Secrets of DNS cookies (RFC 9018): the first makes them, all are taken.
# To roll over, write a new one above and take the old one out an hour later.
# Servers that answer at one address need the same.
`;

/** What the file says; made when there is none. */
function fileText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    const text = `${preface}${randomBytes(16).toString("hex")}\n`;
    const beside = `${path}.new`;
    writeFileSync(beside, text, { mode: 0o600 });
    renameSync(beside, path);
    return text;
  }
}

/** Calls `take` with the secrets, now and whenever the file says others. */
export function followCookieSecrets(
  path: string,
  options: {
    readonly entropy: Entropy;
    readonly log: Logger;
    readonly take: (secrets: readonly Uint8Array[]) => void;
  },
): void {
  const { entropy, log, take } = options;
  let before = "";
  const look = (): void => {
    let text = before;
    let secrets: readonly Uint8Array[] | undefined;
    try {
      text = fileText(path);
      if (text !== before) secrets = readCookieSecrets(text);
    } catch (error) {
      // Answers do not depend on it: without a secret there are no cookies.
      if (before === "") log.warn({ message: String(error), path }, "cookie secrets");
    }
    if (secrets !== undefined) take(secrets);
    else if (text !== before) log.error({ path }, "cookie secrets: 32 hexadecimal digits a line");
    before = text;
    entropy.after(limits.dnsCookieLookMs, look);
  };
  look();
}
