/**
 * Killing any part costs at most a second of that part, and nothing else. Under dnsperf, with
 * signals that no process can catch or that a native crash would raise.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { partNames, policyFile, statePaths } from "../../src/link/paths.ts";
import { isGone, pause, type TestServer, withServer } from "./server.ts";
import { loadDns, type Watch, watchDns, watchRedirect } from "./traffic.ts";

const signals = ["SIGKILL", "SIGSEGV"] as const;
/** The promise. */
const secondMs = 1000;

/** Kills a part and waits until it serves again; returns how long the machine kept them waiting. */
async function kill(
  server: TestServer,
  part: (typeof partNames)[number],
  signal: NodeJS.Signals,
): Promise<number> {
  await server.spares();
  const before = await server.pids();
  const waitedBefore = waited(server);
  process.kill(before[part], signal);
  await server.until(`${part} is back`, async () => {
    const status = await server.tryAsk("control", "status", {});
    const report = status?.parts.find((each) => each.name === part);
    return report?.state === "ready" && report.pid !== before[part];
  });
  const after = await server.pids();
  for (const other of partNames.filter((name) => name !== part)) {
    assert.equal(after[other], before[other], `${other} is the process it was`);
  }
  const waitedAfter = waited(server);
  const during = (pid: number): number =>
    (waitedAfter.get(pid) ?? 0) - (waitedBefore.get(pid) ?? 0);
  // What a client waits for: first the supervisor, then one of the others.
  return during(server.pid) + Math.max(...Object.values(after).map(during));
}

/**
 * Milliseconds each process of the server was ready to run and had no processor: what a busy
 * machine adds to an outage, as the kernel counts it. Empty where it does not say.
 */
function waited(server: TestServer): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (const pid of server.processes()) {
    try {
      const [, nanoseconds = "0"] = readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ");
      found.set(pid, Number(nanoseconds) / 1e6);
    } catch {
      // It has ended, or this is another system.
    }
  }
  return found;
}

interface Outage {
  readonly outageMs: number;
  /** Of which the machine's own. */
  readonly waitedMs: number;
}

/** The longest outage of a front while `act` runs. */
async function outageDuring(watch: Watch, act: () => Promise<number>): Promise<Outage> {
  await pause(200);
  const waitedMs = await act();
  await pause(200);
  watch.stop();
  return { outageMs: watch.longestOutage(), waitedMs };
}

function assertWithinSecond(context: TestContext, what: string, outage: Outage): void {
  const { outageMs, waitedMs } = outage;
  const text = `${what}: ${outageMs.toFixed(0)} ms, ${waitedMs.toFixed(0)} of them for a processor`;
  context.diagnostic(text);
  assert.ok(outageMs - waitedMs <= secondMs, text);
}

void test("serve loses at most a second of dns when dns crashes, under load", async (context) => {
  await withServer(async (server) => {
    await server.start();
    await server.answersWith("fra");
    for (const signal of signals) {
      let outage: Outage = { outageMs: 0, waitedMs: 0 };
      let other = 0;
      const target = { port: server.ports.dns, folder: server.folder, perSecond: 500 };
      const load = await loadDns(target, async () => {
        const dns = watchDns(target.port);
        const redirect = watchRedirect(server.ports.redirect);
        outage = await outageDuring(dns, () => kill(server, "dns", signal));
        redirect.stop();
        other = redirect.longestOutage();
      });
      assert.ok(load.sent > 0);
      const { waitedMs } = outage;
      assertWithinSecond(context, `dns by ${signal}`, outage);
      const outageMs = (load.lost * 1000) / target.perSecond;
      assertWithinSecond(context, "queries lost", { outageMs, waitedMs });
      assertWithinSecond(context, "redirect", { outageMs: other, waitedMs });
    }
  });
});

void test("serve loses at most a second of redirect when redirect crashes, and no query", async (context) => {
  await withServer(async (server) => {
    await server.start();
    await server.answersWith("fra");
    for (const signal of signals) {
      const target = { port: server.ports.dns, folder: server.folder, perSecond: 500 };
      const load = await loadDns(target, async () => {
        const redirect = watchRedirect(server.ports.redirect);
        const outage = await outageDuring(redirect, () => kill(server, "redirect", signal));
        assertWithinSecond(context, `redirect by ${signal}`, outage);
      });
      assert.equal(load.lost, 0, "queries lost");
    }
  });
});

void test("serve loses nothing of a front when control or observer crashes", async (context) => {
  await withServer(async (server) => {
    await server.start();
    await server.answersWith("fra");
    for (const part of ["control", "observer"] as const) {
      for (const signal of signals) {
        const target = { port: server.ports.dns, folder: server.folder, perSecond: 500 };
        const load = await loadDns(target, async () => {
          const redirect = watchRedirect(server.ports.redirect);
          const outage = await outageDuring(redirect, () => kill(server, part, signal));
          assertWithinSecond(context, `redirect, ${part} by ${signal}`, outage);
        });
        assert.ok(load.sent > 0);
        assert.equal(load.lost, 0, `queries lost with ${part} by ${signal}`);
      }
    }
    // Health still steers afterwards: the observer that came back probes.
    await server.closeOrigin("fra");
    await server.answersWith("iad");
  });
});

void test("serve comes back from a crash that comes before there is a spare", async () => {
  await withServer(async (server) => {
    await server.start();
    await server.spares();
    const spares = server.processes().length;
    for (let crash = 0; crash < 3; crash++) {
      const { dns } = await server.pids();
      if (dns !== 0) process.kill(dns, "SIGKILL");
      await pause(100);
    }
    await server.answersWith("fra");
    await server.spares();
    assert.equal(server.processes().length, spares, "no process is left over");
  });
});

void test("dns starts without control, store and observer, from what is on disk", async () => {
  await withServer(async (server) => {
    await server.start();
    await server.closeOrigin("fra");
    await server.answersWith("iad");
    await server.until("World on disk", () =>
      existsSync(statePaths(server.stateDir).worldSnapshot),
    );
    const { dns, control, observer } = await server.pids();
    // Stopped, not killed: they would be back too soon.
    for (const pid of [control, observer]) process.kill(pid, "SIGSTOP");
    rmSync(statePaths(server.stateDir).store, { force: true });
    process.kill(dns, "SIGKILL");
    await server.until("dns is gone", () => isGone(dns));
    await server.answersWith("iad");
    for (const pid of [control, observer]) if (!isGone(pid)) process.kill(pid, "SIGCONT");
  });
});

void test("an override works with control and store dead, and outlives a crash and a restart", async () => {
  await withServer(async (server) => {
    await server.start();
    await server.answersWith("fra");
    const { control, observer } = await server.pids();
    process.kill(control, "SIGSTOP");
    const word = { kind: "drain", target: "region:fra", reason: "test", author: "me" } as const;
    await server.ask("observer", "override", { ...word, forMs: 3_600_000 });
    await server.answersWith("iad");
    process.kill(observer, "SIGKILL");
    await server.until("observer is back", async () => {
      const reply = await server.tryAsk("observer", "overrides", {});
      return reply?.overrides.length === 1;
    });
    await server.answersWith("iad");
    if (!isGone(control)) process.kill(control, "SIGCONT");
    server.signal("SIGTERM");
    assert.equal(await server.ended(), 0, server.messages());
    await server.start();
    await server.answersWith("iad");
    const { lifted } = await server.ask("observer", "lift", { target: word.target, author: "me" });
    assert.equal(lifted.length, 1);
    await server.answersWith("fra");
  });
});

void test("serve kills a part that hangs, and starts it again", async () => {
  await withServer(async (server) => {
    await server.start();
    const before = await server.pids();
    process.kill(before.redirect, "SIGSTOP");
    await server.until("redirect is another process", async () => {
      const { redirect } = await server.pids();
      return redirect !== 0 && redirect !== before.redirect;
    });
    assert.match(server.messages(), /redirect hangs/);
  });
});

void test("serve goes on with an older snapshot when the newest was damaged on disk", async () => {
  await withServer(async (server) => {
    await server.start();
    await server.answersWith("fra");
    server.write(server.text({ steer: "[iad, fra]" }));
    await server.answersWith("iad");
    const { revision } = await server.ask("control", "status", {});
    server.signal("SIGTERM");
    assert.equal(await server.ended(), 0);
    writeFileSync(policyFile(server.stateDir, revision?.digest ?? ""), "damaged");
    server.write("version: [");
    await server.start();
    await server.answersWith("fra");
  });
});

void test("parts end by themselves when the supervisor is killed, and a new one takes over", async () => {
  await withServer(async (server) => {
    await server.start();
    const parts = Object.values(await server.pids());
    server.signal("SIGKILL");
    await server.ended();
    await server.start();
    await server.answersWith("fra");
    await server.until("the old parts are gone", () => parts.every(isGone));
  });
});

void test("serve drains and exits 0 on SIGTERM, and at once on a second signal", async () => {
  await withServer(async (server) => {
    await server.start();
    server.signal("SIGTERM");
    assert.equal(await server.ended(), 0, server.messages());
    assert.deepEqual(server.processes(), []);
    const order = ["dns and redirect finished", "observer finished", "control finished"];
    const at = order.map((text) => server.messages().indexOf(text));
    assert.ok(
      at.every((index, i) => index > (at[i - 1] ?? 0)),
      server.messages(),
    );
    await server.start();
    const { observer } = await server.pids();
    process.kill(observer, "SIGSTOP");
    server.signal("SIGTERM");
    await pause(100);
    server.signal("SIGTERM");
    assert.equal(await server.ended(), 1);
    assert.deepEqual(server.processes(), []);
  });
});
