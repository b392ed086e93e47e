/** `rhumb check`: every problem of a configuration, or every value in effect. */
import { effective, formatEffective } from "../config/effective.ts";
import { loadConfig } from "../config/load.ts";
import { readSources } from "../config/source.ts";
import type { Problem } from "../errors.ts";
import {
  type CliCommand,
  complain,
  complainProblems,
  examples,
  exitCodes,
  finish,
  out,
  outJson,
} from "./command.ts";
import { compileSource } from "./load-policy.ts";
import { configOption, jsonOption } from "./options.ts";

interface Options {
  readonly config: string;
  readonly effective?: boolean;
  readonly json?: boolean;
}

export const command: CliCommand = {
  define: (program) =>
    program
      .command("check")
      .summary("read a configuration and report every problem in it")
      .description(
        "Reads and compiles a configuration without a server and reports every problem, a line " +
          "each: FILE:LINE:COL CODE PATH: MESSAGE (HINT). With --effective also prints every value " +
          "in effect, those that were not written marked `default`. Assertions that do not hold are " +
          "errors; `rhumb prove` says more of them. Exit code 1 if there is an " +
          "error; warnings alone are 0.",
      )
      .addOption(configOption())
      .option("--effective", "print every value, with `default` beside those not written")
      .addOption(jsonOption())
      .addHelpText("after", examples(["rhumb check -c rhumb.yaml", "rhumb check --effective"]))
      .action(async (options: Options) => {
        const result = await compileSource(options.config, "refuse");
        const problems = result.ok ? result.warnings : result.problems;
        const values = options.effective === true ? await effectiveOf(options.config) : undefined;
        if (options.json === true) {
          outJson({
            ok: result.ok,
            problems,
            ...(values === undefined ? {} : { effective: values.value, defaults: values.defaults }),
          });
        } else {
          complainProblems(problems);
          if (values !== undefined) out(formatEffective(values));
          complain(summary(options.config, problems));
        }
        finish(result.ok ? exitCodes.ok : exitCodes.refused);
      }),
};

/** Every value, as far as the text is a configuration at all. */
async function effectiveOf(source: string): Promise<ReturnType<typeof effective> | undefined> {
  const read = await readSources(source);
  if (!read.ok) return undefined;
  const loaded = loadConfig(read.sources);
  return loaded.ok ? effective(loaded) : undefined;
}

function summary(source: string, problems: readonly Problem[]): string {
  const errors = problems.filter((problem) => problem.severity === "error").length;
  const warnings = problems.length - errors;
  const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
  if (errors > 0) return `${source}: ${count(errors, "error")}, ${count(warnings, "warning")}`;
  return warnings > 0 ? `${source}: good, with ${count(warnings, "warning")}` : `${source}: good`;
}
