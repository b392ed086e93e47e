/**
 * The words of `listen`: where the fronts listen, and what keeps them from being used against
 * others. Part of schema.ts.
 */
import { z } from "zod";
import { limits } from "../limits.ts";
import { later } from "./later.ts";
import { anyNumberOf, cidrOrAddress, duration, object, socketAddress } from "./values.ts";

const perSecond = z.int().min(1).max(1_000_000);
const rateLimitSchema = object({
  responsesPerSecond: perSecond
    .default(500)
    .describe("Answers with one owner, to one network (/24, /56)."),
  errorsPerSecond: perSecond
    .default(100)
    .describe("Negative answers of one zone, and errors, to one network."),
  slip: z
    .int()
    .min(0)
    .max(10)
    .default(2)
    .describe("Every so manieth limited response is sent empty with TC; 0: all are dropped."),
  exempt: z
    .array(cidrOrAddress)
    .max(limits.dnsRateLimitExemptMax)
    .prefault(["127.0.0.0/8", "::1"])
    .describe("Networks that are never limited."),
});

const tcpSchema = object({
  clients: z
    .int()
    .min(1)
    .max(limits.dnsTcpConnectionsMax)
    .default(limits.dnsTcpConnections)
    .describe("Connections at once, or what the bound on open files leaves if that is less."),
  clientsPerAddress: z
    .int()
    .min(1)
    .max(limits.dnsTcpConnectionsMax)
    .default(limits.dnsTcpConnectionsPerClient)
    .describe("Of those, of one address (one /64 of IPv6)."),
  idle: duration({ min: "1s", max: "10m" })
    .prefault("10s")
    .describe("A connection on which nothing moves for so long is ended."),
});

const absolutePath = z
  .string()
  .regex(/^\/./, "expected an absolute path such as /etc/rhumb/tls/fullchain.pem");

export const listenSchema = object({
  dns: anyNumberOf(socketAddress)
    .prefault(["127.0.0.1:5300"])
    .describe("Addresses for DNS, UDP and TCP."),
  dnsWorkers: z
    .union([z.literal("auto"), z.int().min(0).max(limits.dnsWorkersMax)])
    .default("auto")
    .describe(
      "Threads that answer DNS over UDP, from the next start on. `auto`: one a core; 0: node:dgram.",
    ),
  dnsGatherMicroseconds: z
    .int()
    .min(0)
    .max(limits.dnsGatherMicrosecondsMax)
    .default(limits.dnsGatherMicroseconds)
    .describe("How long a thread under load lets queries gather, to answer several at once."),
  dnsTcp: tcpSchema.prefault({}).describe("Clients of DNS over TCP."),
  dnsCookies: z
    .enum(["off", "on", "required"])
    .default("on")
    .describe("DNS cookies. `required`: over UDP, a cookie that is not valid gets BADCOOKIE."),
  dnsRateLimit: z
    .union([z.literal("off"), rateLimitSchema])
    .prefault({})
    .describe("How many like responses over UDP one network is sent; docs/dns.md."),
  dnsProxies: anyNumberOf(cidrOrAddress)
    .prefault([])
    .describe("Networks of proxies that send the PROXY protocol, version 2, over TCP."),
  dnsExplain: anyNumberOf(cidrOrAddress)
    .prefault([])
    .describe("Networks that may ask `TXT _why.NAME` for the reasons of an answer; docs/dns.md."),
  redirect: anyNumberOf(socketAddress).prefault([]).describe("Addresses for the redirect front."),
  metrics: z
    .union([z.literal("off"), socketAddress])
    .prefault("127.0.0.1:9153")
    .describe("Address for Prometheus, or `off`."),
  dot: anyNumberOf(socketAddress)
    .prefault([])
    .describe("Addresses for DNS over TLS, such as 0.0.0.0:853. Needs `tls`."),
  doh: anyNumberOf(socketAddress)
    .prefault([])
    .describe("Addresses for DNS over HTTPS (HTTP/2, `/dns-query`). Needs `tls`."),
  tls: object({
    certificate: absolutePath.describe("Absolute path of the chain, as PEM."),
    key: absolutePath.describe("Absolute path of its key, as PEM."),
  })
    .optional()
    .describe("What DNS over TLS and HTTPS show. A renewed pair is taken within ten seconds."),
  proxy: later("listen.proxy"),
  xds: later("listen.xds"),
  api: later("listen.api"),
});
