/** The file of cookie secrets: made once, private, followed, and no damage by a mistake in it. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { simulatedEntropy } from "../lib/entropy.ts";
import { logger } from "../lib/log.ts";
import { limits } from "../limits.ts";
import { followCookieSecrets, readCookieSecrets } from "./cookie-secrets.ts";

const one = "e5e973e5a6b2a43f48e7dc849e37bfcf";
const other = "445536BCD2513298075A5D379663C962";

test("readCookieSecrets takes 32 hexadecimal digits a line and nothing else", () => {
  const read = (text: string) => readCookieSecrets(text)?.map((secret) => secret.toHex());
  assert.deepEqual(read(`# a note\n${other} # new\n\n${one}\r\n`), [other.toLowerCase(), one]);
  for (const bad of [
    "",
    "# none\n",
    one.slice(1),
    `${one}0`,
    `${one} ${one}`,
    `${one}\n`.repeat(9),
  ]) {
    assert.equal(read(bad), undefined, bad);
  }
});

test("followCookieSecrets makes a private file, keeps it, and follows it", () => {
  const folder = mkdtempSync(join(tmpdir(), "rhumb-cookies-"));
  try {
    const path = join(folder, "cookie-secrets");
    const entropy = simulatedEntropy(1);
    const taken: string[][] = [];
    const log = logger("test", { entropy, level: "silent" });
    const take = (secrets: readonly Uint8Array[]) =>
      void taken.push(secrets.map((secret) => secret.toHex()));
    followCookieSecrets(path, { entropy, log, take });
    assert.equal(taken.length, 1);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.ok(readFileSync(path, "utf8").includes(taken[0]![0]!));
    followCookieSecrets(path, { entropy, log, take });
    assert.deepEqual(taken[1], taken[0], "the next start has the same");
    writeFileSync(path, "not a secret\n");
    entropy.advance(limits.dnsCookieLookMs);
    assert.equal(taken.length, 2, "a mistake changes nothing");
    writeFileSync(path, `${other}\n${one}\n`);
    entropy.advance(limits.dnsCookieLookMs);
    assert.deepEqual(taken.at(-1), [other.toLowerCase(), one]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
