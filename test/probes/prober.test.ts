/** Probes over real sockets: each kind, each failure code, hostile origins, one result each. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { systemEntropy } from "../../src/lib/entropy.ts";
import type { Monitor } from "../../src/policy/policy.ts";
import type { Probe, ProbeResult } from "../../src/probes/probe.ts";
import { createProber } from "../../src/probes/prober.ts";
import { buildRequest } from "../../src/probes/request.ts";
import { httpMonitor } from "../../src/probes/testing.ts";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { closeOrigins, httpOrigin, pour, rawOrigin, tlsOrigin } from "./origins.ts";

const entropy = systemEntropy();
const v4 = { family: 4, bytes: Uint8Array.of(127, 0, 0, 1) } as const;
const loopback6 = new Uint8Array(16);
loopback6[15] = 1;
const v6 = { family: 6, bytes: loopback6 } as const;

let certificates: Certificates;
let trusting: Probe;
const plain = createProber({ entropy });

before(() => {
  certificates = makeCertificates();
  trusting = createProber({ entropy, ca: certificates.ca });
});
after(() => closeOrigins());

interface Asked {
  readonly address?: typeof v4 | typeof v6;
  readonly probe?: Probe;
}

/** Runs one probe to the end of its socket; fails on a second result or a second `closed`. */
async function ask(port: number, monitor: Partial<Monitor>, asked: Asked = {}) {
  const { address = v4, probe = plain } = asked;
  const request = buildRequest(
    { host: "", port },
    { monitor: httpMonitor({ timeoutMs: 2000, ...monitor }), address },
  );
  const results: ProbeResult[] = [];
  let closings = 0;
  const startedAt = entropy.monotonic();
  await new Promise<void>((resolve) => {
    probe(request, {
      result: (result) => results.push(result),
      closed: () => {
        closings++;
        resolve();
      },
    });
  });
  const elapsedMs = entropy.monotonic() - startedAt;
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(results.length, 1);
  assert.equal(closings, 1);
  const result = results[0];
  assert.ok(result !== undefined);
  return { ...result, elapsedMs };
}

const is = (result: ProbeResult, outcome: ProbeResult["outcome"], failure: string) =>
  assert.deepEqual([result.outcome, result.failure], [outcome, failure], result.detail);

test("probeTcp() is content with a connection, on IPv4 and IPv6", async () => {
  const four = await rawOrigin(() => {});
  is(await ask(four.port, { kind: "tcp" }), "ok", "none");
  const six = await rawOrigin(() => {}, "::1");
  is(await ask(six.port, { kind: "tcp" }, { address: v6 }), "ok", "none");
});

test("probeTcp() leaves no TIME_WAIT: the origin sees a reset", async () => {
  const seen = new Promise((resolve) => {
    void rawOrigin((socket) => {
      socket.on("error", (error) => resolve((error as NodeJS.ErrnoException).code));
      socket.on("end", () => resolve("end"));
      socket.resume();
    }).then((origin) => ask(origin.port, { kind: "tcp" }));
  });
  assert.equal(await seen, "ECONNRESET");
});

test("probeTcp() tells a closed port from one that never answers", async () => {
  const origin = await rawOrigin(() => {});
  origin.close();
  is(await ask(origin.port, { kind: "tcp" }), "failed", "connect.refused");
  const mute = await fullBacklog();
  try {
    const result = await ask(mute.port, { kind: "tcp", timeoutMs: 300 });
    is(result, "failed", "connect.timeout");
    assert.ok(result.elapsedMs < 1500);
  } finally {
    mute.child.kill("SIGKILL");
  }
});

test("a probe from an address that is not ours says nothing about the origin", async () => {
  const origin = await rawOrigin(() => {});
  is(await ask(origin.port, { kind: "tcp", sourceAddress: "192.0.2.77" }), "void", "none");
  is(await ask(origin.port, { kind: "http", sourceAddress: "nonsense" }), "void", "none");
  is(await ask(origin.port, { kind: "https", sourceAddress: "nonsense" }), "void", "none");
});

test("probeHttp() sends path, Host and source address, on IPv4 and IPv6", async () => {
  const seen: string[] = [];
  const answer = (request: {
    url?: string;
    headers: { host?: string };
    socket: { remoteAddress?: string };
  }) => `${request.url} ${request.headers.host} ${request.socket.remoteAddress}`;
  const four = await httpOrigin((request, response) => {
    seen.push(answer(request as never));
    response.end();
  });
  const monitor = { path: "/live?x=1", host: "shop.example", sourceAddress: "127.0.0.9" };
  is(await ask(four.port, monitor), "ok", "none");
  const six = await httpOrigin((request, response) => {
    seen.push(answer(request as never));
    response.end();
  }, "::1");
  is(await ask(six.port, { host: "shop.example" }, { address: v6 }), "ok", "none");
  assert.deepEqual(seen, ["/live?x=1 shop.example 127.0.0.9", "/healthz shop.example ::1"]);
});

test("probeHttp() judges status and body of a real server", async () => {
  const origin = await httpOrigin((request, response) => {
    const [, status = "200", mode = ""] = (request.url ?? "").split("/");
    response.statusCode = Number(status);
    if (mode === "chunks") {
      response.write("all is ");
      response.write("well");
    }
    response.end(mode === "length" ? "all is well" : undefined);
  });
  const at = (path: string, monitor: Partial<Monitor> = {}) =>
    ask(origin.port, { path, ...monitor });
  is(await at("/200"), "ok", "none");
  is(await at("/503"), "failed", "http.status");
  is(await at("/301"), "failed", "http.status");
  is(
    await at("/418", {
      expectStatus: [
        [200, 200],
        [400, 418],
      ],
    }),
    "ok",
    "none",
  );
  is(await at("/200/chunks", { expectBody: "is well" }), "ok", "none");
  is(await at("/200/length", { expectBody: "is well" }), "ok", "none");
  is(await at("/200/length", { expectBody: "is ill" }), "failed", "http.body");
});

const hostile: readonly (readonly [string, (socket: import("node:net").Socket) => void, string])[] =
  [
    ["silence", () => {}, "http.timeout"],
    ["a close", (socket) => socket.end(), "http.closed"],
    ["a reset", (socket) => socket.resetAndDestroy(), "http.closed"],
    ["garbage", (socket) => pour(socket, "\u0000\u0016junk"), "http.malformed"],
    [
      "endless headers",
      (socket) => pour(socket, `HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(9)}`),
      "http.malformed",
    ],
    [
      "endless header lines",
      (socket) => {
        socket.write("HTTP/1.1 200 OK\r\n");
        pour(socket, "a: b\r\n");
      },
      "http.too-large",
    ],
    [
      "one endless header",
      (socket) => {
        socket.write("HTTP/1.1 200 OK\r\na: ");
        pour(socket, "b".repeat(999));
      },
      "http.too-large",
    ],
    [
      "a storm of interim answers",
      (socket) => pour(socket, "HTTP/1.1 100 Continue\r\n\r\n"),
      "http.too-large",
    ],
    [
      "a drip of headers",
      (socket) => {
        socket.write("HTTP/1.1 200 OK\r\n");
        pour(socket, "a: b\r\n", 20);
      },
      "http.timeout",
    ],
    [
      "a drip of body",
      (socket) => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        pour(socket, "n", 20);
      },
      "http.timeout",
    ],
    [
      "an endless body",
      (socket) => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        pour(socket, "n".repeat(9999));
      },
      "http.body",
    ],
  ];
for (const [what, behave, failure] of hostile) {
  test(`probeHttp() answers ${what} with ${failure}, within its time-out`, async () => {
    const origin = await rawOrigin(behave);
    const result = await ask(origin.port, { timeoutMs: 400, expectBody: "yes" });
    // A reset can overtake the request.
    if (result.failure !== "connect.reset") is(result, "failed", failure);
    assert.ok(result.elapsedMs < 1500, `${result.elapsedMs} ms`);
  });
}

test("cancel() ends a probe without a result", async () => {
  const origin = await rawOrigin(() => {});
  const request = buildRequest(
    { host: "", port: origin.port },
    { monitor: httpMonitor(), address: v4 },
  );
  const results: ProbeResult[] = [];
  await new Promise<void>((resolve) => {
    const handle = plain(request, { result: (result) => results.push(result), closed: resolve });
    setTimeout(() => handle.cancel(), 30);
  });
  assert.deepEqual(results, []);
});

const secure = { kind: "https", host: "origin.test" } as const;
const sayOk = (socket: import("node:tls").TLSSocket) => {
  socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\n\r\nfine"));
};

test("probeHttps() verifies the certificate, by name and by address", async () => {
  const names: unknown[] = [];
  const origin = await tlsOrigin({ ...certificates.origin }, (socket) => {
    names.push(socket.servername);
    sayOk(socket);
  });
  const ca = { probe: trusting };
  is(await ask(origin.port, { ...secure, expectBody: "fine" }, ca), "ok", "none");
  is(await ask(origin.port, { kind: "https" }, ca), "ok", "none");
  is(await ask(origin.port, { ...secure, serverName: "other.test" }, ca), "failed", "tls.name");
  is(
    await ask(origin.port, { kind: "https", host: "x.test", serverName: "origin.test" }, ca),
    "ok",
    "none",
  );
  is(await ask(origin.port, secure), "failed", "tls.untrusted");
  is(await ask(origin.port, { ...secure, verifyTls: false }), "ok", "none");
  assert.deepEqual(names.slice(0, 2), ["origin.test", false]);
});

test("probeHttps() refuses a certificate that has expired", async () => {
  const origin = await tlsOrigin({ ...certificates.expired }, sayOk);
  is(await ask(origin.port, secure, { probe: trusting }), "failed", "tls.expired");
  is(await ask(origin.port, { ...secure, verifyTls: false }), "ok", "none");
});

test("probeHttps() survives origins that refuse the handshake, each way", async () => {
  // The first is the case that ends a process which then asks for the protocol's name.
  const old = await tlsOrigin(
    {
      ...certificates.origin,
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "ALL:@SECLEVEL=0",
    },
    sayOk,
  );
  is(await ask(old.port, secure, { probe: trusting }), "failed", "tls.failed");
  const web = await httpOrigin((_, response) => response.end());
  is(await ask(web.port, secure), "failed", "tls.failed");
  const closing = await rawOrigin((socket) => socket.once("data", () => socket.end()));
  is(await ask(closing.port, secure), "failed", "tls.failed");
  const resetting = await rawOrigin((socket) =>
    socket.once("data", () => socket.resetAndDestroy()),
  );
  is(await ask(resetting.port, secure), "failed", "tls.failed");
  const mute = await rawOrigin(() => {});
  is(await ask(mute.port, { ...secure, timeoutMs: 300 }), "failed", "tls.timeout");
});

test("probeHttps() tells silence and a close after the handshake", async () => {
  const mute = await tlsOrigin({ ...certificates.origin }, () => {});
  const ca = { probe: trusting };
  is(await ask(mute.port, { ...secure, timeoutMs: 300 }, ca), "failed", "http.timeout");
  const closing = await tlsOrigin({ ...certificates.origin }, (socket) => socket.end());
  is(await ask(closing.port, secure, ca), "failed", "http.closed");
});

/** A stopped process whose queue of connections is full: the next one gets no answer at all. */
async function fullBacklog(): Promise<{ port: number; child: ChildProcess }> {
  const script =
    "const s=require('net').createServer();" +
    "s.listen({port:0,host:'127.0.0.1',backlog:1},()=>console.log(s.address().port))";
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const port = Number(line.toString());
  child.kill("SIGSTOP");
  for (let i = 0; i < 8; i++) {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("error", () => {});
    child.once("exit", () => socket.destroy());
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  return { port, child };
}
