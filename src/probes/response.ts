/**
 * An incremental reader of one HTTP/1 response (RFC 9112) for a health check: it says whether the
 * status is among those expected and whether a text stands in the body, and it stops reading as
 * soon as it knows. Called with whatever bytes the socket had, in pieces of any size. Whatever the
 * origin sends, the reader keeps at most one line and limits.probeBodyBytesMax bytes of body, and
 * spends a bounded number of steps on each byte.
 */
import { limits } from "../limits.ts";
import type { FailureCode } from "../world/failures.ts";
import type { ProbeRequest } from "./probe.ts";

/** The body reads to its `length`, to the `close` of the connection, or by chunks. */
type State = "status" | "headers" | "length" | "close" | "chunk-size" | "chunk";

const lf = 10;
const cr = 13;
const httpPrefix = [0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e]; // HTTP/1.
/** Of each line, no more is kept: enough for a status line and the two headers that matter. */
const lineBytesKept = 256;
/** A chunk's size line with extensions; longer ones have no honest use. */
const chunkLineBytesMax = 1024;

export class ResponseReader {
  /** `none` until and unless something is wrong; read it once `feed` or `end` says it is over. */
  failure: FailureCode = "none";
  detail = "";
  status = 0;

  #state: State = "status";
  #done = false;
  #headBytes = 0;
  /** Of the lines between chunks, together. */
  #chunkBytes = 0;
  readonly #line = new Uint8Array(lineBytesKept);
  #lineLength = 0;
  #contentLength = -1;
  #transferEncoding = "";
  /** Bytes of the body, or of the chunk, still to come. */
  #left = 0;
  /** After a chunk's data comes its CRLF, read as an empty line. */
  #chunkEnd = false;
  #body: Buffer = empty;
  #bodyLength = 0;
  readonly #expectStatus: ProbeRequest["expectStatus"];
  readonly #expectBody: Buffer;

  constructor(request: Pick<ProbeRequest, "expectStatus" | "expectBody">) {
    this.#expectStatus = request.expectStatus;
    const expected = request.expectBody;
    this.#expectBody = Buffer.from(expected.buffer, expected.byteOffset, expected.byteLength);
  }

  /** Takes bytes; true once the outcome is known, after which further bytes are of no interest. */
  feed(bytes: Uint8Array): boolean {
    let at = 0;
    while (!this.#done && at < bytes.length) {
      if (this.#state === "length" || this.#state === "close" || this.#state === "chunk") {
        at += this.#takeBody(bytes, at);
      } else {
        this.#takeLineByte(bytes[at]!);
        at++;
      }
    }
    return this.#done;
  }

  /** The origin has sent all it will: decides what `feed` left open. */
  end(): void {
    if (this.#done) return;
    if (this.#state === "close") this.#bodyEnds();
    else this.#fail("http.closed", this.#state === "status" ? "before a status" : "in mid-answer");
  }

  #takeLineByte(byte: number): void {
    const head = this.#state === "status" || this.#state === "headers";
    if (head && ++this.#headBytes > limits.probeHeadBytesMax) {
      this.#fail("http.too-large", `head over ${limits.probeHeadBytesMax} bytes`);
      return;
    }
    if (!head && ++this.#chunkBytes > limits.probeChunkBytesMax) {
      this.#fail("http.too-large", `chunk lines over ${limits.probeChunkBytesMax} bytes`);
      return;
    }
    if (byte === lf) {
      const returns = this.#lineLength > 0 && this.#lineLength <= lineBytesKept;
      const cut = returns && this.#line[this.#lineLength - 1] === cr ? 1 : 0;
      const length = this.#lineLength - cut;
      this.#lineLength = 0;
      this.#takeLine(length);
      return;
    }
    if (this.#state === "status" && this.#lineLength < httpPrefix.length) {
      // Said at once, not at the end of a line that garbage may never have.
      if (byte !== httpPrefix[this.#lineLength]) {
        this.#fail("http.malformed", "not HTTP/1");
        return;
      }
    }
    if (this.#lineLength < lineBytesKept) this.#line[this.#lineLength] = byte;
    this.#lineLength++;
    if (!head && this.#lineLength > chunkLineBytesMax) this.#fail("http.malformed", "chunk line");
  }

  #takeLine(length: number): void {
    if (this.#state === "status") this.#takeStatus(this.#lineText(length));
    else if (this.#state === "chunk-size") this.#takeChunkSize(length);
    else if (length > 0) this.#takeHeader(length);
    else this.#headEnds();
  }

  #takeStatus(line: string): void {
    const match = /^HTTP\/1\.\d ([1-5]\d\d)(?: |$)/.exec(line);
    if (match === null) {
      this.#fail("http.malformed", "status line");
      return;
    }
    this.status = Number(match[1]);
    this.#state = "headers";
  }

  #takeHeader(length: number): void {
    const first = this.#line[0]!;
    // Obsolete line folding (RFC 9112 5.2): belongs to the header before, which we need not have.
    if (first === 0x20 || first === 0x09) return;
    const kept = Math.min(length, lineBytesKept);
    const colon = this.#line.subarray(0, kept).indexOf(0x3a);
    if (colon <= 0 && (colon === 0 || length <= lineBytesKept)) {
      this.#fail("http.malformed", "header line");
      return;
    }
    // "content-length" and "transfer-encoding" are the names of 14 and 17 letters.
    if (this.#expectBody.length === 0 || (colon !== 14 && colon !== 17)) return;
    const text = this.#lineText(kept);
    const name = text.slice(0, colon).toLowerCase();
    const value = text.slice(colon + 1).trim();
    if (name === "content-length") this.#takeContentLength(value);
    else if (name === "transfer-encoding") {
      this.#transferEncoding = `${this.#transferEncoding},${value.toLowerCase()}`.slice(-64);
    }
  }

  #takeContentLength(value: string): void {
    const length = /^\d{1,15}$/.test(value) ? Number(value) : -1;
    const differs = this.#contentLength >= 0 && this.#contentLength !== length;
    if (length < 0 || differs) {
      this.#fail("http.malformed", "content-length");
      return;
    }
    this.#contentLength = length;
  }

  #headEnds(): void {
    // Interim responses (RFC 9110 15.2); 101 answers an Upgrade we never ask for, so it is final.
    if (this.status < 200 && this.status !== 101) {
      this.#state = "status";
      this.#contentLength = -1;
      this.#transferEncoding = "";
      return;
    }
    const { status } = this;
    if (!this.#expectStatus.some(([low, high]) => status >= low && status <= high)) {
      this.#fail("http.status", String(status));
      return;
    }
    if (this.#expectBody.length === 0) {
      this.#succeed();
      return;
    }
    this.#bodyBegins();
  }

  /** How long the body is: RFC 9112 6.3. */
  #bodyBegins(): void {
    if (this.status === 101 || this.status === 204 || this.status === 304) {
      this.#bodyEnds();
      return;
    }
    if (this.#transferEncoding !== "") {
      this.#state = this.#transferEncoding.endsWith("chunked") ? "chunk-size" : "close";
    } else if (this.#contentLength < 0) this.#state = "close";
    else if (this.#contentLength === 0) this.#bodyEnds();
    else {
      this.#state = "length";
      this.#left = this.#contentLength;
    }
  }

  #takeChunkSize(length: number): void {
    if (this.#chunkEnd) {
      this.#chunkEnd = false;
      if (length !== 0) this.#fail("http.malformed", "chunk end");
      return;
    }
    const match = /^([0-9a-fA-F]{1,12})[ \t]*(?:;|$)/.exec(this.#lineText(length));
    if (match === null) {
      this.#fail("http.malformed", "chunk size");
      return;
    }
    this.#left = Number.parseInt(match[1] ?? "0", 16);
    if (this.#left === 0) this.#bodyEnds();
    else this.#state = "chunk";
  }

  /** Keeps body bytes and looks for the text where it may newly stand. Returns the bytes used. */
  #takeBody(bytes: Uint8Array, at: number): number {
    const bounded = this.#state !== "close";
    const used = bounded ? Math.min(this.#left, bytes.length - at) : bytes.length - at;
    const room = limits.probeBodyBytesMax - this.#bodyLength;
    this.#keep(bytes.subarray(at, at + Math.min(used, room)));
    if (this.#done) return used;
    if (this.#bodyLength === limits.probeBodyBytesMax) {
      this.#bodyEnds();
    } else if (bounded) {
      this.#left -= used;
      if (this.#left === 0) {
        if (this.#state === "length") this.#bodyEnds();
        this.#state = "chunk-size";
        this.#chunkEnd = true;
      }
    }
    return used;
  }

  #keep(bytes: Uint8Array): void {
    const before = this.#bodyLength;
    const length = before + bytes.length;
    if (length > this.#body.length) {
      const size = Math.min(limits.probeBodyBytesMax, Math.max(1024, length, before * 2));
      const larger = Buffer.allocUnsafe(size);
      this.#body.copy(larger, 0, 0, before);
      this.#body = larger;
    }
    this.#body.set(bytes, before);
    this.#bodyLength = length;
    const from = Math.max(0, before - this.#expectBody.length + 1);
    if (this.#body.subarray(from, length).includes(this.#expectBody)) this.#succeed();
  }

  #bodyEnds(): void {
    this.#fail("http.body", `not in the first ${this.#bodyLength} bytes`);
  }

  #succeed(): void {
    this.#done = true;
  }

  #fail(failure: FailureCode, detail: string): void {
    if (this.#done) return;
    this.#done = true;
    this.failure = failure;
    this.detail = detail;
  }

  #lineText(length: number): string {
    const kept = Math.min(length, lineBytesKept);
    return Buffer.from(this.#line.buffer, 0, kept).toString("latin1");
  }
}

const empty = Buffer.alloc(0);
