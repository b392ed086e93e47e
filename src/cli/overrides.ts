/** `rhumb overrides` and `rhumb overrides lift`. */
import type { CommandReply } from "../link/messages.ts";
import { durationText } from "../world/describe.ts";
import { type CliCommand, complain, entropy, examples, out, outJson } from "./command.ts";
import { currentUser, jsonOption, notOnDisk, stateOption } from "./options.ts";
import { ask } from "./server.ts";

type Listed = CommandReply<"overrides">["overrides"];

interface Options {
  readonly state: string;
  readonly json?: boolean;
}

export const command: CliCommand = {
  define(program) {
    const overrides = program
      .command("overrides")
      .summary("list the operator's overrides, or lift one")
      .description("Lists what operators have said: who, what, why and for how long.")
      .addOption(stateOption())
      .addOption(jsonOption())
      .addHelpText(
        "after",
        examples(["rhumb overrides", "rhumb overrides lift region:fra", "rhumb overrides --json"]),
      )
      .action(async (options: Options) => {
        const reply = await ask(
          { stateDir: options.state, part: "observer" },
          { name: "overrides", input: {} },
        );
        if (reply === undefined) return;
        if (options.json === true) outJson(reply.overrides);
        else out(overridesText(reply.overrides));
      });
    overrides
      .command("lift <id|target>")
      .description("Takes an override back before it expires: one by its id, or all of a target.")
      .option("--author <name>", "who", currentUser())
      .addOption(stateOption())
      .addOption(jsonOption())
      .action(async (target: string, options: Options & { readonly author: string }) => {
        const reply = await ask(
          { stateDir: options.state, part: "observer" },
          { name: "lift", input: { target, author: options.author } },
        );
        if (reply === undefined) return;
        if (!reply.onDisk) complain(notOnDisk);
        if (options.json === true) outJson(reply.lifted);
        else for (const lifted of reply.lifted) out(`lifted ${lifted.kind} ${lifted.target}`);
      });
    return overrides;
  },
};

function overridesText(overrides: Listed): string {
  if (overrides.length === 0) return "no overrides";
  const now = entropy.now();
  return overrides
    .map(({ id, kind, target, reason, author, expiresAt }) => {
      const left = durationText(Math.max(0, expiresAt - now));
      return `${id}  ${kind} ${target}  ${left} left  by ${author}: ${reason}`;
    })
    .join("\n");
}
