/** `rhumb world`: what a running server believes, with ages. */
import { describeWorld, printWorld } from "../world/describe.ts";
import { type CliCommand, entropy, examples, out, outJson } from "./command.ts";
import { jsonOption, stateOption } from "./options.ts";
import { runningServer } from "./running.ts";

export const command: CliCommand = {
  define: (program) =>
    program
      .command("world")
      .summary("print what a running server believes, with ages")
      .description(
        "Prints what a running server believes of every endpoint: verdict and its age, the last " +
          "result, hold and ramp, overrides, resolved addresses; and the TTL of every service.",
      )
      .addOption(stateOption())
      .addOption(jsonOption())
      .addHelpText("after", examples(["rhumb world", "rhumb world --json --state /var/lib/rhumb"]))
      .action(async (options: { state: string; json?: boolean }) => {
        const running = await runningServer(options.state);
        if (running === undefined) return;
        const description = describeWorld(running.policy, running.world, entropy.now());
        if (options.json === true) outJson(description);
        else out(printWorld(description));
      }),
};
