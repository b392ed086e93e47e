/** Cookies and rate limiting over real sockets, in the words of dig and kdig. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createDnsServer } from "../../src/fronts/dns/server.ts";
import { systemEntropy } from "../../src/lib/entropy.ts";
import { createRegistry } from "../../src/lib/telemetry.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { requestOf, snapshotOf, unknownLeaves, zonesFrom } from "../support/dns-front.ts";
import { policyOf, pool } from "../support/steer-fixture.ts";
import { needs, run } from "../support/tools.ts";
import { udpKind } from "../support/udp-kind.ts";

const noDig = needs("dig", "bind9-dnsutils");
const noKdig = needs("kdig", "knot-dnsutils");
const secrets = ["e5e973e5a6b2a43f48e7dc849e37bfcf", "445536bcd2513298075a5d379663c962"].map(
  (hex) => Uint8Array.fromHex(hex),
);

/** A server with these settings, its port, and what it counts as limited. */
async function serving(
  listen: Partial<Policy["listen"]>,
  use: (at: {
    readonly ask: (program: string, ...args: string[]) => Promise<string>;
    readonly port: number;
    readonly roll: (order: readonly number[]) => void;
    readonly limited: () => readonly number[];
  }) => Promise<void>,
): Promise<void> {
  const base = policyOf([{ pools: [{ weights: [1] }], classes: [{ plan: pool(0) }] }]);
  const names = zonesFrom("$ORIGIN example.com\nwww A 192.0.2.1\napp STEERED 0");
  const policy = { ...base, ...unknownLeaves(), names, listen: { ...base.listen, ...listen } };
  const registry = createRegistry();
  const server = createDnsServer({
    snapshot: snapshotOf(policy, []),
    identity: { version: "", node: "" },
    registry,
    entropy: systemEntropy(),
    ...udpKind,
  });
  server.setSecrets(secrets);
  assert.deepEqual(await server.listen(["127.0.0.1:0"]), []);
  const port = Number(server.listening()[0]!.replace(/^.*:/, ""));
  try {
    await use({
      port,
      ask: (program, ...args) => run(program, ["@127.0.0.1", "-p", String(port), ...args]),
      roll: (order) => server.setSecrets(order.map((at) => secrets[at]!)),
      limited: () =>
        registry.dump().find(({ name }) => name === "rhumb_dns_rate_limited_total")?.values ?? [],
    });
  } finally {
    await server.stop();
  }
}

const cookieIn = (text: string): string | undefined => /COOKIE: ([0-9a-fA-F]+)/.exec(text)?.[1];

test("dig finds the server's cookie good, and its own again over a rollover", { skip: noDig }, () =>
  serving({}, async ({ ask, roll }) => {
    const first = await ask("dig", "+cookie=2464c4abcf10c957", "app.example.com");
    assert.match(first, /COOKIE: 2464c4abcf10c95701000000[0-9a-f]{24} \(good\)/);
    const given = cookieIn(first)!;
    const again = await ask("dig", `+cookie=${given}`, "www.example.com");
    assert.equal(cookieIn(again), given, "fresh: the same");
    roll([1, 0]);
    // A worker hears of it at its next turn.
    await sleep(200);
    const rolled = await ask("dig", `+cookie=${given}`, "app.example.com");
    assert.match(rolled, /\(good\)/);
    assert.notEqual(cookieIn(rolled), given, "made with the new secret");
  }),
);

test("dig comes again with the cookie that BADCOOKIE brings", { skip: noDig }, () =>
  serving({ dnsCookies: "required" }, async ({ ask }) => {
    const shown = ["+cookie", "+nobadcookie", "+comments", "app.example.com"];
    assert.match(await ask("dig", ...shown), /status: BADCOOKIE/);
    assert.equal(await ask("dig", "+cookie", "+short", "app.example.com"), "10.0.0.0\n");
    assert.equal(await ask("dig", "+cookie", "+tcp", "+short", "app.example.com"), "10.0.0.0\n");
    assert.equal(await ask("dig", "+nocookie", "+short", "app.example.com"), "10.0.0.0\n");
  }),
);

test("kdig gets a cookie, and 7828's time over TCP", { skip: noKdig }, () =>
  serving({}, async ({ ask }) => {
    const output = await ask("kdig", "+cookie=2464c4abcf10c957", "app.example.com");
    assert.match(output, /COOKIE: 2464C4ABCF10C95701000000[0-9A-F]{24}/i);
    const option = ["+tcp", "+ednsopt=11", "app.example.com"];
    assert.match(await ask("kdig", ...option), /Option \(11\): 0064/);
  }),
);

test("a flood from one network is slipped and dropped; TCP is answered all the while", () => {
  const dnsRateLimit = { responsesPerSecond: 20, errorsPerSecond: 20, slip: 2, exempt: [] };
  return serving({ dnsRateLimit }, async ({ ask, port, limited }) => {
    const socket = createSocket("udp4");
    const flags: number[] = [];
    socket.on("message", (bytes) => flags.push(bytes[2]! & 0x02));
    for (let i = 0; i < 400; i++) {
      socket.send(requestOf({ name: "app.example.com" }), port, "127.0.0.1");
      if (i % 20 === 19) await sleep(2);
    }
    await sleep(300);
    socket.close();
    const whole = flags.filter((truncated) => truncated === 0).length;
    const [dropped = 0, slipped = 0] = limited();
    assert.ok(whole >= 20 && whole < 100, `${whole} of 400 are whole`);
    assert.ok(Math.abs(dropped - slipped) <= 1, `${dropped} dropped, ${slipped} slipped`);
    assert.equal(flags.length, 400 - dropped);
    if (noDig === false) {
      assert.equal(await ask("dig", "+tcp", "+short", "app.example.com"), "10.0.0.0\n");
    }
  });
});
