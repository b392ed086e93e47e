/**
 * The redirect process: `node src/parts/redirect.ts --state DIR`. Like dns, it starts and goes on
 * without anybody; without addresses in `listen.redirect` it follows World and serves nobody.
 */
import { createRedirectServer } from "../fronts/redirect/server.ts";
import { startFront } from "./front.ts";
import { runPart } from "./part.ts";

await runPart("redirect", (part) =>
  startFront(part, {
    addresses: (policy) => policy.listen.redirect,
    create: (view) =>
      createRedirectServer({ snapshot: view, registry: part.registry, entropy: part.entropy }),
  }),
);
