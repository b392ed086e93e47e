/** `rhumb reload`: what SIGHUP does, with the outcome in hand. */
import {
  type CliCommand,
  complainProblems,
  examples,
  exitCodes,
  finish,
  out,
  outJson,
} from "./command.ts";
import { jsonOption, stateOption } from "./options.ts";
import { ask } from "./server.ts";

export const command: CliCommand = {
  define: (program) =>
    program
      .command("reload")
      .summary("have a running server read its configuration again")
      .description(
        "Has a running server read its configuration again. A revision that does not compile is " +
          "refused with every problem, the old one goes on serving, and the exit code is 1.",
      )
      .addOption(stateOption())
      .addOption(jsonOption())
      .addHelpText("after", examples(["rhumb reload", "rhumb reload --state /var/lib/rhumb"]))
      .action(async (options: { state: string; json?: boolean }) => {
        const reply = await ask(
          { stateDir: options.state, part: "control" },
          { name: "reload", input: {} },
        );
        if (reply === undefined) return;
        if (options.json === true) outJson(reply);
        else {
          complainProblems(reply.problems);
          out(`${reply.outcome}: ${reply.digest.slice(0, 12)} is in force`);
        }
        finish(reply.outcome === "refused" ? exitCodes.refused : exitCodes.ok);
      }),
};
