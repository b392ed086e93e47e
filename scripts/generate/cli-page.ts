/** docs/cli.md: every command, from the commands themselves. */
import type { Argument, Command, Option } from "commander";
import { exitCodes } from "../../src/cli/command.ts";
import { wholeProgram } from "../../src/cli/program.ts";
import { code } from "./json-schema.ts";
import { generatedNote, table } from "./markdown.ts";

const exitMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: "done; warnings alone are no failure",
  refused:
    "problems in the configuration, or a command that was refused; each is on standard error",
  usage: "the words of the command line are wrong; for `plan` that is 1",
  changed: "`plan` alone: the new configuration changes something",
  undecided: "`prove` alone: an assertion is neither proved nor refuted within the budget",
  unreachable: "no server answers on the socket of the state directory",
};

const head = `${generatedNote}

# Command line

\`bin/rhumb\` runs with the Node that \`npm ci\` brought, from any directory. Answers go to standard output, problems and complaints to standard error, and every
complaint says what to do. \`--json\` prints an answer as JSON. Colours, where there are any, go by \`NO_COLOR\` and by whether a terminal is listening.

Commands for a running server find it by its state directory (\`--state\`, by default \`.rhumb\` in the working directory) and speak to it over the sockets
there; only the user who runs the server may. Overrides go to the observer, so they work with the control part dead; they are kept across restarts and
expire after 24 hours at the latest.

`;

export async function cliPage(): Promise<string> {
  const program = await wholeProgram();
  const codes = Object.entries(exitCodes).map(([name, value]) => [
    code(value),
    exitMeanings[name as keyof typeof exitCodes],
  ]);
  const commands = flatten(program).map((command) => commandText(command));
  return `${head}## Exit codes

${table(["code", "when"], codes)}

${commands.join("\n\n")}
`;
}

function flatten(command: Command): readonly Command[] {
  return command.commands.flatMap((child) => [child, ...flatten(child)]);
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

function commandText(command: Command): string {
  const name = fullName(command);
  const usage = command.usage();
  const parts = [
    `## ${name}`,
    `\`${name}${usage === "" ? "" : ` ${usage}`}\``,
    command.description(),
  ];
  const rows = [
    ...command.registeredArguments.map(argumentRow),
    ...command.options.filter((option) => !option.hidden).map(optionRow),
  ];
  if (rows.length > 0) parts.push(table(["", "", "default"], rows));
  const lines = examplesOf(command);
  if (lines !== "") parts.push(`\`\`\`sh\n${lines}\n\`\`\``);
  return parts.join("\n\n");
}

function argumentRow(argument: Argument): readonly string[] {
  const choices = argument.argChoices?.map(code).join(", ");
  return [
    code(argument.required ? `<${argument.name()}>` : `[${argument.name()}]`),
    [argument.description, choices].filter(Boolean).join(": "),
    "",
  ];
}

function optionRow(option: Option): readonly string[] {
  const choices = option.argChoices?.map(code).join(", ");
  const about = [option.description, choices].filter(Boolean).join(": ");
  return [code(option.flags), about, option.mandatory ? "*required*" : defaultText(option)];
}

/** What depends on the machine is said in words: the page is the same everywhere. */
const machineDefaults: Readonly<Record<string, string>> = {
  author: "who is logged in",
  node: "the machine's name",
};

function defaultText(option: Option): string {
  const machine = machineDefaults[option.attributeName()];
  if (machine !== undefined) return machine;
  const value: unknown = option.defaultValueDescription ?? option.defaultValue;
  if (value === undefined || value === "" || (Array.isArray(value) && value.length === 0))
    return "";
  return code(value);
}

/** The examples that the command's own help prints. */
function examplesOf(command: Command): string {
  let text = "";
  command.configureOutput({
    writeOut(part) {
      text += part;
    },
  });
  command.outputHelp();
  const [, lines = ""] = text.split("\nExamples:\n");
  return lines
    .trim()
    .split("\n")
    .map((line) => line.trim())
    .join("\n");
}
