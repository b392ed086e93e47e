/**
 * `rhumb completion`: scripts made from the commands themselves, so that they cannot be out of
 * date.
 */
import { Argument, type Command } from "commander";
import { type CliCommand, examples, out } from "./command.ts";

const shells = ["bash", "zsh", "fish"] as const;
type Shell = (typeof shells)[number];

interface Words {
  /** `drain`, or `demo kill`. */
  readonly path: string;
  readonly summary: string;
  readonly words: readonly string[];
}

function wordsOf(command: Command, path: readonly string[] = []): Words[] {
  const subcommands = command.commands.map((child) => child.name());
  const options = command.options.flatMap((option) =>
    [option.long, option.short].filter((flag) => flag !== undefined),
  );
  const choices = command.registeredArguments.flatMap((argument) => argument.argChoices ?? []);
  return [
    {
      path: path.join(" "),
      summary: command.summary() || command.description().split("\n")[0] || "",
      words: [...subcommands, ...choices, ...options, "--help"],
    },
    ...command.commands.flatMap((child) => wordsOf(child, [...path, child.name()])),
  ];
}

function bashScript(table: readonly Words[]): string {
  const cases = table.map(({ path, words }) => `    "${path}") words="${words.join(" ")}" ;;`);
  return `# bash completion for rhumb: source it, or put it in /etc/bash_completion.d
_rhumb() {
  local current path word words
  current="\${COMP_WORDS[COMP_CWORD]}"
  path=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) path="\${path:+$path }$word" ;; esac
  done
  while true; do
    case "$path" in
${cases.join("\n").replaceAll("    ", "      ")}
      *) words="" ;;
    esac
    if [ -n "$words" ] || [ -z "$path" ]; then break; fi
    case "$path" in *" "*) path="\${path% *}" ;; *) path="" ;; esac
  done
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ \${#COMPREPLY[@]} -eq 0 ]; then COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -F _rhumb rhumb
`;
}

function zshScript(table: readonly Words[]): string {
  return `#compdef rhumb
autoload -U +X bashcompinit && bashcompinit
${bashScript(table)}`;
}

function fishScript(table: readonly Words[]): string {
  const quote = (text: string): string => `'${text.replaceAll("'", "\\'")}'`;
  const lines = table.flatMap(({ path, words }) => {
    const condition =
      path === ""
        ? "__fish_use_subcommand"
        : path
            .split(" ")
            .map((word) => `__fish_seen_subcommand_from ${word}`)
            .join("; and ");
    return words.map((word) => {
      const child = table.find((entry) => entry.path === `${path} ${word}`.trim());
      const about = child === undefined ? "" : ` -d ${quote(child.summary)}`;
      const flag = word.startsWith("--")
        ? `-l ${word.slice(2)}`
        : word.startsWith("-")
          ? `-s ${word.slice(1)}`
          : `-f -a ${word}`;
      return `complete -c rhumb -n ${quote(condition)} ${flag}${about}`;
    });
  });
  return `# fish completion for rhumb: put it in ~/.config/fish/completions/rhumb.fish\n${lines.join("\n")}\n`;
}

const scripts: Readonly<Record<Shell, (table: readonly Words[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** The whole tree of commands is handed in: program.ts holds the table that names this file. */
export const completionCommand = (wholeProgram: () => Promise<Command>): CliCommand => ({
  define: (program) =>
    program
      .command("completion")
      .summary("print a completion script for bash, zsh or fish")
      .description("Prints a completion script for a shell, made from the commands themselves.")
      .addArgument(new Argument("<shell>", "which shell").choices(shells))
      .addHelpText(
        "after",
        examples([
          "rhumb completion bash > /etc/bash_completion.d/rhumb",
          "rhumb completion fish > ~/.config/fish/completions/rhumb.fish",
        ]),
      )
      .action(async (shell: Shell) => {
        out(scripts[shell](wordsOf(await wholeProgram())));
      }),
});
