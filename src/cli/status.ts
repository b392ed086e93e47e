/** `rhumb status`: the server as a whole. Exit code 1 while its last revision was refused. */
import { formatProblem } from "../errors.ts";
import type { CommandReply } from "../link/messages.ts";
import { durationText } from "../world/describe.ts";
import { type CliCommand, entropy, examples, exitCodes, finish, out, outJson } from "./command.ts";
import { jsonOption, stateOption } from "./options.ts";
import { ask } from "./server.ts";

export const command: CliCommand = {
  define: (program) =>
    program
      .command("status")
      .summary("print a running server's parts, revision and problems")
      .description(
        "Prints a running server's parts, the revision in force and, while there is one, the " +
          "refused revision with every problem. Exit code 1 while the last revision was refused.",
      )
      .addOption(stateOption())
      .addOption(jsonOption())
      .addHelpText("after", examples(["rhumb status", "rhumb status --json"]))
      .action(async (options: { state: string; json?: boolean }) => {
        const reply = await ask(
          { stateDir: options.state, part: "control" },
          { name: "status", input: {} },
        );
        if (reply === undefined) return;
        if (options.json === true) outJson(reply);
        else out(statusText(reply));
        finish(reply.refused === null ? exitCodes.ok : exitCodes.refused);
      }),
};

function statusText(status: CommandReply<"status">): string {
  const now = entropy.now();
  const lines = [`rhumb ${status.version} on ${status.node}, state in ${status.stateDir}`];
  const { revision, refused } = status;
  lines.push(
    revision === null
      ? `control has not read ${status.source} yet; fronts serve what they have`
      : `revision ${revision.number} ${revision.digest.slice(0, 12)} since ` +
          `${durationText(now - revision.at)}, from ${revision.source}`,
  );
  for (const part of status.parts) {
    const since = part.pid === 0 ? "" : ` for ${durationText(now - part.startedAt)}`;
    const restarts = part.restarts === 0 ? "" : `, ${part.restarts} restarts (${part.lastEnd})`;
    const listening = part.listening.length === 0 ? "" : `, on ${part.listening.join(" ")}`;
    lines.push(
      `  ${part.name.padEnd(9)} ${part.state}${since}, pid ${part.pid}${listening}${restarts}`,
    );
    for (const problem of part.problems) lines.push(`    ${formatProblem(problem)}`);
  }
  for (const problem of status.warnings) lines.push(formatProblem(problem));
  if (refused !== null) {
    lines.push(`refused ${durationText(now - refused.at)} ago:`);
    for (const problem of refused.problems) lines.push(`  ${formatProblem(problem)}`);
  }
  return lines.join("\n");
}
