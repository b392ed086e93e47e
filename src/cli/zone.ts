/** `rhumb zone`: is a zone file right, and what is in a zone of a configuration? */
import { basename, resolve } from "node:path";
import { Argument } from "commander";
import { readZone } from "../config/zone-source.ts";
import { byPlace, type Problem } from "../errors.ts";
import { buildNameTable } from "../policy/names.ts";
import { findZone, servedZone } from "../policy/zone-contents.ts";
import { types } from "../wire/dns-constants.ts";
import { formatName, parseName } from "../wire/dns-name.ts";
import { zoneRecords } from "../wire/zone.ts";
import { formatRecord } from "../wire/zone-text.ts";
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
import { policyOf } from "./load-policy.ts";
import { configOption, jsonOption } from "./options.ts";

interface Options {
  readonly zone?: string;
  readonly config: string;
  readonly json?: boolean;
}

export const command: CliCommand = {
  define: (program) =>
    program
      .command("zone")
      .summary("check a zone file, or print a zone of a configuration")
      .description(
        "`zone check FILE` reads a zone file (RFC 1035) and reports every problem in it, a line " +
          "each: FILE:LINE:COL CODE MESSAGE. The zone is --zone, else the owner of the file's SOA, " +
          "else the file's name without `.zone`. `zone print ZONE` prints all records of a zone of " +
          "the configuration, from its file and from the configuration, as a zone file; steered " +
          "names are comments. Serials of `auto` are those of a zone without history. Exit code 1 " +
          "if there is an error or no such zone.",
      )
      .addArgument(new Argument("<action>", "what to do").choices(["check", "print"]))
      .argument("<what>", "a zone file to check, or the name of a zone to print")
      .option("--zone <name>", "check: the zone the file is of")
      .addOption(configOption())
      .addOption(jsonOption())
      .addHelpText(
        "after",
        examples([
          "rhumb zone check example.com.zone",
          "rhumb zone check db.example --zone example.com --json",
          "rhumb zone print example.com -c rhumb.yaml",
        ]),
      )
      .action((action: string, what: string, options: Options) =>
        action === "check" ? checkFile(what, options) : printZone(what, options),
      ),
};

const sameName = (a: string, b: string): boolean =>
  a.toLowerCase().replace(/\.$/, "") === b.toLowerCase().replace(/\.$/, "");

function checkFile(file: string, options: Options): void {
  const path = resolve(file);
  let apex = (options.zone ?? basename(file).replace(/^db\.|\.(zone|db)$/g, "")).replace(
    /(.)\.$/,
    "$1",
  );
  let read = readZone(path, apex, { shownAs: file });
  const soas = read.data?.records.filter(({ type }) => type === types.soa) ?? [];
  const owner = soas.length === 1 ? formatName(soas[0]!.name) : apex;
  if (options.zone === undefined && !sameName(owner, apex)) {
    apex = owner.replace(/(.)\.$/, "$1");
    read = readZone(path, apex, { shownAs: file });
  }
  const times = { refreshSeconds: 0, retrySeconds: 0, expireSeconds: 0, minimumSeconds: 0 };
  const zone = { apex, ttlSeconds: 0, ns: [], soa: times, data: read.data, path: "" };
  const place = { file, line: 1, column: 1 };
  const { table, problems: ofZone } =
    read.data === undefined
      ? { table: undefined, problems: [] }
      : buildNameTable({ zones: [{ ...zone, place }], records: [], steered: [] });
  const problems = byPlace(
    [...read.problems, ...ofZone].map((each): Problem => ({ ...each, path: "" })),
  );
  const serial = table?.zones[0]?.serial;
  const records = read.data?.records.length ?? 0;
  if (options.json === true)
    outJson({ ok: table !== undefined, zone: apex, serial, records, problems });
  else {
    complainProblems(problems);
    const errors = problems.filter(({ severity }) => severity === "error").length;
    const verdict =
      table === undefined
        ? `${errors} error${errors === 1 ? "" : "s"}`
        : `good, ${records} records, serial ${serial}`;
    complain(`${file}: ${apex}: ${verdict}`);
  }
  finish(table === undefined ? exitCodes.refused : exitCodes.ok);
}

async function printZone(text: string, options: Options): Promise<void> {
  const policy = await policyOf(options.config);
  if (policy === undefined) return;
  const { names, services } = policy;
  const apex = parseName(text.endsWith(".") ? text : `${text}.`);
  const index = apex.ok ? findZone(names, apex.value) : -1;
  if (index < 0) {
    const known = names.zones.map((zone) => zone.apex).slice(0, 5);
    complain(`there is no zone ${text}: zones are ${known.join(", ")}`);
    finish(exitCodes.refused);
    return;
  }
  const { contents, steered } = servedZone(names, index);
  const records = Array.from(zoneRecords(contents), formatRecord);
  const named = steered.map(({ name, service }) => ({
    name: formatName(name),
    service: services[service]?.name ?? "",
  }));
  if (options.json === true) {
    const { serial, digest } = names.zones[index]!;
    outJson({ zone: names.zones[index]!.apex, serial, digest, records, steered: named });
    return;
  }
  for (const line of records) out(line);
  for (const { name, service } of named) out(`; ${name} is steered: ${service}`);
}
