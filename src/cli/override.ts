/**
 * `rhumb drain | force-up | force-down | freeze | activate TARGET`: the operator's word. It goes to
 * the observer, so it works with control and store dead, and it expires.
 */
import { Option } from "commander";
import type { OverrideKind } from "../world/world.ts";
import { type CliCommand, complain, examples, out, outJson } from "./command.ts";
import { currentUser, jsonOption, notOnDisk, parseFor, stateOption } from "./options.ts";
import { ask } from "./server.ts";

interface Options {
  readonly reason: string;
  readonly for: number;
  readonly author: string;
  readonly state: string;
  readonly json?: boolean;
}

const descriptions: Readonly<Record<OverrideKind, string>> = {
  drain: "The target gets no new work; what it has is left to finish.",
  "force-up": "The target counts as up, whatever its checks say.",
  "force-down": "The target counts as down, whatever its checks say. No fallback uses it.",
  freeze: "Verdict and ramp of the target stay as they are: no automatic change.",
  activate: "A manual standby may serve, as the last tier of its service.",
};

const defaultFor = "1h";

export function overrideCommand(name: string): CliCommand {
  const kind = name as OverrideKind;
  return {
    define: (program) =>
      program
        .command(`${kind} <target>`)
        .summary(descriptions[kind])
        .description(
          `${descriptions[kind]}\n\nTARGET is region:NAME, service:NAME, pool:SERVICE/POOL or ` +
            "endpoint:SERVICE/POOL/ENDPOINT; the kind may be left out where the name says enough. " +
            "The most specific override of a target wins, then the newest.",
        )
        .requiredOption("--reason <text>", "why, for the record and for whoever asks (required)")
        .addOption(
          new Option("--for <time>", "how long, at most 24h")
            .argParser(parseFor)
            .default(parseFor(defaultFor), defaultFor),
        )
        .option("--author <name>", "who", currentUser())
        .addOption(stateOption())
        .addOption(jsonOption())
        .addHelpText(
          "after",
          examples(
            kind === "activate"
              ? ["rhumb activate shop/muc --reason 'both regions are gone' --for 4h"]
              : [
                  `rhumb ${kind} region:fra --reason 'power work' --for 2h`,
                  `rhumb ${kind} shop/fra/192.0.2.10 --reason 'slow disk'`,
                ],
          ),
        )
        .action(async (target: string, options: Options) => {
          const reply = await ask(
            { stateDir: options.state, part: "observer" },
            {
              name: "override",
              input: {
                kind,
                target,
                reason: options.reason,
                author: options.author,
                forMs: options.for,
              },
            },
          );
          if (reply === undefined) return;
          const { override, onDisk } = reply;
          if (!onDisk) complain(notOnDisk);
          if (options.json === true) outJson({ ...override, onDisk });
          else {
            const until = new Date(override.expiresAt).toISOString();
            out(`${override.id}: ${override.kind} ${override.target} until ${until}`);
          }
        }),
  };
}
