/** response.ts: the outcome of each kind of answer, in pieces of any size, within its bounds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { limits } from "../limits.ts";
import type { FailureCode } from "../world/failures.ts";
import { ResponseReader } from "./response.ts";

const body = (text: string, head = "") =>
  `HTTP/1.1 200 OK\r\n${head === "" ? "" : `${head}\r\n`}\r\n${text}`;
const interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
const chunked = (...chunks: string[]) =>
  body(
    [...chunks, ""]
      .map((chunk) => `${chunk.length.toString(16)};x=y\r\n${chunk}\r\n`)
      .join("")
      .replace(/$/, ""),
    "Transfer-Encoding: chunked",
  );

interface Case {
  readonly claim: string;
  readonly bytes: string;
  readonly want?: string;
  /** undefined: not decided by these bytes. */
  readonly fed: FailureCode | undefined;
  /** After the connection ends. */
  readonly ended?: FailureCode;
}

const cases: readonly Case[] = [
  { claim: "takes an expected status", bytes: body("hello"), fed: "none" },
  { claim: "takes bare line feeds", bytes: "HTTP/1.0 204 No\nA: b\n\n", fed: "none" },
  { claim: "takes a status without a phrase", bytes: "HTTP/1.1 200\r\n\r\n", fed: "none" },
  { claim: "takes folded headers", bytes: "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", fed: "none" },
  { claim: "skips interim answers", bytes: `${interim}${interim}${body("")}`, fed: "none" },
  { claim: "refuses another status", bytes: "HTTP/1.1 503 No\r\n\r\n", fed: "http.status" },
  {
    claim: "refuses a redirect",
    bytes: "HTTP/1.1 302 Go\r\nLocation: /\r\n\r\n",
    fed: "http.status",
  },
  { claim: "refuses an upgrade", bytes: "HTTP/1.1 101 Up\r\n\r\n", fed: "http.status" },
  { claim: "waits for the head's end", bytes: "HTTP/1.1 200 OK\r\nA: b\r\n", fed: undefined },
  { claim: "waits after an interim answer", bytes: interim, fed: undefined },
  { claim: "waits for a status", bytes: "", fed: undefined },
  { claim: "refuses garbage at its first byte", bytes: "SSH-2.0", fed: "http.malformed" },
  { claim: "refuses HTTP/2", bytes: "HTTP/2 200\r\n\r\n", fed: "http.malformed" },
  { claim: "refuses a status out of range", bytes: "HTTP/1.1 999 x\r\n", fed: "http.malformed" },
  { claim: "refuses a status of four digits", bytes: "HTTP/1.1 2000\r\n", fed: "http.malformed" },
  {
    claim: "refuses a nameless header",
    bytes: "HTTP/1.1 200 OK\r\n: b\r\n",
    fed: "http.malformed",
  },
  {
    claim: "refuses a line without colon",
    bytes: "HTTP/1.1 200 OK\r\nab\r\n",
    fed: "http.malformed",
  },
  {
    claim: "refuses an endless head",
    bytes: `HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(6000)}`,
    fed: "http.too-large",
  },
  {
    claim: "refuses an endless line",
    bytes: `HTTP/1.1 200 ${"k".repeat(40_000)}`,
    fed: "http.too-large",
  },
  {
    claim: "refuses a storm of interim answers",
    bytes: interim.repeat(1000),
    fed: "http.too-large",
  },
  {
    claim: "finds text to a length",
    want: "yes",
    bytes: body("oh yes", "Content-Length: 6"),
    fed: "none",
  },
  {
    claim: "finds text as soon as it is there",
    want: "yes",
    bytes: body("yes", "content-length:99"),
    fed: "none",
  },
  {
    claim: "misses text past the length",
    want: "yes",
    bytes: body("oh yes", "Content-Length: 4"),
    fed: "http.body",
  },
  {
    claim: "misses text in nothing",
    want: "yes",
    bytes: body("", "Content-Length: 0"),
    fed: "http.body",
  },
  { claim: "misses text in a 204", want: "x", bytes: "HTTP/1.1 204 No\r\n\r\nx", fed: "http.body" },
  {
    claim: "reads to the close",
    want: "yes",
    bytes: body("no"),
    fed: undefined,
    ended: "http.body",
  },
  { claim: "finds text before the close", want: "yes", bytes: body("no yes"), fed: "none" },
  {
    claim: "finds text across chunks",
    want: "hello",
    bytes: chunked("he", "ll", "o!"),
    fed: "none",
  },
  { claim: "does not find chunk sizes", want: "2;x", bytes: chunked("he", "ll"), fed: "http.body" },
  {
    claim: "prefers chunks to a length",
    want: "ab",
    bytes: body(
      "1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
      "Content-Length: 1\r\nTransfer-Encoding: gzip, chunked",
    ),
    fed: "none",
  },
  {
    claim: "reads another coding to the close",
    want: "zz",
    bytes: body("zz", "Transfer-Encoding: gzip"),
    fed: "none",
  },
  {
    claim: "refuses a bad chunk size",
    want: "x",
    bytes: body("xyz\r\n", "Transfer-Encoding: chunked"),
    fed: "http.malformed",
  },
  {
    claim: "refuses a chunk without its end",
    want: "x",
    bytes: body("1\r\nabc\r\n", "Transfer-Encoding: chunked"),
    fed: "http.malformed",
  },
  {
    claim: "refuses an endless chunk line",
    want: "x",
    bytes: body(`1;${"e".repeat(3000)}`, "Transfer-Encoding: chunked"),
    fed: "http.malformed",
  },
  {
    claim: "refuses a length that is none",
    want: "x",
    bytes: body("x", "Content-Length: -1"),
    fed: "http.malformed",
  },
  {
    claim: "refuses two lengths",
    want: "x",
    bytes: body("x", "Content-Length: 1\r\nContent-Length: 2"),
    fed: "http.malformed",
  },
  {
    claim: "takes the same length twice",
    want: "x",
    bytes: body("x", "Content-Length: 1\r\nContent-Length: 1"),
    fed: "none",
  },
  {
    claim: "forgets an interim answer's length",
    want: "x",
    bytes: `HTTP/1.1 103 E\r\nContent-Length: 7\r\n\r\n${body("x", "Content-Length: 1")}`,
    fed: "none",
  },
  {
    claim: "stops at the body limit",
    want: "yes",
    bytes: body(`${"n".repeat(limits.probeBodyBytesMax)}yes`),
    fed: "http.body",
  },
  {
    claim: "finds text that ends at the body limit",
    want: "yes",
    bytes: body(`${"n".repeat(limits.probeBodyBytesMax - 3)}yes`),
    fed: "none",
  },
  {
    claim: "calls a cut head closed",
    bytes: "HTTP/1.1 200 OK\r\n",
    fed: undefined,
    ended: "http.closed",
  },
  {
    claim: "calls a cut body closed",
    want: "x",
    bytes: body("y", "Content-Length: 9"),
    fed: undefined,
    ended: "http.closed",
  },
  {
    claim: "calls a cut chunk closed",
    want: "x",
    bytes: body("9\r\ny", "Transfer-Encoding: chunked"),
    fed: undefined,
    ended: "http.closed",
  },
];

function readAll(pieces: readonly Uint8Array[], want: string) {
  const reader = new ResponseReader({ expectStatus: [[200, 299]], expectBody: Buffer.from(want) });
  const done = pieces.some((piece) => reader.feed(piece));
  const fed = done ? reader.failure : undefined;
  reader.end();
  return { fed, ended: reader.failure };
}

for (const { claim, bytes, want = "", fed, ended } of cases) {
  test(`ResponseReader ${claim}`, () => {
    const outcome = readAll([Buffer.from(bytes, "latin1")], want);
    assert.equal(outcome.fed, fed);
    assert.equal(outcome.ended, ended ?? fed ?? "http.closed");
  });
}

test("ResponseReader says the same however the bytes are cut", () => {
  const short = cases.filter((each) => each.bytes.length < 2000);
  fc.assert(
    fc.property(fc.constantFrom(...short), fc.array(fc.nat(2000)), ({ bytes, want = "" }, cuts) => {
      const whole = Buffer.from(bytes, "latin1");
      const at = [0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length];
      at.sort((a, b) => a - b);
      const pieces = at.slice(1).map((end, index) => whole.subarray(at[index], end));
      assert.deepEqual(readAll(pieces, want), readAll([whole], want));
    }),
    { numRuns: 500 },
  );
});

test("ResponseReader ends on any bytes within its bounds, and never throws", () => {
  const most = limits.probeHeadBytesMax + 8 * limits.probeBodyBytesMax;
  const piece = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 64 }),
    fc.constantFrom(
      ...[
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 103 \r\n",
        "A: b\r\n",
        "\r\n",
        "1\r\na\r\n",
        "0\r\n",
      ].map((line) => Buffer.from(line)),
      Buffer.from("Transfer-Encoding: chunked\r\n"),
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 12 }), fc.boolean(), (pieces, want) => {
      const reader = new ResponseReader({
        expectStatus: [[200, 299]],
        expectBody: Buffer.from(want ? "never" : ""),
      });
      let bytes = 0;
      let done = false;
      for (const each of pieces) done ||= reader.feed(each);
      const tail = pieces.at(-1) ?? Buffer.from("x");
      while (!done && bytes < most) {
        done = reader.feed(tail);
        bytes += tail.length;
      }
      // A content length may be long, but the body limit comes first.
      assert.ok(done, `still undecided after ${bytes} bytes`);
    }),
    { numRuns: 60 },
  );
});
