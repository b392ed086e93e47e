/**
 * The executable: finds the command that was asked for, loads it and runs it. Exit codes:
 * command.ts and docs/cli.md.
 */
import { CommanderError } from "commander";
import { complain, exitCodes, finish } from "./command.ts";
import { commandTable, emptyProgram } from "./program.ts";

async function run(argv: readonly string[]): Promise<void> {
  const program = emptyProgram();
  const wanted = argv[0] === "help" ? argv[1] : argv[0];
  for (const entry of commandTable) {
    if (entry.name === wanted) (await entry.load()).define(program);
    // A name for the list in `rhumb help`; never run, since the one that runs is loaded above.
    else program.command(entry.name).summary(entry.summary).description(entry.summary);
  }
  for (const command of program.commands) command.exitOverride();
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version are asked for; everything else is a mistake in the words.
    const usage = commandTable.find(({ name }) => name === wanted)?.usageCode ?? exitCodes.usage;
    finish(error.exitCode === 0 ? exitCodes.ok : usage);
  }
}

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // `rhumb world | head` closes the pipe: nothing is wrong.
  if (error.code === "EPIPE") process.exit(exitCodes.ok);
});
try {
  await run(process.argv.slice(2));
} catch (error) {
  complain(`rhumb: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  finish(exitCodes.refused);
}
