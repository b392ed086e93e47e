/**
 * The DNS process: `node src/parts/dns.ts --state DIR`. Starts and goes on without control, store
 * and observer; what a front does as a process stands in front.ts, what it answers in fronts/dns/.
 * How many threads it has follows from the first policy it takes.
 */
import { availableParallelism } from "node:os";
import type { Explainer } from "../fronts/dns/context.ts";
import { listenKinds } from "../fronts/dns/listen-address.ts";
import { createDnsServer } from "../fronts/dns/server.ts";
import { TlsIdentity } from "../fronts/dns/tls-identity.ts";
import { formatPrefix } from "../lib/ip.ts";
import { version } from "../lib/version.ts";
import { limits } from "../limits.ts";
import { statePaths } from "../link/paths.ts";
import type { ServiceIndex } from "../policy/policy.ts";
import { explain } from "../steer/explain.ts";
import { explanationLines } from "../steer/explain-lines.ts";
import { followCookieSecrets } from "./cookie-secrets.ts";
import type { View } from "./follow-world.ts";
import { startFront } from "./front.ts";
import { runPart } from "./part.ts";
import { followTlsFiles } from "./tls-files.ts";

/** What `rhumb explain` says, for `TXT _why.NAME`. */
function linesOf(
  { policy, world }: View,
  service: ServiceIndex,
  client: Parameters<Explainer["explain"]>[1],
): readonly string[] {
  const { name } = policy.services[service]!;
  const text = client.length === 0 ? "" : formatPrefix(client);
  const explained = explain(policy, world, { service: name, client: text });
  return explained.ok ? explanationLines(explained.explanation) : [explained.message];
}

await runPart("dns", (part) =>
  startFront(part, {
    addresses: ({ listen }) => [
      ...listen.dns,
      ...listen.dot.map((text) => `${listenKinds.tls.prefix}${text}`),
      ...listen.doh.map((text) => `${listenKinds.https.prefix}${text}`),
    ],
    create: (view) => {
      let current = view;
      const tls = new TlsIdentity();
      const tlsFiles = followTlsFiles(tls, part);
      tlsFiles.follow(view.policy.listen.tls);
      const { dnsWorkers, dnsGatherMicroseconds } = view.policy.listen;
      const cores = Math.min(availableParallelism(), limits.dnsWorkersMax);
      const server = createDnsServer({
        snapshot: view,
        identity: { version: `rhumb ${version}`, node: part.node },
        registry: part.registry,
        entropy: part.entropy,
        workers: dnsWorkers === "auto" ? cores : dnsWorkers,
        gatherMicroseconds: dnsGatherMicroseconds,
        tls,
        explainer: {
          explain: (service, client) => linesOf(current, service, client),
        },
      });
      followCookieSecrets(statePaths(part.stateDir).cookieSecrets, {
        ...part,
        take: (secrets) => server.setSecrets(secrets),
      });
      return {
        ...server,
        setSnapshot(next) {
          current = next;
          tlsFiles.follow(next.policy.listen.tls);
          server.setSnapshot(next);
        },
      };
    },
  }),
);
