/** The sandbox of crash.test.ts: sandbox-child.ts with the poisoned probe. */
import { serveSandbox } from "../../src/probes/sandbox-child.ts";
import { poisonedProbe } from "./poisoned-probe.ts";

serveSandbox(poisonedProbe());
