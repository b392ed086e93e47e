/** `rhumb latency import FILE`: round trips measured elsewhere, into a running server. */
import { limits } from "../limits.ts";
import { type CliCommand, examples } from "./command.ts";
import { importCommand } from "./import-measures.ts";
import { ask } from "./server.ts";

const kind = {
  header: "client,region,ms",
  example: "DE,fra,12.5",
  what: "number of milliseconds",
  most: limits.latencyMicrosecondsMax / 1000,
};

const shown = examples(["rhumb latency import rtt.csv", "beacons | rhumb latency import -"]);

export const command: CliCommand = {
  define: (program) => {
    const latency = program
      .command("latency")
      .summary("give a running server measured round trips")
      .description("Round trips from clients to regions, for services that `steer: latency`.")
      .addHelpText("after", shown);
    importCommand(
      latency,
      "Reads a CSV of round trips, `-` for standard input, and gives them to the observer as " +
        `samples of this moment. Its first line is \`${kind.header}\`. A client is an address, a ` +
        "prefix, a country (DE), or a network in a country (DE/AS3320).",
      {
        kind,
        atOnce: limits.latencySamplesMax,
        send: (measures, { state }) => {
          const samples = measures.map(({ of, at, value }) => ({
            client: of,
            region: at,
            ms: value,
          }));
          return ask(
            { stateDir: state, part: "observer" },
            { name: "latency", input: { samples } },
          );
        },
      },
    ).addHelpText("after", shown);
    return latency;
  },
};
