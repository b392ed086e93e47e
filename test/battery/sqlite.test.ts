/** The store's battery against the embedded store. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { openSqliteStore } from "../../src/control/sqlite.ts";
import { simulatedEntropy, systemEntropy } from "../../src/lib/entropy.ts";
import { storeBattery } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "rhumb-store-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const clock = simulatedEntropy(1);
let places = 0;

storeBattery({
  name: "sqlite",
  newPlace: async () => join(folder, `${++places}.db`),
  open: async (place, kind) => {
    const entropy = kind === "real" ? systemEntropy() : clock;
    const opened = await openSqliteStore(place, { entropy });
    if (!opened.ok) throw new Error(opened.message);
    return opened.store;
  },
  // Watchers look at most limits.storePollMs later: time passes in steps, with turns for them.
  pass: async (ms) => {
    for (let passed = 0; passed < ms; passed += 100) {
      clock.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
});
