/**
 * The HTTP page of a server, served by control: `/metrics` for Prometheus, which asks every part
 * for its counters and merges them; `/livez` and `/readyz` for whoever watches the server. Read
 * only, on the address of `listen.metrics`. A part that does not answer in a second is left out,
 * and the page says so in `rhumb_part_scraped`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Problem } from "../errors.ts";
import type { Entropy } from "../lib/entropy.ts";
import { type FamilyDump, mergeDumps, renderPrometheus } from "../lib/telemetry.ts";
import { limits } from "../limits.ts";
import { request } from "../link/client.ts";
import type { PartReport } from "../link/messages.ts";
import { type PartName, partNames, partSocket } from "../link/paths.ts";

export interface MetricsPageOptions {
  readonly stateDir: string;
  readonly entropy: Entropy;
  /** This process's own dump: it cannot ask itself over its socket any faster. */
  readonly own: { readonly name: PartName; readonly dump: () => readonly FamilyDump[] };
  readonly parts: () => readonly PartReport[];
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const plain = "text/plain; charset=utf-8";

export async function renderPage(path: string, options: MetricsPageOptions): Promise<Page> {
  if (path === "/livez") return { status: 200, type: plain, body: "alive\n" };
  if (path === "/readyz") {
    const late = options.parts().filter((part) => part.state !== "ready");
    const ready = late.length === 0 && options.parts().length > 0;
    const body = ready ? "ready\n" : late.map(({ name, state }) => `${name} ${state}\n`).join("");
    return { status: ready ? 200 : 503, type: plain, body };
  }
  if (path !== "/metrics") return { status: 404, type: plain, body: "try /metrics\n" };
  const type = "text/plain; version=0.0.4; charset=utf-8";
  return { status: 200, type, body: await scrape(options) };
}

async function scrape(options: MetricsPageOptions): Promise<string> {
  const { stateDir, entropy, own } = options;
  const dumps = await Promise.all(
    partNames.map(async (name) => {
      if (name === own.name) return own.dump();
      const command = { name: "metrics", input: {} } as const;
      const within = { timeoutMs: limits.scrapeMs, entropy };
      const reply = await request(partSocket(stateDir, name), command, within);
      return reply.ok ? reply.value.families : undefined;
    }),
  );
  const scraped: FamilyDump = {
    name: "rhumb_part_scraped",
    help: "1 if the part gave its counters for this page.",
    kind: "gauge",
    labels: ["part"],
    rows: partNames.map((name) => [name]),
    bounds: [],
    values: dumps.map((dump) => (dump === undefined ? 0 : 1)),
  };
  return renderPrometheus(mergeDumps([...dumps.filter((dump) => dump !== undefined), [scraped]]));
}

export interface MetricsServer {
  listen(addresses: readonly string[]): Promise<readonly Problem[]>;
  listening(): readonly string[];
  stop(): Promise<void>;
}

/** One HTTP server an address; moveListen moves it like a front. */
export function createMetricsServer(options: MetricsPageOptions): MetricsServer {
  const servers = new Map<string, ReturnType<typeof createServer>>();
  const close = (address: string): void => {
    servers.get(address)?.close();
    servers.get(address)?.closeAllConnections();
    servers.delete(address);
  };
  return {
    async listen(addresses) {
      for (const address of servers.keys()) if (!addresses.includes(address)) close(address);
      const problems: Problem[] = [];
      for (const address of addresses) {
        if (servers.has(address)) continue;
        const opened = await open(address, options);
        if ("code" in opened) problems.push(opened);
        else servers.set(address, opened);
      }
      return problems;
    },
    listening: () =>
      [...servers.values()].map((server) => {
        const { address, family, port } = server.address() as AddressInfo;
        return family === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`;
      }),
    stop() {
      for (const address of servers.keys()) close(address);
      return Promise.resolve();
    },
  };
}

function open(
  address: string,
  options: MetricsPageOptions,
): Promise<ReturnType<typeof createServer> | Problem> {
  const server = createServer(
    { headersTimeout: limits.scrapeMs, requestTimeout: limits.scrapeMs, maxHeaderSize: 8192 },
    (incoming, response) => void respond(incoming, response, options),
  );
  server.maxConnections = limits.metricsConnectionsMax;
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return new Promise((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) => resolve(problemOf(address, error)));
    server.listen({ host, port: Number(address.slice(colon + 1)), exclusive: true }, () => {
      server.removeAllListeners("error");
      server.on("error", () => undefined);
      resolve(server);
    });
  });
}

async function respond(
  incoming: IncomingMessage,
  response: ServerResponse,
  options: MetricsPageOptions,
): Promise<void> {
  incoming.resume();
  const read = incoming.method === "GET" || incoming.method === "HEAD";
  const path = (incoming.url ?? "").split("?", 1)[0] ?? "";
  const page = read
    ? await renderPage(path, options)
    : { status: 405, type: plain, body: "GET only\n" };
  response.writeHead(page.status, { "content-type": page.type });
  response.end(incoming.method === "HEAD" ? "" : page.body);
}

function problemOf(address: string, error: NodeJS.ErrnoException): Problem {
  const taken = error.code === "EADDRINUSE";
  return {
    code: taken ? "listen.in-use" : "listen.refused",
    severity: "error",
    path: "listen.metrics",
    message: taken
      ? `${address} is taken by another program`
      : `${address} cannot be listened on: ${error.code ?? error.message}`,
    hint: "write another address, or `off`",
  };
}
