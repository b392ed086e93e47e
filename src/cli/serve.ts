/** `rhumb serve`: the server in the foreground, as a service manager wants it. */
import { hostname } from "node:os";
import { isatty } from "node:tty";
import { logSink } from "../lib/log.ts";
import { formatLogLine } from "../lib/log-view.ts";
import { serve } from "../serve.ts";
import { type CliCommand, entropy, examples } from "./command.ts";
import { configOption, stateOption } from "./options.ts";

interface Options {
  readonly config: string;
  readonly state: string;
  readonly node: string;
  readonly logFormat: "auto" | "json" | "text";
}

export const command: CliCommand = {
  define: (program) =>
    program
      .command("serve")
      .summary("run the server")
      .description(
        "Runs the server in the foreground: health checks, DNS and the redirect front, each in a " +
          "process of its own. Saving the configuration, or SIGHUP, reloads it; SIGTERM drains and " +
          "exits 0. Exits 1 when it cannot start.",
      )
      .addOption(configOption())
      .addOption(stateOption())
      .option("--node <name>", "name of this node, in metrics and answers", hostname())
      .option("--log-format <auto|json|text>", "text on a terminal, else JSON lines", "auto")
      .addHelpText(
        "after",
        examples(["rhumb serve -c rhumb.yaml", "rhumb serve -c /etc/rhumb --state /var/lib/rhumb"]),
      )
      .action(async (options: Options) => {
        const asText = options.logFormat === "text" || (options.logFormat === "auto" && isatty(2));
        process.exitCode = await serve({
          source: options.config,
          stateDir: options.state,
          node: options.node,
          entropy,
          ...(asText ? { onLine: logSink("supervisor", entropy, formatLogLine).write } : {}),
        });
      }),
};
