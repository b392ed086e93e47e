/**
 * request.ts: what is asked of whom, and that no text of a configuration breaks out of its place.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { buildRequest, probeAddress } from "./request.ts";
import { httpMonitor } from "./testing.ts";

const none = new Uint8Array(0);
const ipv4 = Uint8Array.of(192, 0, 2, 10);
const ipv6 = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10);
const v4 = { family: 4, bytes: ipv4 } as const;
const v6 = { family: 6, bytes: ipv6 } as const;
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
const hostHeader = (send: Uint8Array) => /\r\nHost: ([^\r]*)\r\n/.exec(text(send))?.[1];

test("probeAddress() takes IPv4 before IPv6, and for a host name the first that it resolved to", () => {
  assert.deepEqual(probeAddress({ ipv4, ipv6, host: "" }, undefined), v4);
  assert.deepEqual(probeAddress({ ipv4: none, ipv6, host: "" }, undefined), v6);
  const host = { ipv4: none, ipv6: none, host: "a.example" };
  assert.equal(probeAddress(host, undefined), undefined);
  assert.equal(probeAddress(host, { ipv4: [], ipv6: [] }), undefined);
  assert.deepEqual(probeAddress(host, { ipv4: [], ipv6: [ipv6] }), v6);
  assert.deepEqual(probeAddress(host, { ipv4: [ipv4], ipv6: [ipv6] }), v4);
});

const hosts: readonly (readonly [string, object, object, 4 | 6, string])[] = [
  ["the monitor's host as written", { host: "shop.example:8443" }, {}, 4, "shop.example:8443"],
  ["the endpoint's host name", {}, { host: "a.example." }, 4, "a.example"],
  ["an address", {}, {}, 4, "192.0.2.10"],
  ["an IPv6 address in brackets", {}, {}, 6, "[2001:db8::10]"],
  ["a port other than the scheme's", {}, { port: 8080 }, 6, "[2001:db8::10]:8080"],
  ["the monitor's port before the endpoint's", { port: 81 }, { port: 8080 }, 4, "192.0.2.10:81"],
];
for (const [claim, monitor, endpoint, family, expected] of hosts) {
  test(`buildRequest() sends as Host ${claim}`, () => {
    const request = buildRequest(
      { host: "", port: 0, ...endpoint },
      { monitor: httpMonitor(monitor), address: family === 4 ? v4 : v6 },
    );
    assert.equal(hostHeader(request.send), expected);
  });
}

const names: readonly (readonly [string, object, object, string])[] = [
  ["sni", { serverName: "sni.example", host: "host.example" }, {}, "sni.example"],
  ["the host without its port", { host: "host.example:8443" }, {}, "host.example"],
  ["the endpoint's host name", {}, { host: "a.example." }, "a.example"],
  ["nothing for an address", {}, {}, ""],
  ["nothing for an address as host", { host: "192.0.2.1" }, {}, ""],
  ["nothing for an IPv6 address as host", { host: "[2001:db8::1]:8443" }, {}, ""],
];
for (const [claim, monitor, endpoint, expected] of names) {
  test(`buildRequest() names to TLS ${claim}`, () => {
    const request = buildRequest(
      { host: "", port: 0, ...endpoint },
      { monitor: httpMonitor({ kind: "https", ...monitor }), address: v4 },
    );
    assert.equal(request.serverName, expected);
    assert.equal(request.port, 443);
  });
}

test("buildRequest() keeps any path and host inside one request line and one header", () => {
  const anything = fc.string({ unit: "binary", maxLength: 40 });
  fc.assert(
    fc.property(anything, anything, (path, host) => {
      const monitor = httpMonitor({ path: `/${path}`, host });
      const { send } = buildRequest({ host: "", port: 80 }, { monitor, address: v4 });
      const lines = text(send).split("\r\n");
      assert.equal(lines.length, 8);
      assert.match(lines[0] ?? "", /^GET \/[\x21-\x7e]* HTTP\/1\.1$/);
      assert.match(lines[1] ?? "", /^Host: [\x21-\x7e]*$/);
      assert.match(text(send), /\r\n\r\n$/);
    }),
  );
});
