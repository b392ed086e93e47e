/** Commands that need no server, through the real executable. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { wholeProgram } from "../../src/cli/program.ts";
import { writeMmdb } from "../support/mmdb-writer.ts";
import { launcher, rhumb, root } from "./run.ts";

const folder = mkdtempSync(join(tmpdir(), "rhumb-cli-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, lines: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

const good = write("good.yaml", [
  "version: 1",
  "zones: {gslb.example.com: {ns: ns1.example.net}}",
  "regions: {fra: {at: FRA, in: EU}, iad: {at: IAD, in: US}}",
  "services:",
  "  shop:",
  "    endpoints: {fra: 192.0.2.10, iad: [198.51.100.10, 198.51.100.11]}",
]);
/** A mistake for every stage: text, references, geography, conditions, records. */
const bad = write("bad.yaml", [
  "version: 1",
  "zones:",
  "  gslb.example.com:",
  "    ns: ns1.example.net",
  '    records: [{name: mail, type: MX, data: "no mx"}]',
  "geo: {overrides: [{cidr: 192.0.2.0/24, country: XX}]}",
  "regions:",
  "  fra: {at: FRA, lables: {}}",
  "  iad: {at: XQZ}",
  "  muc: {at: MUC}",
  "services:",
  "  a: {endpoints: {muc: 192.0.2.1}, minimum: three}",
  "  b:",
  "    endpoints: {muc: 192.0.2.1, iad: 192.0.2.1}",
  "    steer: {rules: [{when: 'country = \"DE\"', steer: [muc]}, {steer: nearest}]}",
  "  c: {endpoints: {rfa: 192.0.2.1}}",
]);

test("check reports the mistakes of every stage in one run, in order", async () => {
  const { code, out, err } = await rhumb(["check", "-c", bad]);
  assert.equal(code, 1);
  assert.equal(out, "");
  const lines = err.trimEnd().split("\n");
  assert.deepEqual(
    lines.slice(0, -1).map((line) => line.replace(`${bad}:`, "").split(" ").slice(0, 2).join(" ")),
    [
      "5:15 config.invalid",
      "6:49 config.invalid",
      "8:18 config.unknown-key",
      "9:13 config.unknown-reference",
      "12:45 config.invalid",
      "15:28 config.invalid",
      "16:19 config.unknown-reference",
    ],
  );
  assert.equal(lines.at(-1), `${bad}: 7 errors, 0 warnings`);
  assert.match(err, /did you mean `labels`\?/);
});

test("check --json prints the same problems as objects", async () => {
  const { code, out, err } = await rhumb(["check", "--json", "-c", bad]);
  assert.equal(code, 1);
  assert.equal(err, "");
  const { ok, problems } = JSON.parse(out) as { ok: boolean; problems: { place: object }[] };
  assert.equal(ok, false);
  assert.equal(problems.length, 7);
  assert.deepEqual(problems[0]?.place, { file: bad, line: 5, column: 15 });
});

test("check says that a configuration is good", async () => {
  const { code, out, err } = await rhumb(["check", "-c", good]);
  assert.deepEqual([code, out, err], [0, "", `${good}: good\n`]);
});

test("check --effective prints a configuration that means the same", async () => {
  const first = await rhumb(["check", "--effective", "-c", good]);
  assert.equal(first.code, 0);
  assert.match(first.out, /^ {4}ttl:\n {6}min: 30s # default$/m);
  const printed = write("effective.yaml", [first.out]);
  const second = await rhumb(["check", "--effective", "-c", printed]);
  assert.equal(second.out, first.out.replaceAll(" # default", ""));
  const [before, again] = await Promise.all(
    [good, printed].map(async (path) => (await rhumb(["compile", "-c", path])).out),
  );
  assert.equal(again, before);
});

test("check reads rhumb.yaml of the working directory", async () => {
  const home = join(folder, "home");
  mkdirSync(home);
  const missing = await rhumb(["check"], { cwd: home });
  assert.equal(missing.code, 1);
  assert.match(missing.err, /^rhumb\.yaml:1:1 file\.unreadable does not exist/);
  symlinkSync(good, join(home, "rhumb.yaml"));
  assert.equal((await rhumb(["check"], { cwd: home })).code, 0);
});

test("check finds a database from the folder of the configuration, wherever it runs", async () => {
  const home = join(folder, "with-database");
  mkdirSync(home);
  writeFileSync(join(home, "geo.mmdb"), writeMmdb([["5.0.0.0/8", { country_code: "DE" }]]));
  const text = readFileSync(good, "utf8");
  const config = join(home, "rhumb.yaml");
  writeFileSync(config, `${text}geo: {database: geo.mmdb}\n`);
  const client = ["--client", "5.1.2.3"];
  const { out } = await rhumb(["explain", "shop", "-c", config, ...client], { cwd: folder });
  assert.match(out, /^shop for 5\.1\.2\.3\/32 \(DE\)/);
  writeFileSync(config, `${text}geo: {database: none.mmdb}\n`);
  const { code, err } = await rhumb(["check", "-c", config], { cwd: home });
  assert.equal(code, 1);
  assert.match(err, /^\S+rhumb\.yaml:7:17 geo\.unreadable .*with-database\/none\.mmdb/);
});

test("compile prints the policy, or every problem", async () => {
  const { code, out } = await rhumb(["compile", "-c", good]);
  assert.equal(code, 0);
  assert.match(out, /198\.51\.100\.11/);
  const json = JSON.parse((await rhumb(["compile", "--json", "-c", good])).out) as {
    services: { name: string }[];
  };
  assert.deepEqual(
    json.services.map(({ name }) => name),
    ["shop"],
  );
  const refused = await rhumb(["compile", "-c", bad]);
  assert.deepEqual([refused.code, refused.out], [1, ""]);
  assert.equal(refused.err.trimEnd().split("\n").length, 7);
});

test("explain tells where a client goes, and what if", async () => {
  const german = ["explain", "shop.gslb.example.com", "-c", good, "--client", "85.214.132.7"];
  const { code, out } = await rhumb(german);
  assert.equal(code, 0);
  assert.match(out, /100\.00 % fra/);
  assert.match((await rhumb([...german, "--down", "fra"])).out, /100\.00 % iad/);
  assert.match((await rhumb([...german, "--drain", "fra"])).out, /override\.drain/);
  JSON.parse((await rhumb([...german, "--json"])).out);
  for (const args of [
    ["explain", "nope", "-c", good],
    ["explain", "shop", "-c", good, "--down", "nowhere"],
    ["explain", "shop", "-c", bad],
  ]) {
    const refused = await rhumb(args);
    assert.deepEqual([refused.code, refused.out], [1, ""], args.join(" "));
    assert.notEqual(refused.err, "");
  }
});

test("explain --down takes out who needs what is down", async () => {
  const path = join(folder, "needs.yaml");
  writeFileSync(
    path,
    `version: 1
zones: {example.com: {ns: [ns1.example.net]}}
regions: {fra: {at: FRA}, iad: {at: IAD}}
services:
  login: {endpoints: {fra: 192.0.2.1, iad: 192.0.2.2}, check: {http: /}, steer: [fra, iad]}
  shop:
    endpoints: {fra: 192.0.2.3, iad: 192.0.2.4}
    check: {http: /}
    steer: [fra, iad]
    dependencies: [login]
`,
  );
  const { code, out } = await rhumb(["explain", "shop", "-c", path, "--down", "login/fra"]);
  assert.equal(code, 0);
  assert.match(out, /100\.00 % iad/);
  assert.match(out, /dependency\.down/);
});

const mistyped: readonly (readonly [readonly string[], RegExp])[] = [
  [["explain", "shop", "--client", "1.2.3"], /192\.0\.2\.1 or 2001:db8::\/56/],
  [[], /Usage: rhumb/],
  [["chekc"], /Did you mean check/],
  [["check", "--efective"], /Did you mean --effective/],
  [["check", "file"], /too many arguments/],
  [["check", "-c"], /argument missing/],
  [["drain", "fra"], /--reason <text>/],
  [["drain", "fra", "--reason", "x", "--for", "25h"], /from 1s to 24h/],
  [["drain", "fra", "--reason", "x", "--for", "5"], /such as 30m or 2h/],
  [["overrides", "lift"], /missing required argument/],
  [["demo", "kill", "mars"], /eu, us, ap/],
  [["completion", "tcsh"], /bash, zsh, fish/],
  [["revisions", "--limit", "0"], /from 1 to 1000/],
];
for (const [args, expected] of mistyped) {
  test(`rhumb ${args.join(" ")} is wrong usage, and says what is right`, async () => {
    const { code, out, err } = await rhumb(args);
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err, expected);
  });
}

for (const args of [
  ["world"],
  ["status"],
  ["reload"],
  ["revisions"],
  ["overrides"],
  ["overrides", "lift", "region:fra"],
  ["drain", "region:fra", "--reason", "x"],
  ["explain", "shop"],
]) {
  test(`rhumb ${args.join(" ")} without a server exits 3`, async () => {
    const { code, out, err } = await rhumb([...args, "--state", join(folder, "nobody")]);
    assert.deepEqual([code, out], [3, ""]);
    assert.match(err, /^rhumb: no server .* start one with `rhumb serve`/);
  });
}

const commands = (await wholeProgram()).commands.flatMap((command) => [
  [command.name()],
  ...command.commands.map((child) => [command.name(), child.name()]),
]);
test("every command has help, every one at the top an example", async () => {
  assert.ok(commands.length >= 20);
  for (const path of commands) {
    const { code, out, err } = await rhumb([...path, "--help"]);
    assert.deepEqual([code, err], [0, ""], path.join(" "));
    assert.match(out, new RegExp(`^Usage: rhumb ${path.join(" ")}`));
    if (path.length === 1) assert.match(out, new RegExp(`Examples:\n  rhumb ${path[0]}`));
  }
});

test("help names every command", async () => {
  const { code, out } = await rhumb(["--help"]);
  assert.equal(code, 0);
  for (const [name = ""] of commands) assert.match(out, new RegExp(`^  ${name} `, "m"));
  const help = await rhumb(["help", "drain"]);
  assert.equal(help.out, (await rhumb(["drain", "--help"])).out);
});

test("completion bash completes commands, subcommands, choices and options", async () => {
  const { out } = await rhumb(["completion", "bash"]);
  const script = write("rhumb.bash", [out]);
  const complete = (...words: readonly string[]): readonly string[] => {
    const list = words.map((word) => `'${word}'`).join(" ");
    const run = `source ${script}; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _rhumb; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const shown = execFileSync("bash", ["-c", run], { encoding: "utf8", cwd: folder });
    return shown.split("\n").filter((word) => word !== "");
  };
  assert.deepEqual(complete("rhumb", "che"), ["check"]);
  assert.deepEqual(complete("rhumb", "overrides", "li"), ["lift"]);
  assert.deepEqual(complete("rhumb", "demo", "kill", "e"), ["eu"]);
  assert.deepEqual(complete("rhumb", "drain", "--re"), ["--reason"]);
  assert.deepEqual(complete("rhumb", "check", "-c", "goo"), ["good.yaml"]);
});

test("completion fish and zsh name every command", async () => {
  for (const shell of ["fish", "zsh"]) {
    const { code, out } = await rhumb(["completion", shell]);
    assert.equal(code, 0);
    for (const path of commands)
      assert.ok(out.includes(path.at(-1) ?? ""), `${shell} ${path.join(" ")}`);
  }
});

test("bin/rhumb works from anywhere, by a link, under an old Node", async () => {
  const tools = join(folder, "tools");
  mkdirSync(tools);
  symlinkSync(launcher, join(tools, "rhumb"));
  writeFileSync(join(tools, "node"), "#!/bin/sh\necho an old node >&2\nexit 9\n");
  chmodSync(join(tools, "node"), 0o755);
  const path = `${tools}:/usr/bin:/bin`;
  const run = (cwd: string): string =>
    execFileSync("rhumb", ["version"], { cwd, encoding: "utf8", env: { PATH: path } });
  assert.match(run("/"), /^rhumb \d+\.\d+\.\d+ \(node 26\./);
  assert.equal(run(tools), run(root));
});

test("bin/rhumb without a new enough Node says how to get one", () => {
  const copy = join(folder, "copy");
  mkdirSync(join(copy, "bin"), { recursive: true });
  execFileSync("cp", [launcher, join(copy, "bin/rhumb")]);
  const tools = join(folder, "old");
  mkdirSync(tools);
  writeFileSync(join(tools, "node"), "#!/bin/sh\necho 20\n");
  chmodSync(join(tools, "node"), 0o755);
  for (const path of [`${tools}:/usr/bin:/bin`, "/usr/bin:/bin"]) {
    assert.throws(
      () =>
        execFileSync(join(copy, "bin/rhumb"), ["version"], { env: { PATH: path }, stdio: "pipe" }),
      (error: { status: number; stderr: Buffer }) => {
        assert.equal(error.status, 1);
        assert.match(String(error.stderr), /needs Node 26; run 'npm ci' in .*copy/);
        return true;
      },
    );
  }
});
