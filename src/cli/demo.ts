/** `rhumb demo`: the demonstration, and the words that break and mend its regions. */
import { Argument, InvalidArgumentError, Option } from "commander";
import { type DemoScript, demoFault, demoScripts, startDemo } from "../demo/demo.ts";
import { demoRegions } from "../demo/layout.ts";
import { type Fault, faultMeanings } from "../demo/origins.ts";
import { type CliCommand, complain, examples, exitCodes, finish, out } from "./command.ts";

export const command: CliCommand = {
  define(program) {
    const demo = program
      .command("demo")
      .summary("three regions on this machine, to break and mend")
      .description(
        "Starts three regions (eu, us, ap) of two web servers each on loopback, and the real " +
          "server in front of them. Prints dig and curl commands to paste. Needs no root, account " +
          "or key. Ends with Ctrl-C; no process of it stays.",
      )
      .addOption(
        new Option("--script <name>", "play a narrated tour that checks itself").choices(
          demoScripts,
        ),
      )
      .addOption(
        new Option("--shift <number>", "add this to every port, when one is taken")
          .argParser(parseShift)
          .default(0),
      )
      .addHelpText(
        "after",
        examples(["rhumb demo", "rhumb demo --script failover", "rhumb demo kill eu"]),
      )
      .action(async ({ script, shift }: { script?: DemoScript; shift: number }) => {
        process.exitCode = await startDemo({ shift, ...(script === undefined ? {} : { script }) });
      });
    for (const [fault, meaning] of Object.entries(faultMeanings)) {
      demo
        .command(fault)
        .description(meaning)
        .addArgument(
          new Argument("<region>", "region of the demonstration").choices(
            demoRegions.map((region) => region.name),
          ),
        )
        .action(async (region: string) => {
          const reply = await demoFault(fault as Fault, region);
          if (reply.ok) out(reply.message);
          else {
            complain(`rhumb demo: ${reply.message}`);
            finish(exitCodes.refused);
          }
        });
    }
    return demo;
  },
};

function parseShift(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 50_000) return Number(text);
  throw new InvalidArgumentError("write a number from 0 to 50000");
}
