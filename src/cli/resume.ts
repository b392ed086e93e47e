/**
 * `rhumb resume TARGET`: with `failback.resume: manual`, what was down and is well may return. It
 * goes to the observer, so it works with control and store dead; it is no override and does not
 * expire.
 */
import { type CliCommand, complain, examples, out, outJson } from "./command.ts";
import { currentUser, jsonOption, notOnDisk, stateOption } from "./options.ts";
import { ask } from "./server.ts";

interface Options {
  readonly author: string;
  readonly state: string;
  readonly json?: boolean;
}

export const command: CliCommand = {
  define: (program) =>
    program
      .command("resume <target>")
      .summary("let what was down and waits return")
      .description(
        "With `failback.resume: manual` a pool that was down is held, however well it is, until this " +
          "is said of it. What is left of its hold is kept, then it ramps.\n\nTARGET is region:NAME, " +
          "service:NAME, pool:SERVICE/POOL or endpoint:SERVICE/POOL/ENDPOINT; the kind may be left " +
          "out where the name says enough.",
      )
      .option("--author <name>", "who", currentUser())
      .addOption(stateOption())
      .addOption(jsonOption())
      .addHelpText("after", examples(["rhumb resume region:fra", "rhumb resume shop/fra"]))
      .action(async (target: string, options: Options) => {
        const reply = await ask(
          { stateDir: options.state, part: "observer" },
          { name: "resume", input: { target, author: options.author } },
        );
        if (reply === undefined) return;
        if (!reply.onDisk) complain(notOnDisk);
        if (options.json === true) outJson(reply.resumed);
        else for (const endpoint of reply.resumed) out(`resumed ${endpoint}`);
      }),
};
