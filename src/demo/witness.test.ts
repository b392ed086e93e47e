/** witness.ts: what a tour would call wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { accountsName, shopName } from "./layout.ts";
import { Witness } from "./witness.ts";

const shop = { name: shopName, subnet: "85.214.132.0/24" };
const answer = (...addresses: readonly string[]) => ({ ok: true, addresses }) as const;

test("hear() says what is wrong with empty, foreign and late answers, and counts them", () => {
  const witness = new Witness();
  assert.equal(witness.hear(shop, answer("127.10.1.1"), 1), undefined);
  assert.equal(
    witness.hear(shop, { ok: false, message: "an empty answer" }, 2),
    `${shopName} +subnet=85.214.132.0/24: an empty answer`,
  );
  assert.match(witness.hear(shop, answer("192.0.2.1"), 3) ?? "", /192\.0\.2\.1 is no address/);
  assert.equal(witness.problemCount, 2);
  assert.equal(witness.answers, 3);
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
