/**
 * Preloaded into every part (`node --import`): keeps compiled modules in the state directory, so
 * that a part that crashed is back in a third of the time. A cache that cannot be had costs nothing
 * else.
 */
import { enableCompileCache } from "node:module";
import { join } from "node:path";

const at = process.argv.indexOf("--state");
const stateDir = at === -1 ? undefined : process.argv[at + 1];
if (stateDir !== undefined) enableCompileCache(join(stateDir, "compiled"));
