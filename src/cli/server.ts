/**
 * The way to a running server: one command over the local socket of the part that answers it. Says
 * what to do when nobody listens.
 */
import { resolve } from "node:path";

import { request } from "../link/client.ts";
import type { CommandInput, CommandName, CommandReply } from "../link/messages.ts";
import { type PartName, partSocket } from "../link/paths.ts";
import { complain, complainProblems, entropy, exitCodes, finish } from "./command.ts";

const timeoutMs = 10_000;
/** A reload compiles the whole configuration before it answers. */
const reloadTimeoutMs = 120_000;

/** The reply, or undefined after having said why there is none and set the exit code. */
export async function ask<Name extends CommandName>(
  where: { readonly stateDir: string; readonly part: PartName },
  command: { readonly name: Name; readonly input: CommandInput<Name> },
): Promise<CommandReply<Name> | undefined> {
  const path = partSocket(where.stateDir, where.part);
  const result = await request(path, command, {
    timeoutMs: command.name === "reload" ? reloadTimeoutMs : timeoutMs,
    entropy,
  });
  if (result.ok) return result.value;
  if (result.reason === "refused") {
    complain(`rhumb: ${result.refusal.message}`);
    complainProblems(result.refusal.problems ?? []);
    finish(exitCodes.refused);
  } else if (result.reason === "absent") {
    const folder = resolve(where.stateDir);
    complain(
      `rhumb: no server with the state directory ${folder} (${where.part} does not answer); ` +
        "start one with `rhumb serve`, or name its directory with --state",
    );
    finish(exitCodes.unreachable);
  } else {
    complain(`rhumb: ${where.part} did not answer as agreed: ${result.message}`);
    finish(exitCodes.unreachable);
  }
  return undefined;
}
