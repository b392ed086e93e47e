/**
 * Killing any part costs at most a second of that part, and nothing else. Under dnsperf, with
 * signals that no process can catch or that a native crash would raise.
 */
import assert from "node:assert/strict";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { partNames, policyFile, statePaths } from "../../src/link/paths.ts";
import { isGone, pause, type TestServer, withServer } from "./server.ts";
import { loadDns, type Watch, watchDns, watchRedirect } from "./traffic.ts";

const signals = ["SIGKILL", "SIGSEGV"] as const;
/** The promise; and how often a crash may be repeated before a busy machine is no excuse. */
const secondMs = 1000;
const attemptsMax = 3;

/** Kills a part and waits until it serves again. */
async function kill(
  server: TestServer,
  part: (typeof partNames)[number],
  signal: NodeJS.Signals,
): Promise<void> {
  await server.spares();
  const before = await server.pids();
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
}

/** The longest gap of a front while `act` runs. */
async function gapDuring(watch: Watch, act: () => Promise<void>): Promise<number> {
  await pause(200);
  await act();
  await pause(200);
  watch.stop();
  return watch.longestGap();
}

/** One crash within a second is what is promised; a machine at its limit gets two more tries. */
async function gapWithinSecond(
  context: TestContext,
  measure: () => Promise<number>,
): Promise<void> {
  const gaps: number[] = [];
  while (gaps.length < attemptsMax) {
    gaps.push(await measure());
    if ((gaps.at(-1) ?? 0) <= secondMs) {
      context.diagnostic(`gaps of ${gaps.map(Math.round).join(", ")} ms`);
      return;
    }
  }
  assert.fail(`gaps of ${gaps.map(Math.round).join(", ")} ms`);
}

void test("serve loses at most a second of dns when dns crashes, under load", async (context) => {
  await withServer(async (server) => {
    await server.start();
    await server.answersWith("fra");
    for (const signal of signals) {
      await gapWithinSecond(context, async () => {
        let gap = 0;
        const target = { port: server.ports.dns, folder: server.folder, perSecond: 500 };
        const load = await loadDns(target, async () => {
          const dns = watchDns(target.port);
          const redirect = watchRedirect(server.ports.redirect);
          gap = await gapDuring(dns, () => kill(server, "dns", signal));
          redirect.stop();
          gap = Math.max(gap, redirect.longestGap());
        });
        assert.ok(load.sent > 0);
        return Math.max(gap, (load.lost * 1000) / target.perSecond);
      });
    }
  });
});

void test("serve loses at most a second of redirect when redirect crashes, and no query", async (context) => {
  await withServer(async (server) => {
    await server.start();
    await server.answersWith("fra");
    for (const signal of signals) {
      await gapWithinSecond(context, async () => {
        let gap = 0;
        const target = { port: server.ports.dns, folder: server.folder, perSecond: 500 };
        const load = await loadDns(target, async () => {
          const redirect = watchRedirect(server.ports.redirect);
          gap = await gapDuring(redirect, () => kill(server, "redirect", signal));
        });
        assert.equal(load.lost, 0, "queries lost");
        return gap;
      });
    }
  });
});

void test("serve loses nothing of a front when control or observer crashes", async (context) => {
  await withServer(async (server) => {
    await server.start();
    await server.answersWith("fra");
    for (const part of ["control", "observer"] as const) {
      for (const signal of signals) {
        await gapWithinSecond(context, async () => {
          const target = { port: server.ports.dns, folder: server.folder, perSecond: 500 };
          const redirect = watchRedirect(server.ports.redirect);
          const load = await loadDns(target, () => kill(server, part, signal));
          redirect.stop();
          assert.ok(load.sent > 0);
          assert.equal(load.lost, 0, `queries lost with ${part} by ${signal}`);
          return redirect.longestGap();
        });
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
