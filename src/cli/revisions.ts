/** `rhumb revisions`: what was in force, newest first. */
import { InvalidArgumentError } from "commander";
import { type CliCommand, examples, out, outJson } from "./command.ts";
import { jsonOption, stateOption } from "./options.ts";
import { ask } from "./server.ts";

const limitMax = 1000;

function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= limitMax) return limit;
  throw new InvalidArgumentError(`write a number from 1 to ${limitMax}`);
}

export const command: CliCommand = {
  define: (program) =>
    program
      .command("revisions")
      .summary("list the revisions a server has accepted")
      .description("Lists the revisions a server has accepted, the newest first.")
      .option("--limit <n>", "how many", parseLimit, 20)
      .addOption(stateOption())
      .addOption(jsonOption())
      .addHelpText("after", examples(["rhumb revisions", "rhumb revisions --limit 5 --json"]))
      .action(async (options: { limit: number; state: string; json?: boolean }) => {
        const reply = await ask(
          { stateDir: options.state, part: "control" },
          { name: "revisions", input: { limit: options.limit } },
        );
        if (reply === undefined) return;
        if (options.json === true) outJson(reply.revisions);
        else {
          for (const revision of reply.revisions) {
            const at = new Date(revision.at).toISOString();
            out(`${revision.number}  ${at}  ${revision.digest.slice(0, 12)}  ${revision.source}`);
          }
        }
      }),
};
