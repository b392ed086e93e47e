/** Server cookies are those of RFC 9018 appendix A, and what is not ours or too old is unknown. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { parseAddress } from "../../lib/ip.ts";
import {
  cookieState,
  cookieStates,
  createCookies,
  setCookieSecrets,
  writeCookie,
} from "./cookies.ts";

function cookiesOf(...secrets: readonly string[]) {
  const cookies = createCookies();
  setCookieSecrets(
    cookies,
    "on",
    secrets.map((secret) => Uint8Array.fromHex(secret)),
  );
  const at = (address: string) => parseAddress(address)!;
  return {
    state(cookie: string, address: string, now: number): number {
      const { words, family } = at(address);
      const bytes = Uint8Array.fromHex(cookie);
      return cookieState(cookies, bytes, 0, bytes.length, words, 0, family, now);
    },
    write(cookie: string, address: string, now: number): string {
      const { words, family } = at(address);
      const out = new Uint8Array(24);
      const state = this.state(cookie, address, now);
      const bytes = Uint8Array.fromHex(cookie);
      writeCookie(cookies, out, 0, bytes, 0, state, words, 0, family, now);
      return out.toHex();
    },
  };
}

const secret = "e5e973e5a6b2a43f48e7dc849e37bfcf";
const client = "198.51.100.100";

test("writeCookie gives the server cookies of RFC 9018 appendix A", () => {
  const one = cookiesOf(secret);
  assert.equal(
    one.write("2464c4abcf10c957", client, 1_559_731_985),
    "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
  );
  assert.equal(
    one.write("2464c4abcf10c957010000005cf79f111f8130c3eee29480", client, 1_559_734_385),
    "2464c4abcf10c957010000005cf7a871d4a564a1442aca77",
  );
  assert.equal(
    one.write("fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", "203.0.113.203", 1_559_734_700),
    "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e",
  );
});

test("cookieState takes reserved octets as they came, and a cookie of the secret before", () => {
  const one = cookiesOf(secret);
  const reserved = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5";
  assert.equal(one.state(reserved, "203.0.113.203", 1_559_727_985), cookieStates.fresh);
  const rolled = cookiesOf("445536bcd2513298075a5d379663c962", "dd3bdf9344b678b185a6f5cb60fca715");
  const address = "2001:db8:220:1:59de:d0f4:8769:82b8";
  const old = "22681ab97d52c298010000005cf7c57926556bd0934c72f8";
  assert.equal(rolled.state(old, address, 1_559_741_961), cookieStates.stale);
  assert.equal(
    rolled.write(old, address, 1_559_741_961),
    "22681ab97d52c298010000005cf7c609a6bb79d16625507a",
  );
});

test("cookieState knows age, address and every bit", () => {
  const one = cookiesOf(secret);
  const made = 1_559_731_985;
  const cookie = one.write("2464c4abcf10c957", client, made);
  for (const [after, state] of [
    [-301, "unknown"],
    [-300, "fresh"],
    [1800, "fresh"],
    [1801, "stale"],
    [3600, "stale"],
    [3601, "unknown"],
  ] as const) {
    assert.equal(one.state(cookie, client, made + after), cookieStates[state], `${after} s`);
  }
  assert.equal(one.state(cookie, "198.51.100.101", made), cookieStates.unknown);
  const bit = fc.nat(24 * 8 - 1);
  fc.assert(
    fc.property(bit, (at) => {
      const bytes = Uint8Array.fromHex(cookie);
      bytes[at >> 3]! ^= 1 << (at & 7);
      assert.equal(one.state(bytes.toHex(), client, made), cookieStates.unknown);
    }),
  );
});
