/** The DNS benchmark runs, small: equal answers of both, and figures of all three. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { needs } from "../support/tools.ts";

const skip =
  needs("dnsperf", "dnsperf") ||
  needs("gdnsd", "gdnsd") ||
  needs("knotd", "knot") ||
  needs("dig", "bind9-dnsutils") ||
  (availableParallelism() < 2 && "needs a core for the load and one for the server");

test("bench dns/server gives CPU per query of three servers", { skip }, async () => {
  const main = fileURLToPath(new URL("../../bench/main.ts", import.meta.url));
  const small = { BENCH_SECONDS: "1", BENCH_TURNS: "1", BENCH_SERVICES: "50", BENCH_RATE: "2000" };
  const env = { ...process.env, ...small, BENCH_PORT: "25353" };
  const { stdout } = await promisify(execFile)(process.execPath, [main, "dns/server", "--json"], {
    env,
  });
  const last = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  for (const name of ["rhumb", "gdnsd", "knot", "ratio"]) assert.ok(last[name] > 0, name);
  assert.equal(last.equal, 35);
  assert.ok(last.checked > 50, `${last.checked} answers checked`);
  assert.ok(last.p99ms.rhumb > 0 && last.p99ms.gdnsd > 0);
});
