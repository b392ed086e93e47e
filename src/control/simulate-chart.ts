/**
 * A simulation as text: load per region over time in block characters, the events below, then the
 * timeline with reasons. Called by `rhumb simulate` with the width of the terminal.
 */
import { formatDuration } from "../config/values.ts";
import { percent } from "./plan-text.ts";
import type { Simulation, TimelineEntry } from "./simulate.ts";

const blocks = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;
const steps = blocks.length - 1;
const widthMin = 50;
const widthMax = 160;
/** Rows of a region's chart; fewer when there are many regions. */
const rowsFull = 4;
const rowsSmall = 2;
const entriesShown = 200;

export function formatSimulation(
  simulation: Simulation,
  options: { readonly width: number; readonly title: string },
): string {
  const width = Math.max(widthMin, Math.min(widthMax, options.width));
  const { unit, durationMs, stepMs, seed, probes } = simulation;
  const load = unit === "rps" ? "requests/s" : "share of demand (assumed equal per country)";
  const lines = [
    options.title,
    `${formatDuration(durationMs)} in steps of ${formatDuration(stepMs)}, seed ${seed}, ${probes} probes; load in ${load}`,
    "",
    ...chartLines(simulation, width),
    "",
    ...timelineLines(simulation),
    "",
    ...limitLines(simulation),
    summary(simulation),
  ];
  return `${lines.join("\n")}\n`;
}

export function loadText(unit: Simulation["unit"], load: number): string {
  if (unit === "share") return percent(load);
  return load >= 100 ? load.toFixed(0) : Number(load.toPrecision(3)).toString();
}

/** `00:01:03.250`; whole seconds without the fraction. */
export function clock(atMs: number): string {
  const pad = (n: number) => String(n).padStart(2, "0");
  const seconds = Math.floor(atMs / 1000);
  const text = `${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
  const fraction = Math.round(atMs % 1000);
  return fraction === 0 ? text : `${text}.${String(fraction).padStart(3, "0")}`;
}

function chartLines(simulation: Simulation, width: number): readonly string[] {
  const { regions, samples, unit, durationMs } = simulation;
  const most = Math.max(...samples.flatMap(({ load }) => load), 1e-12);
  const top = loadText(unit, most);
  const labelWidth = Math.max(top.length, ...regions.map((name) => name.length)) + 1;
  const columns = width - labelWidth - 2;
  const rows = regions.length > 4 ? rowsSmall : rowsFull;
  const lines: string[] = [];
  const area = (name: string, values: readonly number[]): void => {
    const levels = resample(values, columns).map((value) => {
      const level = Math.round((value / most) * rows * steps);
      // What is there is not shown as nothing.
      return value > 0 ? Math.max(1, level) : 0;
    });
    for (let row = rows - 1; row >= 0; row--) {
      const label = row === rows - 1 ? name : "";
      const cells = levels.map(
        (level) => blocks[Math.min(steps, Math.max(0, level - row * steps))],
      );
      lines.push(
        `${label.padStart(labelWidth)} ${row === 0 ? "┴" : "│"}${cells.join("")}`.trimEnd(),
      );
    }
  };
  lines.push(`${top.padStart(labelWidth)} ┌ full height`);
  regions.forEach((name, i) => {
    area(
      name,
      samples.map(({ load }) => load[i] ?? 0),
    );
  });
  if (samples.some(({ lost }) => lost > 0))
    area(
      "(lost)",
      samples.map(({ lost }) => lost),
    );
  lines.push(...axisLines(simulation, { columns, labelWidth, durationMs }));
  return lines;
}

/** Values over the time axis -> one a column: the greatest that falls into it, else the nearest. */
function resample(values: readonly number[], columns: number): readonly number[] {
  return Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * values.length) / columns);
    const to = Math.max(from + 1, Math.floor(((column + 1) * values.length) / columns));
    return Math.max(...values.slice(from, to));
  });
}

/** `1` to `9`, then letters, then `*`. */
export function eventMark(index: number): string {
  return "123456789abcdefghijklmnopqrstuvwxyz"[index] ?? "*";
}

function axisLines(
  { events }: Simulation,
  at: { readonly columns: number; readonly labelWidth: number; readonly durationMs: number },
): readonly string[] {
  const { columns, labelWidth, durationMs } = at;
  const marks = new Array<string>(columns).fill(" ");
  events.forEach(({ atMs }, i) => {
    const column = Math.min(columns - 1, Math.floor((atMs / durationMs) * columns));
    marks[column] = marks[column] === " " ? eventMark(i) : "+";
  });
  const indent = " ".repeat(labelWidth + 2);
  const half = clock(durationMs / 2);
  const end = clock(durationMs);
  const start = clock(0);
  const gap = Math.floor((columns - start.length - half.length - end.length) / 2);
  const axis = `${start}${" ".repeat(gap)}${half}${" ".repeat(gap)}${end}`;
  const list = events.map(
    ({ atMs, event }, i) => `${indent}${eventMark(i)} ${clock(atMs)} ${event}`,
  );
  return [`${indent}${marks.join("")}`.trimEnd(), `${indent}${axis}`, ...list];
}

function timelineLines({ timeline, timelineLeftOut }: Simulation): readonly string[] {
  const lines = timeline.slice(0, entriesShown).map(entryLine);
  const left = timeline.length - lines.length + timelineLeftOut;
  return left > 0 ? [...lines, `... ${left} more; --json has ${timeline.length}`] : lines;
}

function entryLine({ atMs, kind, subject, change, reasons }: TimelineEntry): string {
  const why = reasons.length === 0 ? "" : `: ${reasons.join(", ")}`;
  const what = kind === "event" ? change : `${subject} ${change}`;
  return `${clock(atMs).padEnd(12)} ${kind.padEnd(8)} ${what}${why}`;
}

function limitLines({ limits }: Simulation): readonly string[] {
  return limits.map(({ limit, unit, capacity, load, atMs }) => {
    const most = `${loadText("rps", load)} of ${loadText("rps", capacity)} ${unit}`;
    return `${limit}: at most ${most} (${percent(load / capacity)}), at ${clock(atMs)}`;
  });
}

function summary({ samples, lostShare, stepMs }: Simulation): string {
  if (lostShare === 0) return "every request met an endpoint that serves";
  const last = samples.findLast(({ lost }) => lost > 0);
  const when = last === undefined ? "" : `, the last until ${clock(last.atMs + stepMs)}`;
  return `${percent(lostShare)} of all requests met an endpoint that did not serve, or none${when}`;
}
