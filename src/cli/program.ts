/**
 * The table of commands, each in a file of its own that is loaded when it is asked for. Help needs
 * the table alone; completion and the documentation load them all. Run by main.ts.
 */
import { Command } from "commander";
import { type CommandEntry, exitCodes } from "./command.ts";
import { version } from "./version.ts";

const overrideEntry = (name: string, summary: string): CommandEntry => ({
  name,
  summary,
  load: async () => (await import("./override.ts")).overrideCommand(name),
});

export const commandTable: readonly CommandEntry[] = [
  {
    name: "serve",
    summary: "run the server",
    load: async () => (await import("./serve.ts")).command,
  },
  {
    name: "check",
    summary: "read a configuration and report every problem in it",
    load: async () => (await import("./check.ts")).command,
  },
  {
    name: "compile",
    summary: "print what a configuration means, with names gone",
    load: async () => (await import("./compile.ts")).command,
  },
  {
    name: "explain",
    summary: "say which endpoints serve a client, and why",
    load: async () => (await import("./explain.ts")).command,
  },
  {
    name: "plan",
    summary: "say what a new configuration would change",
    usageCode: exitCodes.refused,
    load: async () => (await import("./plan.ts")).command,
  },
  {
    name: "prove",
    summary: "say whether assertions hold in every state, or show where not",
    load: async () => (await import("./prove.ts")).command,
  },
  {
    name: "simulate",
    summary: "play a scenario of failures and demand against a configuration",
    load: async () => (await import("./simulate.ts")).command,
  },
  {
    name: "zone",
    summary: "check a zone file, or print a zone of a configuration",
    load: async () => (await import("./zone.ts")).command,
  },
  {
    name: "world",
    summary: "print what a running server believes, with ages",
    load: async () => (await import("./world.ts")).command,
  },
  {
    name: "status",
    summary: "print a running server's parts, revision and problems",
    load: async () => (await import("./status.ts")).command,
  },
  {
    name: "reload",
    summary: "have a running server read its configuration again",
    load: async () => (await import("./reload.ts")).command,
  },
  {
    name: "revisions",
    summary: "list the revisions a server has accepted",
    load: async () => (await import("./revisions.ts")).command,
  },
  overrideEntry("drain", "send a target no new work"),
  overrideEntry("force-up", "count a target as up, whatever its checks say"),
  overrideEntry("force-down", "count a target as down, whatever its checks say"),
  overrideEntry("freeze", "stop automatic changes of a target"),
  overrideEntry("activate", "let a manual standby serve"),
  {
    name: "resume",
    summary: "let what was down and waits return",
    load: async () => (await import("./resume.ts")).command,
  },
  {
    name: "overrides",
    summary: "list the operator's overrides, or lift one",
    load: async () => (await import("./overrides.ts")).command,
  },
  {
    name: "latency",
    summary: "give a running server measured round trips",
    load: async () => (await import("./latency.ts")).command,
  },
  {
    name: "load",
    summary: "tell a running server what its pools carry",
    load: async () => (await import("./load.ts")).command,
  },
  {
    name: "demo",
    summary: "three regions on this machine, to break and mend",
    load: async () => (await import("./demo.ts")).command,
  },
  {
    name: "completion",
    summary: "print a completion script for bash, zsh or fish",
    load: async () => (await import("./completion.ts")).completionCommand(wholeProgram),
  },
  {
    name: "version",
    summary: "print the version",
    load: async () => (await import("./version.ts")).command,
  },
];

/** The program with every command loaded: for completion and the documentation. */
export async function wholeProgram(): Promise<Command> {
  const program = emptyProgram();
  for (const entry of commandTable) (await entry.load()).define(program);
  return program;
}

export function emptyProgram(): Command {
  return new Command("rhumb")
    .description("Rhumb: one policy that decides which region serves which client.")
    .version(version, "-V, --version", "print the version")
    .helpCommand("help [command]", "print help for a command")
    .exitOverride()
    .showHelpAfterError("(rhumb help COMMAND says more)")
    .configureHelp({ sortOptions: true })
    .enablePositionalOptions();
}
