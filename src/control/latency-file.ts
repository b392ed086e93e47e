/**
 * A CSV of round trips: `client,region,ms`. Called by `rhumb latency import`. Every row that cannot
 * be read is a problem with its line; whom a client is and whether the region exists, the observer
 * says.
 */
import type { Problem } from "../errors.ts";
import { limits } from "../limits.ts";

export interface LatencySample {
  readonly client: string;
  readonly region: string;
  readonly ms: number;
}

export type LatencyResult =
  | { readonly ok: true; readonly samples: readonly LatencySample[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const header = "client,region,ms";
const number = /^(?:\d+(?:\.\d*)?|\.\d+)$/;

export function parseLatency(file: string, text: string): LatencyResult {
  const problems: Problem[] = [];
  const samples: LatencySample[] = [];
  const fail = (line: number, message: string, hint: string): void => {
    if (problems.length >= limits.problemsMax) return;
    const place = { file, line, column: 1 };
    problems.push({ code: "latency.invalid", severity: "error", path: "", message, hint, place });
  };
  let headed = false;
  for (const [index, line] of text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const cells = line.split(",").map((cell) => cell.trim());
    if (!headed) {
      headed = cells.join() === header;
      if (headed) continue;
      fail(
        index + 1,
        "the first line is not the header of a file of round trips",
        `begin with \`${header}\``,
      );
      break;
    }
    const [client = "", region = "", amount = ""] = cells;
    const ms = number.test(amount) ? Number(amount) : Number.NaN;
    if (
      cells.length !== 3 ||
      client === "" ||
      region === "" ||
      client.length > 64 ||
      region.length > 63
    ) {
      fail(index + 1, "not a client, a region and a time", "write a row as in `DE,fra,12.5`");
    } else if (!(ms <= limits.latencyMicrosecondsMax / 1000)) {
      const most = limits.latencyMicrosecondsMax / 1000;
      fail(
        index + 1,
        `${JSON.stringify(amount.slice(0, 60))} is no round trip`,
        `write milliseconds from 0 to ${most}`,
      );
    } else if (samples.length === limits.latencyFileRowsMax) {
      fail(index + 1, `over ${limits.latencyFileRowsMax} rows`, "import it in several parts");
      break;
    } else samples.push({ client, region, ms });
  }
  if (!headed && problems.length === 0) fail(1, "the file is empty", `begin with \`${header}\``);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, samples };
}
