/** Over real sockets: curl, and bytes written by hand. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { redirectPolicy, snapshotOf } from "../../../test/support/redirect-fixture.ts";
import { systemEntropy } from "../../lib/entropy.ts";
import { createRegistry, type Registry } from "../../lib/telemetry.ts";
import { limits } from "../../limits.ts";
import { createRedirectServer, type RedirectServer } from "./server.ts";

const run = promisify(execFile);

interface Running {
  readonly server: RedirectServer;
  readonly registry: Registry;
  readonly port: number;
}

async function start(t: TestContext, address = "127.0.0.1:0"): Promise<Running> {
  const registry = createRegistry();
  const server = createRedirectServer({
    snapshot: snapshotOf(redirectPolicy(["127.0.0.0/8", "::1"])),
    registry,
    entropy: systemEntropy(),
  });
  assert.deepEqual(await server.listen([address]), []);
  t.after(() => server.stop());
  return { server, registry, port: Number(/\d+$/.exec(server.listening()[0] ?? "")?.[0]) };
}

/** Needs curl; CI has it, and says so when it does not. */
async function curl(...args: readonly string[]): Promise<string> {
  try {
    return (await run("curl", ["-s", "-S", "--max-time", "10", ...args])).stdout;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      throw new Error("curl is missing: apt-get install curl");
    }
    throw error;
  }
}

/** Writes bytes, closes the writing side, and reads to the end. */
async function exchange(port: number, text: string, open = false): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "connect");
  if (open) socket.write(Buffer.from(text, "latin1"));
  else socket.end(Buffer.from(text, "latin1"));
  await once(socket, "close");
  return Buffer.concat(chunks).toString("latin1");
}

const statuses = (text: string): string[] =>
  text.match(/^HTTP\/1\.1 \d+/gm)?.map((line) => line.slice(9)) ?? [];

function counted(registry: Registry, outcome: string): number {
  const family = registry.dump().find(({ name }) => name === "rhumb_redirect_requests_total");
  const row = family?.rows.findIndex(([value]) => value === outcome) ?? -1;
  return family?.values[row] ?? 0;
}

test("the server answers curl: GET, HEAD, POST, IPv6, forwarded clients", async (t) => {
  const { port, server, registry } = await start(t);
  const url = `http://127.0.0.1:${port}/cart?id=7`;
  const shop = ["-H", "Host: shop.example.com"];
  const got = await curl("-i", ...shop, url);
  assert.match(got, /^HTTP\/1\.1 307 /);
  assert.match(got, /^location: https:\/\/fra\.origin\.example\.com\/cart\?id=7\r$/m);
  assert.match(got, /^rhumb-decision: region=fra; .*reason=.*tier\.preferred\r$/m);
  assert.match(got, /307: served by region fra\n$/);
  const head = await curl("-I", ...shop, url);
  assert.match(head, /^HTTP\/1\.1 307 /);
  assert.match(head, /\r\n\r\n$/, "no body");
  const format = "%{http_code} %{redirect_url} %{size_upload}";
  const post = await curl("-o", "-", "-w", format, ...shop, "-d", "a=1", url);
  assert.match(post, /307 https:\/\/fra\.origin\.example\.com\/cart\?id=7/);
  const forwarded = ["-H", "Host: spread.example.com", "-H", "X-Forwarded-For: 203.0.113.9"];
  assert.match(await curl("-i", ...forwarded, url), /^vary: X-Forwarded-For\r$/m);
  assert.match(await curl("-i", "-H", "Host: no.such", url), /^HTTP\/1\.1 404 /);
  assert.match(await curl(`http://127.0.0.1:${port}/.well-known/rhumb/health`), /^ok$/m);
  assert.equal(counted(registry, "redirect"), 4);
  assert.equal(counted(registry, "health"), 1);
  assert.deepEqual(await server.listen(["[::1]:0"]), []);
  const six = server.listening()[0]!;
  assert.match(six, /^\[::1\]:\d+$/);
  assert.match(await curl("-i", ...shop, `http://${six}/`), /^HTTP\/1\.1 307 /);
});

test("the server answers a long body without reading it, so that the answer arrives", async (t) => {
  const { port } = await start(t);
  const url = `http://127.0.0.1:${port}/up`;
  const shop = ["-H", "Host: shop.example.com", "-o", "/dev/null", "-w", "%{http_code}"];
  const body = "x".repeat(900_000);
  const sending = ["-X", "POST", "-H", "Expect:", "--data-binary", "@-"];
  for (const extra of [[], ["-H", "Transfer-Encoding: chunked"]]) {
    const child = execFile("curl", ["-s", "-S", ...shop, ...sending, ...extra, url]);
    let text = "";
    child.stdout?.on("data", (chunk: string) => (text += chunk));
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(body);
    await once(child, "close");
    assert.equal(text, "307");
  }
  const expecting = await exchange(
    port,
    "PUT / HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n",
  );
  assert.deepEqual(statuses(expecting), ["307"], "no 100: the body is not wanted");
  const odd = await exchange(
    port,
    "PUT / HTTP/1.1\r\nHost: shop.example.com\r\nExpect: a-miracle\r\nContent-Length: 3\r\n\r\nabc",
  );
  assert.deepEqual(statuses(odd), ["307"]);
});

test("the server lets a client send on after the answer, within bounds, and then ends", async (t) => {
  const { port } = await start(t);
  for (const [bytes, fine] of [
    [limits.redirectDiscardBytesMax / 2, true],
    [limits.redirectDiscardBytesMax * 8, false],
  ] as const) {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const errors: unknown[] = [];
    socket.on("error", (error) => errors.push(error));
    socket.write(`PUT / HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: ${bytes}\r\n\r\n`);
    assert.match(String(await once(socket, "data")), /^HTTP\/1\.1 307 /);
    await once(socket, "end");
    for (let sent = 0; sent < bytes && !socket.destroyed; sent += 65_536) {
      await new Promise<unknown>((resolve) => socket.write("x".repeat(65_536), resolve));
    }
    socket.end();
    while (!socket.closed) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(errors.length === 0, fine, String(errors));
  }
});

test("the server takes nothing after a body for a request", async (t) => {
  const { port } = await start(t);
  const inner = "GET /smuggled HTTP/1.1\r\nHost: shop.example.com\r\n\r\n";
  for (const head of [
    `POST / HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: ${inner.length}\r\n\r\n`,
    "POST / HTTP/1.1\r\nHost: shop.example.com\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ]) {
    const text = await exchange(port, head + inner + inner);
    assert.equal(statuses(text).length, 1, text);
    assert.ok(!text.includes("/smuggled"));
  }
});

test("the server answers a request once, whatever is wrong with its body", async (t) => {
  const { port } = await start(t);
  const long = "x".repeat(50_000);
  for (const rest of [
    "Transfer-Encoding: xchunked\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    `Transfer-Encoding: chunked\r\n\r\n1;${long}\r\n`,
    "Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
  ]) {
    const text = await exchange(port, `POST / HTTP/1.1\r\nHost: shop.example.com\r\n${rest}`);
    assert.equal(text.match(/HTTP\/1\.1 /g)?.length, 1, rest.slice(0, 40));
  }
});

test("the server answers pipelined requests in order and keeps the connection", async (t) => {
  const { port } = await start(t);
  const request = (path: string): string =>
    `GET ${path} HTTP/1.1\r\nHost: shop.example.com\r\n\r\n`;
  const text = await exchange(port, ["/a", "/b", "/c"].map(request).join(""));
  assert.deepEqual(
    text.match(/^location: .*$/gm)?.map((line) => line.trim().slice(-2)),
    ["/a", "/b", "/c"],
  );
});

test("the server answers odd requests with a status and never with another's header", async (t) => {
  const { port, registry } = await start(t);
  const cases: readonly (readonly [string, string])[] = [
    ["GET / HTTP/1.1\r\n\r\n", "400"],
    ["GET / HTTP/1.1\r\nHost: a\r\nHost: shop.example.com\r\n\r\n", "400"],
    ["GET /.well-known/rhumb/health HTTP/1.0\r\n\r\n", "200"],
    ["GET http://shop.example.com/x HTTP/1.1\r\nHost: other\r\n\r\n", "307"],
    ["GET http://shop.example.com/x HTTP/1.0\r\n\r\n", "307"],
    ["CONNECT shop.example.com:443 HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", "405"],
    ["CONNECT /x HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", "405"],
    ["GET /caf\xe9 HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", "400"],
    ["TRACE / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", "405"],
    ["OPTIONS * HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", "400"],
    ["BREW / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", "400"],
    ["GET / HTTP/1.1\nHost: shop.example.com\n\n", "400"],
    ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400"],
    ["GET / HTTP/1.1\r\nHost: shop.example.com\r\nA : b\r\n\r\n", "400"],
    [`GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: shop.example.com\r\n\r\n`, "431"],
    [`GET / HTTP/1.1\r\nHost: shop.example.com\r\nA: ${"x".repeat(20_000)}\r\n\r\n`, "431"],
    ["POST / HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: x\r\n\r\n", "400"],
    ["GET / HTTP/2.0\r\nHost: shop.example.com\r\n\r\n", "505"],
    ["GET / HTTP/0.9\r\nHost: shop.example.com\r\n\r\n", "505"],
    ["CONNECT a:1 HTTP/2.0\r\nHost: a\r\n\r\n", "505"],
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"],
    ["GET /\r\n", "400"],
    [`GET / HTTP/1.1\r\nHost: shop.example.com\r\n${"A: b\r\n".repeat(99)}\r\n`, "307"],
    [`GET / HTTP/1.1\r\nHost: shop.example.com\r\n${"A: b\r\n".repeat(100)}\r\n`, "431"],
    [`GET / HTTP/1.1\r\n${"A: b\r\n".repeat(3000)}Host: shop.example.com\r\n\r\n`, "431"],
    ["GET / HTTP/1.1\r\nHost: user@shop.example.com\r\n\r\n", "400"],
    ["GET / HTTP/1.1\r\nHost: shop.example.com:99999\r\n\r\n", "400"],
    ["GET / HTTP/1.1\r\nHost: shop.example.com\0.evil\r\n\r\n", "400"],
    ["GET //evil.example/ HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", "307"],
    ["GET /a\tb HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", "400"],
    [
      "POST / HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 3\r\n" +
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "400",
    ],
    [
      "GET / HTTP/1.1\r\nHost: shop.example.com\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
      "307",
    ],
  ];
  for (const [text, status] of cases) {
    const answered = await exchange(port, text);
    assert.deepEqual(statuses(answered), [status], `${text.slice(0, 60)} -> ${answered}`);
  }
  assert.ok(counted(registry, "malformed") >= 5);
});

test("the server bounds the connections of one client that is no proxy", async (t) => {
  const { port, server, registry } = await start(t);
  server.setSnapshot(snapshotOf(redirectPolicy([])));
  const sockets: Socket[] = [];
  const closed = new Set<Socket>();
  for (let i = 0; i < limits.redirectConnectionsPerClientMax + 5; i++) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.on("close", () => closed.add(socket));
    sockets.push(socket);
    await once(socket, "connect");
  }
  while (closed.size < 5) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(counted(registry, "too-many"), 5);
  const first = sockets[0]!;
  first.write("GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n");
  assert.match(String(await once(first, "data")), /^HTTP\/1\.1 307 /, "those within it are served");
  for (const socket of sockets) socket.destroy();
});

test("listen() tells which addresses are taken, and serves the others", async (t) => {
  const { port, server } = await start(t);
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  t.after(() => other.close());
  const taken = `127.0.0.1:${(other.address() as { port: number }).port}`;
  const problems = await server.listen([`127.0.0.1:0`, taken, "203.0.113.77:80"]);
  assert.deepEqual(
    problems.map(({ code, path }) => [code, path]),
    [
      ["listen.in-use", "listen.redirect"],
      ["listen.refused", "listen.redirect"],
    ],
  );
  assert.match(problems[0]!.message, new RegExp(taken));
  assert.deepEqual(server.listening(), [`127.0.0.1:${port}`], "what was held still is");
  assert.deepEqual(await server.listen([]), []);
  await assert.rejects(exchange(port, "GET / HTTP/1.1\r\n\r\n"), /ECONNREFUSED/);
});

test("setSnapshot() takes effect between two requests of one connection", async (t) => {
  const { port, server } = await start(t);
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  const ask = async (): Promise<string> => {
    socket.write("GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n");
    return String((await once(socket, "data"))[0]);
  };
  assert.match(await ask(), /region=fra/);
  server.setSnapshot(snapshotOf(redirectPolicy(), ["down", "up"]));
  assert.match(await ask(), /region=iad/);
  socket.destroy();
});

test("stop() closes idle connections at once and lets what was begun finish", async (t) => {
  const { port, server } = await start(t);
  const idle = connect(port, "127.0.0.1");
  const begun = connect(port, "127.0.0.1");
  await Promise.all([once(idle, "connect"), once(begun, "connect")]);
  idle.write("GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n");
  await once(idle, "data");
  begun.write("GET / HTTP/1.1\r\nHost: shop.exam");
  // Until the server has read it: an answered request on another connection says so.
  await exchange(port, "GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n");
  const stopped = server.stop();
  await once(idle, "close");
  begun.write("ple.com\r\n\r\n");
  const [answer] = (await once(begun, "data")) as [Buffer];
  assert.match(String(answer), /^HTTP\/1\.1 307 /);
  assert.match(String(answer), /^connection: close\r$/im);
  await Promise.all([once(begun, "close"), stopped]);
  await assert.rejects(exchange(port, ""), /ECONNREFUSED/);
});
