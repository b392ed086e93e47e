/**
 * One region's web servers: a process of its own, so that killing or stopping the region is real.
 * Started by origins.ts with `NAME PORT ADDRESS...`; says "ready" over IPC when all addresses
 * listen, and ends when its parent does. On "deafen" it listens anew with a queue of one and says
 * "deaf": stopped and with the queue full, the kernel then drops every further SYN without a word.
 */
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer, type Server } from "node:net";

const [region = "", portText = "", ...addresses] = process.argv.slice(2);
const port = Number(portText);

function listen(server: Server, address: string, backlog: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address, port, backlog }, () => resolve());
  });
}

function serveAddress(address: string): HttpServer {
  return createHttpServer((request, response) => {
    response.setHeader("content-type", "text/plain");
    response.end(
      request.url === "/healthz" ? "ok\n" : `region ${region}, origin ${address}, ${request.url}\n`,
    );
  });
}

const servers = addresses.map((address) => ({ address, server: serveAddress(address) }));

async function deafen(): Promise<void> {
  for (const { server, address } of servers) {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
    await listen(createServer(), address, 1);
  }
  process.send?.("deaf");
}

process.on("disconnect", () => process.exit(0));
// Ctrl-C reaches the whole group; the parent decides when this ends.
process.on("SIGINT", () => {});
process.on("message", (message) => {
  if (message === "deafen") void deafen();
});

await Promise.all(servers.map(({ server, address }) => listen(server, address, 128)));
process.send?.("ready");
