/** What keeps answers from being used against others: cookies and response rate limiting. */
import assert from "node:assert/strict";
import test from "node:test";
import { answer } from "../../src/fronts/dns/answer.ts";
import { setSecrets } from "../../src/fronts/dns/context.ts";
import { createExchange, type Transport, transports } from "../../src/fronts/dns/exchange.ts";
import type { RateLimitSettings } from "../../src/fronts/dns/rate-limit.ts";
import { parseAddress } from "../../src/lib/ip.ts";
import { decodeMessage, decodeOptions, type Message } from "../../src/wire/dns-message.ts";
import { type Ask, frontFor, rcodeOf, requestOf, zonesFrom } from "../support/dns-front.ts";

const zones = zonesFrom(`
  $ORIGIN example.com
  www A 192.0.2.1
  *.wild A 192.0.2.2
  two A 192.0.2.3
  to CNAME ${"long.".repeat(40)}example.com.
`);
const now = 1_559_734_385;
const clientCookie = "2464c4abcf10c957";
const cookie = (hex: string) => ({ code: 10, data: Uint8Array.fromHex(hex) });

interface Guarded {
  readonly dnsCookies?: "off" | "on" | "required";
  readonly dnsRateLimit?: RateLimitSettings;
}

function guarded({ dnsCookies = "on", dnsRateLimit }: Guarded) {
  const { context } = frontFor(zones);
  const { policy } = context.snapshot;
  const snapshot = {
    ...context.snapshot,
    policy: { ...policy, listen: { ...policy.listen, dnsCookies, dnsRateLimit } },
  };
  context.snapshot = snapshot;
  setSecrets(context, [Uint8Array.fromHex("e5e973e5a6b2a43f48e7dc849e37bfcf")]);
  context.clock.set([0, now]);
  const send = (
    ask: Ask | Uint8Array,
    from = "198.51.100.100",
    transport: Transport = transports.udp,
  ): Message | undefined => {
    const exchange = createExchange(transport);
    const request = ask instanceof Uint8Array ? ask : requestOf(ask);
    exchange.request.set(request);
    exchange.requestLength = request.length;
    const { family, words } = parseAddress(from)!;
    exchange.client.set(words);
    exchange.clientFamily = family;
    const length = answer(context, exchange);
    if (length === 0) return undefined;
    const decoded = decodeMessage(exchange.response.subarray(0, length));
    assert.ok(decoded.ok, decoded.ok ? "" : decoded.message);
    return decoded.value;
  };
  return { context, send };
}

/** Octets of the response to a request over UDP. */
function sizeOf(request: Uint8Array): number {
  const { context } = guarded({});
  const exchange = createExchange(transports.udp);
  exchange.request.set(request);
  exchange.requestLength = request.length;
  return answer(context, exchange);
}

/** Hexadecimal data of an option of the response; undefined for none. */
function optionOf(message: Message | undefined, code: number): string | undefined {
  const opt = message?.additionals.find(({ type }) => type === 41);
  const options = opt === undefined ? undefined : decodeOptions(opt.rdata);
  return options?.find((option) => option.code === code)?.data.toHex();
}

const rcode = (message: Message | undefined): string =>
  message === undefined ? "silence" : rcodeOf(message);
const www: Ask = { name: "www.example.com" };
const withCookie = (hex: string): Ask => ({ ...www, edns: { options: [cookie(hex)] } });

test("answer() gives the server cookie of RFC 9018 and takes it again", () => {
  const { send } = guarded({});
  const first = send(withCookie(clientCookie));
  const given = `${clientCookie}010000005cf7a871d4a564a1442aca77`;
  assert.equal(optionOf(first, 10), given);
  assert.equal(first?.answers.length, 1);
  assert.equal(optionOf(send(withCookie(given)), 10), given);
  assert.equal(optionOf(send(www), 10), undefined);
  assert.equal(optionOf(send(withCookie(given), "198.51.100.100", transports.tcp), 10), given);
});

test("answer() calls a cookie of a wrong length FORMERR, and leaves it alone when off", () => {
  const { send } = guarded({});
  for (const length of [0, 7, 9, 15, 41]) {
    const ask = withCookie("00".repeat(length));
    assert.equal(rcode(send(ask)), "FORMERR", `${length} octets`);
  }
  for (const length of [8, 16, 40]) {
    assert.equal(rcode(send(withCookie("00".repeat(length)))), "NOERROR", `${length} octets`);
  }
  assert.equal(
    optionOf(guarded({ dnsCookies: "off" }).send(withCookie(clientCookie)), 10),
    undefined,
  );
});

test("answer() gives a cookie to who asks no question", () => {
  const { send } = guarded({});
  const request = Uint8Array.fromHex(
    `abcd0000000000000000000100002904d0000000000${"0"}0c000a0008${clientCookie}`,
  );
  const response = send(request);
  assert.equal(rcode(response), "NOERROR");
  assert.equal(response?.questions.length, 0);
  assert.ok(optionOf(response, 10)?.startsWith(clientCookie));
});

test("answer() with cookies required says BADCOOKIE over UDP to who has none yet", () => {
  const { send } = guarded({ dnsCookies: "required" });
  const bad = send(withCookie(clientCookie));
  assert.equal(rcode(bad), "BADCOOKIE");
  assert.equal(bad?.answers.length, 0);
  const given = optionOf(bad, 10);
  assert.ok(given);
  assert.equal(rcode(send(withCookie(given))), "NOERROR");
  assert.equal(rcode(send(withCookie(given), "198.51.100.101")), "BADCOOKIE");
  assert.equal(rcode(send(withCookie(clientCookie), "198.51.100.100", transports.tcp)), "NOERROR");
  assert.equal(rcode(send(www)), "NOERROR", "who knows no cookies is answered");
});

const rate: RateLimitSettings = {
  responsesPerSecond: 10,
  errorsPerSecond: 5,
  slip: 2,
  exempt: ["203.0.113.0/24", "2001:db8:1::/48"],
};

/** How many of `count` are sent whole, sent empty with TC, and not sent. */
function burst(count: number, send: () => Message | undefined): readonly [number, number, number] {
  let whole = 0;
  let empty = 0;
  for (let i = 0; i < count; i++) {
    const message = send();
    if (message === undefined) continue;
    if ((message.flags & 0x0200) === 0) whole++;
    else {
      empty++;
      assert.equal(message.answers.length + message.authorities.length, 0);
    }
  }
  return [whole, empty, count - whole - empty];
}

test("answer() limits like responses to one network, and slips every other", () => {
  const { context, send } = guarded({ dnsRateLimit: rate });
  assert.deepEqual(
    burst(30, () => send(www)),
    [10, 10, 10],
  );
  assert.deepEqual(
    burst(3, () => send(www, "198.51.100.7")),
    [0, 1, 2],
    "the same /24",
  );
  assert.deepEqual(
    burst(3, () => send(www, "198.51.101.100")),
    [3, 0, 0],
    "another",
  );
  assert.deepEqual(
    burst(3, () => send({ name: "two.example.com" })),
    [3, 0, 0],
    "another name",
  );
  context.clock[0] = 500_000;
  assert.deepEqual(burst(8, () => send(www))[0], 5, "half a second later");
  assert.deepEqual(
    burst(60, () => send(www, "203.0.113.9")),
    [60, 0, 0],
    "exempt",
  );
  assert.deepEqual(
    burst(60, () => send(www, "2001:db8:1::9")),
    [60, 0, 0],
    "exempt",
  );
  const six = burst(30, () => send(www, "2001:db8:2:300::1"));
  assert.equal(six[0], 10);
  assert.equal(burst(4, () => send(www, "2001:db8:2:3ff::2"))[0], 0, "the same /56");
});

test("answer() counts a wildcard's names, NXDOMAIN and errors as one", () => {
  let n = 0;
  const { send } = guarded({ dnsRateLimit: rate });
  const ask = (name: () => string) => burst(20, () => send({ name: name() }))[0];
  assert.equal(
    ask(() => `x${n++}.wild.example.com`),
    10,
  );
  assert.equal(
    ask(() => `x${n++}.example.com`),
    5,
  );
  assert.equal(
    ask(() => `x${n++}.example.org`),
    5,
  );
});

test("answer() does not limit TCP, nor who has a good cookie", () => {
  const { send } = guarded({ dnsRateLimit: rate });
  const given = optionOf(send(withCookie(clientCookie)), 10)!;
  assert.deepEqual(
    burst(50, () => send(withCookie(given))),
    [50, 0, 0],
  );
  assert.deepEqual(
    burst(50, () => send(www, "198.51.100.1", transports.tcp)),
    [50, 0, 0],
  );
});

test("answer() says how long it keeps a TCP client, over TCP only (RFC 7828)", () => {
  const { send } = guarded({});
  const ask: Ask = { ...www, edns: { options: [{ code: 11, data: new Uint8Array(0) }] } };
  assert.equal(optionOf(send(ask, "192.0.2.9", transports.tcp), 11), "0064");
  assert.equal(optionOf(send(ask), 11), undefined);
});

test("answer() sends at most three times as much as ANY or DNSKEY asked, without a cookie", () => {
  const { send } = guarded({});
  const names = ["www", "to", "none", "x.wild"].map((label) => `${label}.example.com`);
  const nsid = { code: 3, data: new Uint8Array(0) };
  for (const name of [...names, "example.com"]) {
    for (const type of ["ANY", "DNSKEY"]) {
      for (const ask of [
        { name, type },
        { name, type, edns: { options: [nsid] } },
      ]) {
        const request = requestOf(ask);
        const size = sizeOf(request);
        assert.ok(size <= 3 * request.length, `${name} ${type}: ${size} for ${request.length}`);
      }
    }
  }
  const any: Ask = { name: "to.example.com", type: "ANY" };
  assert.equal((send(any)!.flags & 0x0200) > 0, true, "a true client comes again");
  assert.equal(send(any, "192.0.2.1", transports.tcp)?.answers.length, 1);
  const given = optionOf(send(withCookie(clientCookie)), 10)!;
  assert.equal(send({ ...any, edns: { options: [cookie(given)] } })?.answers.length, 1);
});
