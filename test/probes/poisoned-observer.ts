/** The observer of crash.test.ts: the real one, with the poisoned probe. Argument: state folder. */
import { fileURLToPath } from "node:url";
import { systemEntropy } from "../../src/lib/entropy.ts";
import { logger } from "../../src/lib/log.ts";
import { createRegistry } from "../../src/lib/telemetry.ts";
import { runObserver } from "../../src/parts/observer.ts";
import { poisonedProbe } from "./poisoned-probe.ts";

const entropy = systemEntropy();
await runObserver({
  stateDir: process.argv[2] ?? "",
  entropy,
  log: logger("observer", { entropy, level: "warn" }),
  registry: createRegistry(),
  probe: poisonedProbe(),
  sandboxEntry: fileURLToPath(new URL("poisoned-sandbox.ts", import.meta.url)),
});
