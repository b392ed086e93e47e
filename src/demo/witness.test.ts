/** witness.ts: what a tour would call wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { accountsName, shopName } from "./layout.ts";
import { Witness } from "./witness.ts";

const shop = { name: shopName, subnet: "85.214.132.0/24" };
const answer = (...addresses: readonly string[]) => ({ ok: true, addresses }) as const;

test("hear() counts empty, foreign and late answers as problems, and keeps a few", () => {
  const witness = new Witness();
  witness.hear(shop, answer("127.10.1.1"), 1);
  assert.equal(witness.problemCount, 0);
  witness.hear(shop, { ok: false, message: "an empty answer" }, 2);
  witness.hear(shop, answer("192.0.2.1"), 3);
  assert.deepEqual(witness.problems, [
    `${shopName} +subnet=85.214.132.0/24: an empty answer`,
    `${shopName} +subnet=85.214.132.0/24: 192.0.2.1 is no address of the service`,
  ]);
  for (let i = 0; i < 100; i++) witness.hear(shop, answer("192.0.2.1"), 4);
  assert.equal(witness.problemCount, 102);
  assert.equal(witness.problems.length, 5);
});

test("hear() calls an answer outside the residency set a problem", () => {
  const witness = new Witness();
  const accounts = { name: accountsName, subnet: shop.subnet };
  witness.hear(accounts, answer("127.10.1.1"), 1);
  witness.hear(accounts, answer("127.10.2.1"), 2);
  assert.equal(witness.problemCount, 1);
});

test("named() tells when a region was named since the mark", () => {
  const witness = new Witness();
  witness.hear(shop, answer("127.10.1.1"), 10);
  witness.mark();
  assert.equal(witness.named(shop, "eu"), undefined);
  witness.hear(shop, answer("127.10.1.1"), 20);
  witness.hear(shop, answer("127.10.1.2"), 30);
  witness.hear(shop, answer("127.10.2.2"), 40);
  assert.deepEqual(witness.named(shop, "eu"), { firstMs: 20, lastMs: 30, count: 2 });
  assert.deepEqual(witness.named(shop, "us"), { firstMs: 40, lastMs: 40, count: 1 });
});
