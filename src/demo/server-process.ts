/**
 * The real server, `rhumb serve`, as a child of the demonstration. Its log goes to a file; when it
 * ends by itself, the end of that file says why.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Entropy } from "../lib/entropy.ts";
import type { DemoPaths } from "./layout.ts";

const cli = fileURLToPath(new URL("../cli/main.ts", import.meta.url));
const endMs = 10_000;
const logLinesShown = 12;

export class ServerProcess {
  readonly #paths: DemoPaths;
  readonly #child: ChildProcess;
  #ended = false;

  /** `onEnd` is called when it ends without having been asked to. */
  constructor(paths: DemoPaths, onEnd: (why: string) => void) {
    this.#paths = paths;
    const log = openSync(paths.serverLog, "w");
    const args = [cli, "serve", "--config", paths.config, "--state", paths.state];
    // Apart from the terminal's group: Ctrl-C there and our SIGTERM would be two orders to it, and
    // the second means "at once".
    this.#child = spawn(process.execPath, args, { stdio: ["ignore", log, log], detached: true });
    closeSync(log);
    this.#child.once("exit", (code, signal) => {
      if (this.#ended) return;
      this.#ended = true;
      onEnd(`rhumb serve ended with ${signal ?? `exit ${code}`}\n${this.logTail()}`);
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  logTail(): string {
    const lines = readFileSync(this.#paths.serverLog, "utf8").trimEnd().split("\n");
    return lines.slice(-logLinesShown).join("\n");
  }

  /** SIGTERM, and SIGKILL if that is not heard. Resolves with the exit code. */
  async end(entropy: Entropy): Promise<number | null> {
    if (this.#ended) return this.#child.exitCode;
    this.#ended = true;
    const exited = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    this.#child.kill("SIGTERM");
    const timer = entropy.after(endMs, () => this.#child.kill("SIGKILL"));
    await exited;
    timer.cancel();
    return this.#child.exitCode;
  }
}

export interface CommandResult {
  readonly status: number;
  readonly output: string;
}

/** Runs one command of the CLI, as a user would. */
export function runRhumb(args: readonly string[]): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      resolve({ status, output: `${stdout}${stderr}`.trim() });
    });
  });
}
