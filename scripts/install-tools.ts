/**
 * Brings the Debian packages that tests and the tour call. `npm test` calls it first, and `.ci/run`
 * before the tour. What it may not install it names, and then whoever called fails: nothing is
 * skipped silently.
 */
import { spawnSync } from "node:child_process";
import {
  debianPackages,
  findProgram,
  missingTools,
  missingToolsMessage,
  type Tool,
} from "./tools.ts";

/** What decides whether packages can be installed here. */
export interface Machine {
  readonly missing: readonly Tool[];
  readonly isRoot: boolean;
  readonly isDebian: boolean;
}

/** The commands to run, in order; none when nothing is missing or it is not ours to install. */
export function installCommands(machine: Machine): readonly (readonly string[])[] {
  if (machine.missing.length === 0 || !machine.isRoot || !machine.isDebian) return [];
  const packages = [...new Set(machine.missing.flatMap((tool) => debianPackages[tool].split(" ")))];
  return [
    ["apt-get", "update", "-q"],
    ["apt-get", "install", "-q", "-y", "--no-install-recommends", ...packages],
  ];
}

/** Installs what is missing, if it can. Returns "" or what is still missing and how to get it. */
export function installTools(): string {
  const commands = installCommands({
    missing: missingTools(),
    isRoot: process.getuid?.() === 0,
    isDebian: findProgram("apt-get") !== undefined,
  });
  if (commands.length > 0) console.log(`${missingToolsMessage()}; installing`);
  for (const [program = "", ...args] of commands) {
    // A package list that cannot be refreshed is no reason not to try with the old one.
    spawnSync(program, args, {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  }
  return missingToolsMessage();
}

if (import.meta.main) {
  const missing = installTools();
  if (missing !== "") console.error(missing);
  process.exitCode = missing === "" ? 0 : 1;
}
