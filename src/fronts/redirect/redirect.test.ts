import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { zonesFrom } from "../../../test/support/dns-front.ts";
import { redirectPolicy, snapshotOf } from "../../../test/support/redirect-fixture.ts";
import type { EndpointSketch } from "../../../test/support/steer-fixture.ts";
import { readNetworks } from "../../lib/networks.ts";
import { findHost, indexHosts, parseAuthority } from "./authority.ts";
import { clientAddress } from "./client-address.ts";
import {
  createRedirectContext,
  type RequestFacts,
  type ResponseFacts,
  redirect,
  setSnapshot,
} from "./redirect.ts";

const plain: RequestFacts = {
  method: "GET",
  target: "/",
  hosts: ["shop.example.com"],
  peer: "192.0.2.7",
  forwardedFor: undefined,
  draw: 1,
  draining: false,
};

function ask(
  request: Partial<RequestFacts>,
  options: {
    readonly world?: readonly EndpointSketch[];
    readonly trusted?: readonly string[];
  } = {},
): ResponseFacts {
  const snapshot = snapshotOf(redirectPolicy(options.trusted), options.world);
  return redirect(createRedirectContext(snapshot), { ...plain, ...request });
}

const header = (response: ResponseFacts, name: string): string | undefined =>
  response.headers.find(([known]) => known === name)?.[1];

test("redirect() sends a client to the chosen region's own host", () => {
  const response = ask({ target: "/cart?id=7&x=%2F%2f" });
  assert.equal(response.status, 307);
  assert.equal(header(response, "location"), "https://fra.origin.example.com/cart?id=7&x=%2F%2f");
  assert.equal(header(response, "cache-control"), "private, max-age=30");
  assert.equal(
    header(response, "rhumb-decision"),
    "region=fra; pool=fra; endpoint=10.0.0.0; reason=class.default,class.unknown,tier.preferred",
  );
  assert.equal(header(response, "vary"), undefined);
  const failedOver = ask({}, { world: ["down", "up"] });
  assert.equal(header(failedOver, "location"), "https://iad.origin.example.com/");
  assert.match(header(failedOver, "rhumb-decision") ?? "", /region=iad; .*tier\.failover/);
  const ramping = ask({ draw: 0 }, { world: [64, "down"] });
  assert.match(header(ramping, "rhumb-decision") ?? "", /ramp\.partial/);
});

test("redirect() keeps path and query byte for byte, in both forms of a target", () => {
  const paths = [
    "/",
    "//evil.example/x",
    "/a//b/../c",
    "/?",
    "/?a=b?c",
    "/\\x",
    "/%0d%0aX:y",
    "/caf\xe9",
  ];
  for (const path of paths) {
    const expected = `https://fra.origin.example.com${path}`;
    assert.equal(header(ask({ target: path }), "location"), expected);
    const absolute = ask({
      target: `http://SHOP.example.com:8300${path}`,
      hosts: ["other.example"],
    });
    assert.equal(header(absolute, "location"), expected, "the target's host, not the header's");
  }
  const empty: readonly (readonly [string, string])[] = [
    ["http://shop.example.com", "/"],
    ["HTTPS://shop.example.com?q=1", "/?q=1"],
  ];
  for (const [target, path] of empty) {
    assert.equal(header(ask({ target }), "location"), `https://fra.origin.example.com${path}`);
  }
});

test("redirect() refuses targets and hosts that are none", () => {
  const bad: readonly Partial<RequestFacts>[] = [
    { target: "" },
    { target: "*" },
    { target: "cart" },
    { target: "ftp://shop.example.com/" },
    { target: "/a b" },
    { target: "/a\r\nset-cookie: x" },
    { target: "/a\0" },
    { target: "/\u0100" },
    { target: "http://user@shop.example.com/" },
    { target: "http:///x" },
    { hosts: [] },
    { hosts: [""] },
    { hosts: ["shop.example.com", "shop.example.com"] },
    { hosts: ["shop.example.com:99999"] },
    { hosts: ["shop.example.com:0"] },
    { hosts: ["shop.example.com/x"] },
    { hosts: ["a@shop.example.com"] },
    { hosts: ["shop.example.com\r\n"] },
    { hosts: ["shop%2eexample.com"] },
    { hosts: [`${"a".repeat(300)}.com`] },
  ];
  for (const request of bad) {
    const response = ask(request);
    assert.equal(response.status, 400, JSON.stringify(request));
    assert.equal(header(response, "location"), undefined);
  }
  assert.equal(ask({ method: "CONNECT", target: "/" }).status, 405);
  assert.equal(ask({ method: "TRACE" }).status, 405);
  for (const method of ["HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"]) {
    assert.equal(ask({ method }).status, 307, "307 keeps the method");
  }
});

test("redirect() finds a service by any of its names, in any case, with or without port", () => {
  for (const host of [
    "SHOP.Example.COM",
    "shop.example.com.",
    "shop.example.com:8300",
    "shop.example.com:",
    "a.shop.example.com",
    "a.b.shop.example.com",
    "www.example.com",
  ]) {
    assert.equal(ask({ hosts: [host] }).status, 307, host);
  }
  for (const host of [
    "example.com",
    "xshop.example.com",
    "a.www.example.com",
    "[::1]",
    "10.0.0.1",
  ]) {
    const response = ask({ hosts: [host] });
    assert.equal(response.status, 404, host);
    assert.equal(response.body, "404: no service is redirected for this host\n");
  }
  assert.equal(ask({ hosts: ["plain.example.com"] }).status, 404, "a service not on this front");
});

test("redirect() expands every word of a template", () => {
  assert.equal(
    header(ask({ hosts: ["addr.example.com"], target: "/x" }), "location"),
    "http://10.0.0.2:8443/x",
  );
  const six = ask({ hosts: ["addr.example.com"], peer: "2001:db8::9" });
  assert.equal(header(six, "location"), "http://[2001:db8::1]:8443/");
  const named = ask({ hosts: ["named.example.com"] });
  assert.equal(header(named, "location"), "https://fra-canary-origin.example.net/");
});

test("redirect() answers 503 while a chosen host name has no address, and when refused", () => {
  const policy = redirectPolicy();
  const services = policy.services.map((service) =>
    service.name === "named" ? { ...service, redirect: "https://{address}" } : service,
  );
  const snapshot = snapshotOf({ ...policy, services });
  const context = createRedirectContext(snapshot);
  const waiting = redirect(context, { ...plain, hosts: ["named.example.com"] });
  assert.equal(waiting.status, 503);
  assert.equal(header(waiting, "retry-after"), "30");
  const resolved = new Map([
    [3, { ipv4: [Uint8Array.of(192, 0, 2, 1)], ipv6: [], resolvedAt: 1, staleReason: "" }],
  ]);
  setSnapshot(context, { ...snapshot, world: { ...snapshot.world, resolved } });
  const known = redirect(context, { ...plain, hosts: ["named.example.com"] });
  assert.equal(header(known, "location"), "https://192.0.2.1/");
  const refusing = ask({ hosts: ["refusing.example.com"] }, { world: Array(10).fill("down") });
  assert.equal(refusing.status, 503);
  assert.equal(header(refusing, "retry-after"), "30");
  assert.match(header(refusing, "rhumb-decision") ?? "", /reason=.*fallback\.refuse/);
  assert.match(refusing.body, /fallback\.refuse/);
});

test("redirect() is loop-proof: 508 where the target would lead back here", () => {
  for (const host of ["loop.example.com", "LOOP.example.com:443", "loop.example.com:80"]) {
    const response = ask({ hosts: [host] });
    assert.equal(response.status, 508, host);
    assert.equal(header(response, "location"), undefined);
  }
  assert.equal(ask({ hosts: ["chain.example.com"] }).status, 508, "to a name that redirects");
  const other = ask({ hosts: ["loop.example.com:8300"] });
  assert.equal(
    header(other, "location"),
    "https://loop.example.com/",
    "another port, another server",
  );
});

test("redirect() answers its health path for any host, 503 while draining", () => {
  for (const hosts of [[], ["shop.example.com"], ["unknown"], ["a", "b"]]) {
    const response = ask({ target: "/.well-known/rhumb/health?x", hosts });
    assert.equal(response.status, 200);
    assert.equal(response.body, "ok\n");
  }
  assert.equal(ask({ target: "/.well-known/rhumb/health", draining: true }).status, 503);
  assert.equal(ask({ target: "/.well-known/rhumb/healthy" }).status, 307);
});

test("redirect() never lets a request write a header or choose the authority", () => {
  const context = createRedirectContext(snapshotOf(redirectPolicy(["192.0.2.0/24"])));
  const hostile = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.string({ maxLength: 20 }).map((text) => `/${text}`),
    fc.string({ maxLength: 20 }).map((text) => `http://shop.example.com${text}`),
  );
  const host = fc.oneof(
    fc.constantFrom("shop.example.com", "addr.example.com", "spread.example.com"),
    fc.string({ maxLength: 30 }),
  );
  let redirected = 0;
  fc.assert(
    fc.property(
      hostile,
      host,
      fc.option(fc.string(), { nil: undefined }),
      (target, name, forwardedFor) => {
        const response = redirect(context, { ...plain, target, hosts: [name], forwardedFor });
        for (const [, value] of response.headers) assert.match(value, /^[\x20-\x7e\x80-\xff]*$/);
        assert.ok(!response.body.includes(target) || target.length < 3 || /^[ -~]*$/.test(target));
        const location = header(response, "location");
        if (location === undefined) return;
        redirected++;
        const origin = /^https?:\/\/[^/]*\//.exec(location)?.[0];
        // The last is for who comes by IPv6, which a random X-Forwarded-For may say.
        const known = [
          "https://fra.origin.example.com/",
          "http://10.0.0.2:8443/",
          "http://[2001:db8::1]:8443/",
        ];
        assert.ok(
          known.includes(origin ?? "") || /^http:\/\/10\.0\.0\.[78]\/$/.test(origin ?? ""),
          location,
        );
        assert.ok(location.endsWith(target.slice(-5)) || target.startsWith("http"));
      },
    ),
    { numRuns: 5000 },
  );
  assert.ok(redirected > 500);
});

test("clientAddress() believes X-Forwarded-For of trusted proxies, from the right", () => {
  const trusted = readNetworks(["10.0.0.0/8", "2001:db8:f::/48", "127.0.0.1"]);
  const cases: readonly (readonly [string, string | undefined, string, boolean])[] = [
    ["192.0.2.1", "198.51.100.1", "192.0.2.1", false],
    ["10.0.0.1", "198.51.100.1", "198.51.100.1", true],
    ["10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1", true],
    ["10.0.0.1", "203.0.113.9, 198.51.100.1, 10.9.9.9", "198.51.100.1", true],
    ["10.0.0.1", "garbage, 198.51.100.1 ,10.9.9.9", "198.51.100.1", true],
    ["10.0.0.1", "198.51.100.1, garbage", "10.0.0.1", true],
    ["10.0.0.1", "198.51.100.1, , 10.0.0.2", "10.0.0.1", true],
    ["10.0.0.1", "010.0.0.2, 198.51.100.01", "10.0.0.1", true],
    ["10.0.0.1", "", "10.0.0.1", true],
    ["10.0.0.1", undefined, "10.0.0.1", true],
    ["10.0.0.1", "unknown", "10.0.0.1", true],
    ["10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", true],
    ["::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1", true],
    ["2001:db8:f::1", "2001:db8:1::5", "2001:db8:1::5", true],
    ["2001:db8:e::1", "198.51.100.1", "2001:db8:e::1", false],
    ["10.0.0.1", "198.51.100.1:4711", "198.51.100.1", true],
    ["10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7", true],
    ["10.0.0.1", "[2001:db8::7]", "2001:db8::7", true],
    ["10.0.0.1", "198.51.100.1\t", "198.51.100.1", true],
    ["10.0.0.1", "198.51.100.1, 2001:db8:f::1%eth0", "10.0.0.1", true],
    ["10.0.0.1", Array(65).fill("198.51.100.1").join(), "10.0.0.1", true],
    ["127.0.0.1", Array(64).fill("198.51.100.1").join(), "198.51.100.1", true],
    // 6to4 and NAT64 addresses that carry a trusted one are not it.
    ["2002:a00:1::", "198.51.100.1", "2002:a00:1::", false],
    ["64:ff9b::10.0.0.1", "198.51.100.1", "64:ff9b::10.0.0.1", false],
  ];
  for (const [peer, forwardedFor, expected, forwarded] of cases) {
    const found = clientAddress(trusted, { peer, forwardedFor });
    const wanted = clientAddress(readNetworks([]), {
      peer: expected,
      forwardedFor: undefined,
    }).address;
    assert.deepEqual(found.address, wanted, `${peer} ${forwardedFor}`);
    assert.equal(found.forwarded, forwarded);
  }
  assert.equal(clientAddress(trusted, { peer: "", forwardedFor: "192.0.2.1" }).address, undefined);
});

test("redirect() steers by the forwarded client, and says that the answer varies", () => {
  const regions = new Set<string>();
  for (let i = 0; i < 64; i++) {
    const response = ask(
      { hosts: ["spread.example.com"], peer: "127.0.0.1", forwardedFor: `203.0.${i}.9` },
      { trusted: ["127.0.0.0/8"] },
    );
    assert.equal(header(response, "vary"), "X-Forwarded-For");
    regions.add(header(response, "location") ?? "");
    const again = ask(
      { hosts: ["spread.example.com"], peer: `203.0.${i}.200`, draw: 99 },
      { trusted: ["127.0.0.0/8"] },
    );
    assert.equal(header(again, "location"), header(response, "location"), "the /24 is the key");
    assert.equal(header(again, "vary"), undefined);
  }
  assert.equal(regions.size, 2);
});

test("parseAuthority() and findHost() take what RFC 3986 and RFC 4592 allow", () => {
  assert.deepEqual(parseAuthority("[2001:DB8::1]:0443"), { host: "[2001:db8::1]", port: "443" });
  assert.deepEqual(parseAuthority("A.b.:"), { host: "a.b", port: "" });
  for (const text of ["", ".", ":80", "a:b", "a:1:2", "[::1", "::1", "a b", "a,b", "ä.example"]) {
    assert.equal(parseAuthority(text), undefined, text);
  }
  const { services, names } = redirectPolicy();
  const [service] = services;
  const index = indexHosts([
    { ...service!, names: ["*.example.com"] },
    { ...service!, names: ["b.example.com", "*.c.example.com"] },
  ]);
  const cases: readonly (readonly [string, number | undefined])[] = [
    ["a.example.com", 0],
    ["x.a.example.com", 0],
    ["example.com", undefined],
    ["b.example.com", 1],
    ["x.b.example.com", undefined],
    ["x.c.example.com", 1],
    ["c.example.com", 0],
    ["com", undefined],
  ];
  for (const [host, expected] of cases) assert.equal(findHost(index, names, host), expected, host);
});

test("findHost() goes by the zone where there is one, as DNS does", () => {
  const names = zonesFrom(`
    $ORIGIN example.com
    *.w STEERED 0
    b.a.w STEERED 0
    t.w TXT static
  `);
  const [service] = redirectPolicy().services;
  const index = indexHosts([{ ...service!, names: ["*.w.example.com", "b.a.w.example.com"] }]);
  const cases: readonly (readonly [string, number | undefined])[] = [
    ["zz.w.example.com", 0],
    ["b.a.w.example.com", 0],
    // Static records, what lies below them, and an empty non-terminal with what lies below it.
    ["t.w.example.com", undefined],
    ["q.t.w.example.com", undefined],
    ["a.w.example.com", undefined],
    ["z.a.w.example.com", undefined],
    ["w.example.com", undefined],
  ];
  for (const [host, expected] of cases) assert.equal(findHost(index, names, host), expected, host);
});
