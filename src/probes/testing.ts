/** Values for tests of this folder. Imported by tests only. */
import type { Monitor } from "../policy/policy.ts";

export function httpMonitor(changes: Partial<Monitor> = {}): Monitor {
  return {
    kind: "http",
    port: 0,
    path: "/healthz",
    host: "",
    serverName: "",
    verifyTls: true,
    sourceAddress: "",
    expectStatus: [[200, 299]],
    expectBody: "",
    intervalMs: 2000,
    timeoutMs: 1000,
    downThreshold: 3,
    upThreshold: 5,
    okThreshold: 3,
    ...changes,
  };
}
