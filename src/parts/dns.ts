/**
 * The DNS process: `node src/parts/dns.ts --state DIR`. Starts and goes on without control, store
 * and observer; what a front does as a process stands in front.ts, what it answers in fronts/dns/.
 * How many threads it has follows from the first policy it takes.
 */
import { availableParallelism } from "node:os";
import { createDnsServer } from "../fronts/dns/server.ts";
import { version } from "../lib/version.ts";
import { limits } from "../limits.ts";
import { statePaths } from "../link/paths.ts";
import { followCookieSecrets } from "./cookie-secrets.ts";
import { startFront } from "./front.ts";
import { runPart } from "./part.ts";

await runPart("dns", (part) =>
  startFront(part, {
    addresses: (policy) => policy.listen.dns,
    create: (view) => {
      const { dnsWorkers, dnsGatherMicroseconds } = view.policy.listen;
      const cores = Math.min(availableParallelism(), limits.dnsWorkersMax);
      const server = createDnsServer({
        snapshot: view,
        identity: { version: `rhumb ${version}`, node: part.node },
        registry: part.registry,
        entropy: part.entropy,
        workers: dnsWorkers === "auto" ? cores : dnsWorkers,
        gatherMicroseconds: dnsGatherMicroseconds,
      });
      followCookieSecrets(statePaths(part.stateDir).cookieSecrets, {
        ...part,
        take: (secrets) => server.setSecrets(secrets),
      });
      return server;
    },
  }),
);
