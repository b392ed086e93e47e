/** What is written to a zone's file, and what the running server answers then. */
import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { configText, withServer } from "./server.ts";

const zone = (records: string): string =>
  `$TTL 60\n@ SOA ns1 hostmaster 7 3600 600 86400 30\n@ NS ns1\nns1 A 192.0.2.1\n${records}`;

void test("serve answers from a zone's file, and anew when it or what it includes is written", async () => {
  await withServer(async (server) => {
    const folder = dirname(server.config);
    const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
    write("example.com.zone", zone("$INCLUDE more.inc\n"));
    write("more.inc", "www A 192.0.2.2\n");
    const line = "zones: {gslb.example.com: {ns: [ns1.example.net]}";
    const text = configText(server.ports).replace(
      line,
      `${line}, example.com: {file: example.com.zone}`,
    );
    // The zone of the service lies inside: its parent delegates it.
    write("example.com.zone", zone("$INCLUDE more.inc\ngslb NS ns1.example.net.\n"));
    server.write(text.replace("  shop:", "  shop:\n    names: shop.gslb.example.com"));
    await server.start();
    const resolver = new Resolver({ timeout: 500, tries: 1 });
    resolver.setServers([`127.0.0.1:${server.ports.dns}`]);
    const addressIs = (address: string) =>
      server.until(`DNS answers ${address}`, async () => {
        const found = await resolver.resolve4("www.example.com").catch(() => []);
        return found.join() === address;
      });
    const serial = async () => (await resolver.resolveSoa("example.com")).serial;
    await addressIs("192.0.2.2");
    assert.equal(await serial(), 7);
    write("more.inc", "www A 192.0.2.3\n");
    await addressIs("192.0.2.3");
    assert.equal(await serial(), 8);
    write("more.inc", "www A wrong\n");
    await server.until("the refusal", () => server.messages().includes("revision refused"));
    assert.match(server.messages(), /more\.inc:1:7 zone\.syntax zones\.example\.com\.file: A: /);
    await addressIs("192.0.2.3");
    // Mended, although the revision with the mistake was never in force.
    write("more.inc", "www A 192.0.2.4\n");
    await addressIs("192.0.2.4");
    assert.equal(await serial(), 9);
    await server.answersWith("fra");
  });
});
