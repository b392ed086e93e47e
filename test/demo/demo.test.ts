/**
 * The demonstration as a visitor meets it: started, asked with dig and curl, broken from another
 * terminal, ended with Ctrl-C. The tour (`npm start -- --script failover`) checks times and more;
 * .ci/run runs it before the tests.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { dig } from "../../src/demo/dns-client.ts";
import { demoPaths, demoPorts, regionOfAddress, shopName } from "../../src/demo/layout.ts";

/** Its own folder and ports, so that it does not meet a demonstration that someone runs. */
const temporary = mkdtempSync(join(tmpdir(), "rd-"));
const environment = { ...process.env, TMPDIR: temporary };
const folder = demoPaths().folder.replace(tmpdir(), temporary);
const rhumb = fileURLToPath(new URL("../../bin/rhumb", import.meta.url));
const shift = 1200;
const german = { name: shopName, subnet: "85.214.132.0/24" };
const japanese = { name: shopName, subnet: "133.11.0.0/16" };

let screen = "";
let demo: ChildProcess;
let exited: Promise<number | null>;

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 600; turn++) {
    if (await holds()) return;
    await new Promise<void>((resolve) => void setTimeout(resolve, 100));
  }
  assert.fail(`never came: ${what}\n${screen}`);
}

async function regionsFor(asked: typeof german): Promise<readonly (string | undefined)[]> {
  const heard = await dig(asked, demoPorts.dns + shift);
  assert.ok(heard.ok, heard.ok ? "" : heard.message);
  return heard.addresses.map((address) => regionOfAddress(address)?.name);
}

before(async () => {
  const args = ["demo", "--shift", String(shift)];
  demo = spawn(rhumb, args, { env: environment, stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [demo.stdout, demo.stderr]) {
    stream?.on("data", (chunk) => {
      screen += chunk;
    });
  }
  exited = new Promise((resolve) => demo.once("exit", (code) => resolve(code)));
  await until("the commands to paste", () => screen.includes("Ctrl-C ends everything"));
});

after(() => {
  demo.kill("SIGKILL");
  rmSync(temporary, { recursive: true, force: true });
});

test("demo shows every region up, and commands that work when pasted", async () => {
  for (const region of ["eu", "us", "ap"]) {
    assert.match(screen, new RegExp(`${region} .*127\\.10\\.\\d\\.1 up +127\\.10\\.\\d\\.2 up`));
  }
  const commands = screen.split("\n").filter((line) => /^ {2}(dig|curl) /.test(line));
  assert.equal(commands.length, 6);
  for (const command of commands) {
    const output = execFileSync("sh", ["-c", command], { encoding: "utf8" });
    if (command.includes("curl")) assert.match(output, /location: http:\/\/ap\./i);
    else if (command.includes("_why")) assert.match(output, /^"share 100\.00% ap/m);
    else assert.match(output, /^127\.10\./);
  }
  assert.deepEqual(await regionsFor(german), ["eu"]);
  assert.deepEqual(await regionsFor(japanese), ["ap"]);
});

test("demo kill eu moves German clients and no others; revive brings the servers back", async () => {
  const act = (...words: readonly string[]) =>
    spawnSync(rhumb, ["demo", ...words], { env: environment, encoding: "utf8" });
  assert.equal(act("kill", "eu").status, 0);
  await until("an answer that is not eu", async () => !(await regionsFor(german)).includes("eu"));
  assert.match(screen, /eu {2}127\.10\.1\.1 +down: connect\.refused/);
  assert.deepEqual(await regionsFor(japanese), ["ap"]);
  assert.equal(act("revive", "eu").status, 0);
  await until("eu held", () => /eu {2}127\.10\.1\.1 +answers again/.test(screen));
  assert.equal(act("kill", "nowhere").status, 2);
});

test("a second demo says that one is running", () => {
  const second = spawnSync(rhumb, ["demo"], { env: environment, encoding: "utf8" });
  assert.equal(second.status, 1);
  assert.match(second.stderr, /running already/);
});

test("demo ends with Ctrl-C, exits 0 and leaves no process", async () => {
  const pids = readFileSync(join(folder, "pids"), "utf8").split("\n").map(Number);
  assert.ok(pids.length >= 4);
  demo.kill("SIGINT");
  assert.equal(await exited, 0, screen);
  for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
});
