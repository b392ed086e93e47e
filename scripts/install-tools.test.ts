/** Who gets packages installed, and that everyone else is told which. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { needs } from "../test/support/tools.ts";
import { installCommands } from "./install-tools.ts";
import { debianPackages, missingTools, missingToolsMessage } from "./tools.ts";

const bare = { missing: ["dig", "knotd"], isRoot: true, isDebian: true } as const;

test("installCommands refreshes the lists and names each package once", () => {
  assert.deepEqual(installCommands({ ...bare, missing: ["dig", "knotd", "dig"] }), [
    ["apt-get", "update", "-q"],
    ["apt-get", "install", "-q", "-y", "--no-install-recommends", "bind9-dnsutils", "knot"],
  ]);
});

test("installCommands leaves alone a machine that is whole, not root's or not Debian", () => {
  assert.deepEqual(installCommands({ ...bare, missing: [] }), []);
  assert.deepEqual(installCommands({ ...bare, isRoot: false }), []);
  assert.deepEqual(installCommands({ ...bare, isDebian: false }), []);
});

test("missingToolsMessage names each missing program and its package", () => {
  const before = process.env["PATH"];
  process.env["PATH"] = "/nowhere";
  try {
    // Some live in folders that are looked at whatever PATH says.
    assert.ok(missingTools().includes("dig"));
    assert.match(missingToolsMessage(), /dig, .*apt-get install .*bind9-dnsutils/);
  } finally {
    process.env["PATH"] = before;
  }
});

test("needs throws for any value of CI, and else gives the reason to skip", () => {
  const before = process.env["CI"];
  try {
    for (const value of ["true", "1", "woodpecker"]) {
      process.env["CI"] = value;
      assert.throws(() => needs("no-such-program", "its-package"), /apt-get install its-package/);
    }
    process.env["CI"] = "";
    assert.equal(
      needs("no-such-program", "its-package"),
      "no-such-program is missing: apt-get install its-package",
    );
  } finally {
    if (before === undefined) delete process.env["CI"];
    else process.env["CI"] = before;
  }
});

/** Runs install-tools as `uid`, on a machine whose only programs are in `folder`. */
function install(folder: string, uid: number): ReturnType<typeof spawnSync> {
  const main = fileURLToPath(new URL("install-tools.ts", import.meta.url));
  const script = join(folder, "install.mjs");
  const lines = [
    // Loaded before: somebody else may not enter the folder that the project stands in.
    `const { installTools } = await import(${JSON.stringify(main)});`,
    `process.setuid(${String(uid)});`,
    "const missing = installTools();",
    "console.error(missing);",
    'process.exitCode = missing === "" ? 0 : 1;',
  ];
  writeFileSync(script, lines.join("\n"));
  return spawnSync(process.execPath, [script], { encoding: "utf8", env: { PATH: folder } });
}

/** A folder that is the whole PATH, with an apt-get that "installs" every tool into it. */
function bareMachine(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "rhumb-tools-"));
  context.after(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  const tools = Object.keys(debianPackages).map((tool) => join(folder, tool));
  const lines = [
    "#!/bin/sh",
    'echo "apt-get $*"',
    `[ "$1" != install ] || { /bin/touch ${tools.join(" ")}; /bin/chmod 755 ${tools.join(" ")}; }`,
  ];
  writeFileSync(join(folder, "apt-get"), `${lines.join("\n")}\n`, { mode: 0o755 });
  return folder;
}

const notRoot = process.getuid?.() !== 0 && "only root can become somebody else";

test("installTools as root installs what is missing", { skip: notRoot }, (context) => {
  const result = install(bareMachine(context), 0);
  assert.equal(result.status, 0, String(result.stderr));
  assert.match(String(result.stdout), /apt-get update -q\napt-get install .*bind9-dnsutils/);
});

test("installTools as anyone else fails and names packages", { skip: notRoot }, (context) => {
  const result = install(bareMachine(context), 65_534);
  assert.equal(result.status, 1, String(result.stderr));
  assert.match(String(result.stderr), /dig, .*apt-get install .*bind9-dnsutils/);
  assert.equal(result.stdout, "");
});
