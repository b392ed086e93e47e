/** `TXT _why.NAME`: to whom, over what, and which lines. */
import assert from "node:assert/strict";
import test from "node:test";
import type { ServiceIndex } from "../../src/policy/policy.ts";
import {
  ask,
  extendedErrorOf,
  formatResponse,
  frontFor,
  snapshotOf,
  subnetOption,
  zonesFrom,
} from "../support/dns-front.ts";
import { policyOf, pool } from "../support/steer-fixture.ts";

const names = zonesFrom(`
  $ORIGIN example.com
  shop STEERED 0
  *.wild STEERED 0
  www A 192.0.2.1
`);
const friend = [4, 0xc000_0207] as const;
const stranger = [4, 0xc633_6401] as const;
const long = "x".repeat(600);

/** A front over one service with one endpoint that explains to 192.0.2.0/24 what it was asked. */
function explaining(explain: "yes" | "off" | "table only" = "yes") {
  const policy = policyOf([
    { pools: [{ region: "fra", weights: [1] }], classes: [{ plan: pool(0) }] },
  ]);
  const listen = { ...policy.listen, dnsExplain: explain === "off" ? [] : ["192.0.2.0/24"] };
  const front = frontFor(snapshotOf({ ...policy, names, listen }, []));
  const asked: [ServiceIndex, number, number][] = [];
  if (explain === "yes") {
    front.context.explainer = {
      explain(service, { words, length }) {
        asked.push([service, words[0]!, length]);
        return ["one line", "", long];
      },
    };
  }
  return { front, asked };
}

const why = {
  name: "_why.shop.example.com",
  type: "TXT",
  transport: "tcp",
  client: friend,
} as const;

test("answerWhy() gives a record a line over TCP, in order", () => {
  const { front, asked } = explaining();
  const message = ask(front, why);
  const strings = [["one line"], [""], [long.slice(0, 255), long.slice(255, 510), long.slice(510)]];
  assert.deepEqual(formatResponse(message), [
    "NOERROR aa rd",
    ...strings.map((each) => {
      const quoted = each.map((text) => JSON.stringify(text)).join(" ");
      return `an _why.shop.example.com. 0 TXT ${quoted}`;
    }),
  ]);
  assert.deepEqual(asked, [[0, 0xc000_0207, 32]]);
  assert.equal(ask(front, { ...why, name: "_WHY.a.wild.example.com" }).answers.length, 3);
});

test("answerWhy() explains to the client subnet, and says that it hangs on all of it", () => {
  const { front, asked } = explaining();
  const options = [subnetOption(1, 24, [203, 0, 113])];
  const message = ask(front, { ...why, edns: { options } });
  assert.deepEqual(asked, [[0, 0xcb00_7100, 24]]);
  assert.equal(message.additionals.length, 1);
});

test("answerWhy() sends TC over UDP, and where only a table is known", () => {
  const udp = formatResponse(ask(explaining().front, { ...why, transport: "udp" }));
  assert.deepEqual(udp, ["NOERROR aa tc rd"]);
  assert.deepEqual(formatResponse(ask(explaining("table only").front, why)), ["NOERROR aa tc rd"]);
});

test("answerWhy() refuses others, and says so", () => {
  const message = ask(explaining().front, { ...why, client: stranger, edns: {} });
  assert.deepEqual(formatResponse(message), ["REFUSED rd"]);
  assert.equal(extendedErrorOf(message), "18 not told to this address why");
});

test("answerWhy() leaves names alone that are not steered, and all when it is off", () => {
  const { front } = explaining();
  for (const name of ["_why.www.example.com", "_why.example.com", "_who.shop.example.com"]) {
    assert.equal(formatResponse(ask(front, { ...why, name }))[0], "NXDOMAIN aa rd", name);
  }
  assert.equal(formatResponse(ask(explaining("off").front, why))[0], "NXDOMAIN aa rd");
  const a = ask(front, { ...why, type: "A" });
  assert.deepEqual(formatResponse(a), ["NOERROR aa rd"]);
});
