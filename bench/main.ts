/**
 * `npm run bench -- [NAME...] [--json] [--against FILE]`: runs benchmarks, each in a process of its
 * own. A benchmark is a program bench/AREA/NAME.ts, mirroring src/AREA/NAME.ts, that prints one
 * JSON object: `{"results":[{"name":"...","value":1.5,"unit":"ns/op"}, ...]}`, with a `summary` if
 * it has figures that belong together. NAME selects by area or name. `--json` prints all in one
 * line with the machine they ran on; keep that, and `--against` compares to it.
 */
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

interface Result {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}
interface Run {
  readonly benchmark: string;
  readonly results: readonly Result[];
  readonly summary?: Readonly<Record<string, unknown>>;
}
interface Report {
  readonly commit: string;
  readonly node: string;
  readonly cpu: string;
  readonly runs: readonly Run[];
}

const root = fileURLToPath(new URL("..", import.meta.url));
const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean" }, against: { type: "string" } },
});

const benchmarks = globSync("bench/*/*.ts", { cwd: root })
  .filter((path) => !path.endsWith(".test.ts"))
  .map((path) => path.replaceAll("\\", "/").replace(/^bench\/|\.ts$/g, ""))
  .sort();
const chosen = benchmarks.filter(
  (path) =>
    names.length === 0 || names.some((name) => path === name || path.split("/").includes(name)),
);
if (chosen.length === 0) {
  console.error(`no benchmark of that name; there are: ${benchmarks.join(", ") || "none"}`);
  process.exit(2);
}

function runOne(benchmark: string): Run {
  console.error(`running ${benchmark}`);
  const child = spawnSync(process.execPath, ["--expose-gc", `bench/${benchmark}.ts`], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.status !== 0) {
    console.error(`bench/${benchmark}.ts ended with ${child.status ?? child.signal}`);
    process.exit(1);
  }
  const made: Omit<Run, "benchmark"> = JSON.parse(child.stdout);
  return { benchmark, ...made };
}

const git = spawnSync("git", ["describe", "--always", "--dirty"], { cwd: root, encoding: "utf8" });
const report: Report = {
  commit: git.stdout?.trim() ?? "",
  node: process.version,
  cpu: `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}`,
  runs: chosen.map(runOne),
};

function printText(current: Report, earlier: Report | undefined): void {
  console.log(`${current.cpu}, Node ${current.node}, ${current.commit}`);
  for (const run of current.runs) {
    const before = earlier?.runs.find((other) => other.benchmark === run.benchmark);
    for (const result of run.results) {
      const old = before?.results.find((other) => other.name === result.name)?.value;
      const ratio = old === undefined ? "" : `  x ${(result.value / old).toFixed(3)} of ${old}`;
      console.log(
        `${run.benchmark}  ${result.name}: ${Number(result.value.toPrecision(4))} ${result.unit}${ratio}`,
      );
    }
  }
}

if (options.json === true) {
  const summaries = report.runs.map(({ summary }) => summary);
  console.log(JSON.stringify(Object.assign({ ...report }, ...summaries)));
} else {
  const earlier = options.against;
  printText(report, earlier === undefined ? undefined : JSON.parse(readFileSync(earlier, "utf8")));
}
