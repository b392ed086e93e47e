/** `rhumb version`, and the version everything else prints. */
import packageFile from "../../package.json" with { type: "json" };
import { type CliCommand, examples, out, outJson } from "./command.ts";
import { jsonOption } from "./options.ts";

export const version: string = packageFile.version;

export const command: CliCommand = {
  define: (program) =>
    program
      .command("version")
      .summary("print the version")
      .description("Prints the version of Rhumb and of the runtime it runs on.")
      .addOption(jsonOption())
      .addHelpText("after", examples(["rhumb version", "rhumb version --json"]))
      .action((options: { json?: boolean }) => {
        if (options.json === true) outJson({ rhumb: version, node: process.versions.node });
        else out(`rhumb ${version} (node ${process.versions.node})`);
      }),
};
