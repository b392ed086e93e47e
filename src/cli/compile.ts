/** `rhumb compile`: the policy a configuration compiles to, as text. */
import { printPolicy } from "../policy/print.ts";
import { type CliCommand, examples, out, outJson } from "./command.ts";
import { policyOf } from "./load-policy.ts";
import { configOption, jsonOption } from "./options.ts";

export const command: CliCommand = {
  define: (program) =>
    program
      .command("compile")
      .summary("print what a configuration means, with names gone")
      .description(
        "Prints the policy that a configuration compiles to: pools, endpoints, monitors, and each " +
          "rule set with its classes and plans. Equal configurations print equal text.",
      )
      .addOption(configOption())
      .addOption(jsonOption())
      .addHelpText("after", examples(["rhumb compile -c rhumb.yaml", "rhumb compile --json"]))
      .action(async (options: { config: string; json?: boolean }) => {
        const policy = await policyOf(options.config);
        if (policy === undefined) return;
        if (options.json !== true) return out(printPolicy(policy));
        const { regions, services, pools, monitors, ruleSets } = policy;
        const { digest, configDigest, geographyDigest, engine } = policy;
        const endpoints = policy.endpoints.map(({ ipv4, ipv6, ...endpoint }) => ({
          ...endpoint,
          ipv4: [...ipv4],
          ipv6: [...ipv6],
        }));
        // Tables over all leaves and locations are megabytes that nobody reads: left out.
        const sets = ruleSets.map(({ rules, classes }) => ({ rules, classes }));
        const digests = { digest, configDigest, geographyDigest, engine };
        outJson({ ...digests, regions, services, pools, endpoints, monitors, ruleSets: sets });
      }),
};
