/** `rhumb plan NEW --state DIR` against a real server: its revision, and what it believes. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { after, before } from "node:test";
import type { Plan } from "../../src/control/plan.ts";
import { configText, serviceName, TestServer } from "../process/server.ts";
import { rhumb } from "./run.ts";

let server: TestServer;
before(async () => {
  server = await TestServer.create();
  await server.start();
  await server.answersWith("fra");
});
after(() => server.stop());

async function planned(text: string): Promise<{ code: number; plan: Plan; err: string }> {
  const path = join(server.folder, "new.yaml");
  writeFileSync(path, text);
  const { code, out, err } = await rhumb(["plan", path, "--state", server.stateDir, "--json"]);
  return { code, plan: JSON.parse(out) as Plan, err };
}

test("plan --state finds nothing to change in what runs", async () => {
  const { code, plan } = await planned(configText(server.ports));
  assert.equal(code, 0);
  assert.equal(plan.changed, false);
});

test("plan --state knows what the server drains, and takes new endpoints as up", async () => {
  const drained = await rhumb(["drain", "fra", "--reason", "test", "--state", server.stateDir]);
  assert.equal(drained.code, 0, drained.err);
  const added = configText(server.ports).replace(/fra: "([^"]+)"/, 'fra: ["$1", "127.0.0.9:81"]');
  const { code, plan } = await planned(added);
  assert.equal(code, 2);
  const [service] = plan.services;
  assert.ok(service !== undefined && serviceName.startsWith(service.service));
  // All of fra is drained, the endpoint that comes included: nobody moves there.
  assert.deepEqual(
    service.regions.map(({ region, shareAfter }) => [region, shareAfter]),
    [["iad", 1]],
  );
  assert.deepEqual(service.endpoints, [
    { change: "added", endpoint: "fra/127.0.0.9:81", settings: [] },
  ]);
});
