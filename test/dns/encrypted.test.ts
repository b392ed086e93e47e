/** DNS over TLS and over HTTPS on loopback sockets: asked by kdig, dig, curl, and bad company. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2, constants, type IncomingHttpHeaders } from "node:http2";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { createDnsServer, type DnsServer } from "../../src/fronts/dns/server.ts";
import { TlsIdentity } from "../../src/fronts/dns/tls-identity.ts";
import { systemEntropy } from "../../src/lib/entropy.ts";
import { createRegistry, type Registry } from "../../src/lib/telemetry.ts";
import { decodeMessage } from "../../src/wire/dns-message.ts";
import { makeCertificates } from "../probes/certificates.ts";
import {
  optOf,
  rcodeOf,
  requestOf,
  snapshotOf,
  unknownLeaves,
  zonesFrom,
} from "../support/dns-front.ts";
import { policyOf, pool } from "../support/steer-fixture.ts";
import { needs, run } from "../support/tools.ts";

const snapshot = snapshotOf(
  {
    ...policyOf([{ pools: [{ weights: [1] }], classes: [{ plan: pool(0) }] }]),
    ...unknownLeaves(),
    names: zonesFrom(`
      $ORIGIN example.com
      www A 192.0.2.1
      app STEERED 0
      ${Array.from({ length: 300 }, (_, i) => `huge A 198.51.${i >> 8}.${i & 255}`).join("\n")}
    `),
  },
  [],
);

const noOpenssl = needs("openssl", "openssl");
const noKdig = noOpenssl || needs("kdig", "knot-dnsutils");
const noDig = noOpenssl || needs("dig", "bind9-dnsutils");
const noCurl = noOpenssl || needs("curl", "curl");

let registry: Registry;
let server: DnsServer;
const identity = new TlsIdentity();
let certificates: ReturnType<typeof makeCertificates>;
let tlsPort = 0;
let httpsPort = 0;

before(async () => {
  if (noOpenssl !== false) return;
  certificates = makeCertificates();
  const { cert: certificate, key } = certificates.origin;
  identity.set({ certificate, key });
  registry = createRegistry();
  server = createDnsServer({
    snapshot,
    identity: { version: "Rhumb test", node: "node-1" },
    registry,
    entropy: systemEntropy(),
    tls: identity,
  });
  assert.deepEqual(await server.listen(["tls://127.0.0.1:0", "https://127.0.0.1:0"]), []);
  const [tls = "", https = ""] = server.listening();
  assert.match(tls, /^tls:\/\/127\.0\.0\.1:\d+$/);
  assert.match(https, /^https:\/\/127\.0\.0\.1:\d+$/);
  tlsPort = Number(tls.replace(/^.*:/, ""));
  httpsPort = Number(https.replace(/^.*:/, ""));
});

after(() => server?.stop());

const ask = (program: "dig" | "kdig", port: number, ...args: string[]) =>
  run(program, ["@127.0.0.1", "-p", String(port), "+time=5", ...args]);

test("server answers kdig over TLS and HTTPS, GET and POST", { skip: noKdig }, async () => {
  const name = ["+short", "www.example.com"];
  assert.equal(await ask("kdig", tlsPort, "+tls", ...name), "192.0.2.1\n");
  assert.equal(await ask("kdig", httpsPort, "+https", ...name), "192.0.2.1\n");
  assert.equal(await ask("kdig", httpsPort, "+https", "+https-get", ...name), "192.0.2.1\n");
  const several = ["+tls", "+keepopen", "+short", "www.example.com", "app.example.com"];
  assert.equal(await ask("kdig", tlsPort, ...several), "192.0.2.1\n10.0.0.0\n");
  assert.match(await ask("kdig", tlsPort, "+tls", "huge.example.com"), /ANSWER: 300/);
});

test("server pads what it answers to who pads", { skip: noKdig }, async () => {
  for (const how of [["+tls"], ["+https"]] as const) {
    const port = how[0] === "+tls" ? tlsPort : httpsPort;
    const padded = await ask("kdig", port, ...how, "+padding", "www.example.com");
    assert.match(padded, /Received 468 B/);
    const plain = await ask("kdig", port, ...how, "+nopadding", "www.example.com");
    assert.doesNotMatch(plain, /Received 468 B/);
  }
});

test("server answers dig over TLS and HTTPS", { skip: noDig }, async () => {
  assert.equal(await ask("dig", tlsPort, "+tls", "+short", "www.example.com"), "192.0.2.1\n");
  assert.equal(await ask("dig", httpsPort, "+https", "+short", "www.example.com"), "192.0.2.1\n");
  assert.match(await ask("dig", httpsPort, "+https", "no.example.com"), /status: NXDOMAIN/);
});

interface Reply {
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/** One request of HTTP/2. */
async function http(headers: Readonly<Record<string, string>>, body?: Uint8Array): Promise<Reply> {
  const session = connectHttp2(`https://127.0.0.1:${httpsPort}`, { ca: certificates.ca });
  try {
    const stream = session.request(headers);
    stream.on("error", () => undefined);
    const chunks: Buffer[] = [];
    let received: IncomingHttpHeaders = {};
    stream.on("response", (head) => {
      received = head;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.end(body);
    await once(stream, "close");
    return { headers: received, body: Buffer.concat(chunks) };
  } finally {
    session.destroy();
  }
}

const question = requestOf({ name: "www.example.com", edns: {} });
const encoded = Buffer.from(question).toString("base64url");
const post = {
  ":method": "POST",
  ":path": "/dns-query",
  "content-type": "application/dns-message",
};

test("server's HTTP says type, length and how long it may be kept", {
  skip: noOpenssl,
}, async () => {
  const get = await http({ ":method": "GET", ":path": `/dns-query?dns=${encoded}` });
  for (const { headers, body } of [get, await http(post, question)]) {
    assert.equal(headers[":status"], 200);
    assert.equal(headers["content-type"], "application/dns-message");
    assert.equal(headers["content-length"], String(body.length));
    assert.equal(headers["cache-control"], "private, max-age=60");
    const message = decodeMessage(body);
    assert.ok(message.ok);
    assert.equal(rcodeOf(message.value), "NOERROR");
    assert.equal(message.value.answers.length, 1);
    assert.equal(optOf(message.value)?.payload, 1232);
  }
  const missing = await http(post, requestOf({ name: "no.example.com" }));
  assert.equal(missing.headers["cache-control"], "private, max-age=30");
});

const statuses: readonly (readonly [string, Readonly<Record<string, string>>, Uint8Array?])[] = [
  ["404", { ":path": `/other?dns=${encoded}` }],
  ["405", { ":method": "PUT", ":path": "/dns-query" }],
  ["415", { ":method": "POST", ":path": "/dns-query", "content-type": "text/plain" }, question],
  ["400", { ":path": "/dns-query" }],
  ["400", { ":path": "/dns-query?dns=" }],
  ["400", { ":path": `/dns-query?dns=${encoded}==` }],
  ["400", { ":path": "/dns-query?dns=AAAA" }],
  ["400", post, Uint8Array.of()],
  ["400", post, new Uint8Array(40).fill(255)],
  ["413", post, new Uint8Array(70_000)],
];
for (const [status, headers, body] of statuses) {
  const what = `${headers[":method"] ?? "GET"} ${headers[":path"]?.slice(0, 24)}`;
  test(`server answers ${what} with ${status}`, { skip: noOpenssl }, async () => {
    const reply = await http(headers, body);
    assert.equal(reply.headers[":status"], Number(status));
    assert.equal(reply.body.length, 0);
  });
}

test("server is asked by curl as by a browser", { skip: noCurl }, async () => {
  const url = `https://127.0.0.1:${httpsPort}/dns-query?dns=${encoded}`;
  const said = await run("curl", [
    "-sk",
    "--http2",
    "-o",
    "/dev/null",
    "-w",
    "%{http_code} %{http_version}",
    url,
  ]);
  assert.equal(said, "200 2");
});

test("server shows a renewed certificate to who connects next", { skip: noOpenssl }, async () => {
  const shown = async (port: number, alpn: string): Promise<string> => {
    const socket = connectTls({
      port,
      host: "127.0.0.1",
      rejectUnauthorized: false,
      ALPNProtocols: [alpn],
    });
    await once(socket, "secureConnect");
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };
  const ports = [
    [tlsPort, "dot"],
    [httpsPort, "h2"],
  ] as const;
  const old = await Promise.all(ports.map(([port, alpn]) => shown(port, alpn)));
  assert.equal(old[0], old[1]);
  const { expired, origin } = certificates;
  identity.set({ certificate: expired.cert, key: expired.key });
  const renewed = await Promise.all(ports.map(([port, alpn]) => shown(port, alpn)));
  assert.equal(renewed[0], renewed[1]);
  assert.notEqual(renewed[0], old[0]);
  assert.throws(() => identity.set({ certificate: origin.cert, key: expired.key }), /mismatch/);
  assert.equal(await shown(tlsPort, "dot"), renewed[0], "a pair that is none changes nothing");
  identity.set({ certificate: origin.cert, key: origin.key });
});

test("server.stop() says goodbye to a connection of HTTP/2, and keeps none", {
  skip: noOpenssl,
}, async () => {
  const entropy = systemEntropy();
  const other = createDnsServer({
    snapshot,
    identity: { version: "Rhumb test", node: "node-1" },
    registry: createRegistry(),
    entropy,
    tls: identity,
  });
  assert.deepEqual(await other.listen(["https://127.0.0.1:0"]), []);
  const port = other.listening()[0]?.replace(/^.*:/, "");
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: certificates.ca });
  session.on("error", () => undefined);
  await once(session, "remoteSettings");
  const goodbye = once(session, "goaway");
  await Promise.all([other.stop(), goodbye]);
});

test("server lives through what is no TLS and no HTTP", { skip: noOpenssl }, async () => {
  for (const port of [tlsPort, httpsPort]) {
    for (const bytes of [
      "GET / HTTP/1.1\r\n\r\n",
      "\u0016\u0003\u0001\u0000\u0005hello",
      "\0".repeat(3000),
    ]) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.write(bytes, "latin1");
      socket.resume();
      await once(socket, "close");
    }
  }
  const session = connectHttp2(`https://127.0.0.1:${httpsPort}`, { ca: certificates.ca });
  session.on("error", () => undefined);
  for (let i = 0; i < 500; i++) {
    const stream = session.request({ ":path": `/dns-query?dns=${encoded}` });
    stream.on("error", () => undefined);
    stream.close(constants.NGHTTP2_CANCEL);
  }
  session.destroy();
  const reply = await http({ ":path": `/dns-query?dns=${encoded}` });
  assert.equal(reply.headers[":status"], 200);
});
