/** `rhumb load import FILE`: what pools carry now, into a running server. */
import { limits } from "../limits.ts";
import { type CliCommand, examples } from "./command.ts";
import { importCommand } from "./import-measures.ts";
import { ask } from "./server.ts";

const kind = { header: "service,pool,load", example: "shop,fra,350", what: "load", most: 1e12 };

const shown = examples(["rhumb load import load.csv", "gather | rhumb load import -"]);

export const command: CliCommand = {
  define: (program) => {
    const load = program
      .command("load")
      .summary("tell a running server what its pools carry")
      .description("Load of pools that have a capacity, for services without a declared demand.")
      .addHelpText("after", shown);
    importCommand(
      load,
      "Reads a CSV of load reports, `-` for standard input, and gives them to the observer as of " +
        `this moment. Its first line is \`${kind.header}\`; the load is in the unit of the ` +
        "pool's capacity. Import it again and again: a report gets old.",
      {
        kind,
        atOnce: limits.loadReportsMax,
        send: (measures, { state }) => {
          const reports = measures.map(({ of, at, value }) => ({
            service: of,
            pool: at,
            load: value,
          }));
          return ask({ stateDir: state, part: "observer" }, { name: "load", input: { reports } });
        },
      },
    ).addHelpText("after", shown);
    return load;
  },
};
