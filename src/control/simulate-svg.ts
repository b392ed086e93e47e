/**
 * A simulation as a picture: load per region over time, events marked, as one SVG without script,
 * font or link. Called by `rhumb simulate --svg`. Colours are those of Okabe and Ito, which people
 * who are colour-blind can tell apart, and each line has a dash of its own as well.
 */
import type { Simulation } from "./simulate.ts";
import { clock, eventMark } from "./simulate-chart.ts";

const palette = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"] as const;
const dashes = ["", "7 3", "2 3", "9 3 2 3"] as const;
const ink = "#222222";
const faint = "#d0d0d0";

const width = 960;
const plot = { left: 76, top: 52, right: 24, height: 320 } as const;
const plotWidth = width - plot.left - plot.right;
const lineHeight = 18;
const ticksWanted = 6;

export function simulationSvg(simulation: Simulation, options: { readonly title: string }): string {
  const { regions, samples, events } = simulation;
  const lost = samples.some((sample) => sample.lost > 0);
  const most = Math.max(...samples.flatMap(({ load }) => load), 1e-12);
  const scale = scaleOf(most, simulation.durationMs);
  const bottom = plot.top + plot.height;
  const legendTop = bottom + 62;
  const names = [...regions, ...(lost ? ["sent to what does not serve"] : [])];
  const legendRows = Math.ceil(names.length / 4);
  const listTop = legendTop + legendRows * lineHeight + 14;
  const height = listTop + Math.ceil(events.length / 2) * lineHeight + 10;
  const lines = regions.map((_, i) => {
    const points = samples.map(({ atMs, load }) => [atMs, load[i] ?? 0] as const);
    return path(points, scale, styleOf(i));
  });
  if (lost) {
    const points = samples.map((sample) => [sample.atMs, sample.lost] as const);
    lines.push(path(points, scale, lostStyle));
  }
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13" fill="${ink}" role="img">`,
    `<title>${escaped(options.title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(plot.left, 26, options.title, 'font-size="16" font-weight="bold"'),
    ...axes(simulation, scale),
    ...eventLines(simulation, scale),
    ...lines,
    ...legend(names, { top: legendTop, lost }),
    ...events.map(({ atMs, event }, i) => {
      const x = plot.left + (i % 2) * (plotWidth / 2);
      const y = listTop + Math.floor(i / 2) * lineHeight;
      return text(x, y, `${eventMark(i)}  ${clock(atMs)}  ${event}`);
    }),
    "</svg>",
  ].join("\n")}\n`;
}

interface Scale {
  readonly x: (atMs: number) => number;
  readonly y: (load: number) => number;
  readonly loadTick: number;
  readonly loadTop: number;
  readonly time: TimeUnit;
}

function scaleOf(most: number, durationMs: number): Scale {
  const loadTick = niceStep(most / ticksWanted);
  const loadTop = Math.ceil((most * 1.02) / loadTick) * loadTick;
  return {
    x: (atMs) => plot.left + (atMs / durationMs) * plotWidth,
    y: (load) => plot.top + plot.height * (1 - load / loadTop),
    loadTick,
    loadTop,
    time: timeUnit(durationMs),
  };
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
export function niceStep(least: number): number {
  let power = 1;
  while (power > least) power /= 10;
  while (power * 10 <= least) power *= 10;
  for (const factor of [1, 2, 5]) if (power * factor >= least) return power * factor;
  return power * 10;
}

interface TimeUnit {
  readonly name: string;
  readonly ms: number;
  readonly tickMs: number;
}

const timeSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600];

function timeUnit(durationMs: number): TimeUnit {
  const leastMs = durationMs / 10;
  const seconds = timeSteps.find((each) => each * 1000 >= leastMs) ?? 43_200;
  const tickMs = seconds * 1000 >= leastMs ? seconds * 1000 : 86_400_000;
  if (tickMs < 60_000) return { name: "s", ms: 1000, tickMs };
  return tickMs < 3_600_000
    ? { name: "min", ms: 60_000, tickMs }
    : { name: "h", ms: 3_600_000, tickMs };
}

function axes(simulation: Simulation, scale: Scale): readonly string[] {
  const { durationMs, unit } = simulation;
  const bottom = plot.top + plot.height;
  const right = plot.left + plotWidth;
  const parts: string[] = [];
  for (let i = 0; i * scale.loadTick <= scale.loadTop * 1.0001; i++) {
    const load = i * scale.loadTick;
    const y = round(scale.y(load));
    parts.push(line([plot.left, y, right, y], `stroke="${faint}"`));
    const figure = unit === "share" ? load * 100 : load;
    const label = Number(figure.toPrecision(4)).toString();
    parts.push(text(plot.left - 8, y + 4, label, 'text-anchor="end"'));
  }
  for (let atMs = 0; atMs <= durationMs; atMs += scale.time.tickMs) {
    const x = round(scale.x(atMs));
    parts.push(line([x, bottom, x, bottom + 5], `stroke="${ink}"`));
    const label = Number((atMs / scale.time.ms).toPrecision(4)).toString();
    parts.push(text(x, bottom + 19, label, 'text-anchor="middle"'));
  }
  const middle = plot.top + plot.height / 2;
  const what = unit === "share" ? "load (% of demand)" : "load (requests/s)";
  return [
    ...parts,
    line([plot.left, bottom, right, bottom], `stroke="${ink}"`),
    line([plot.left, plot.top, plot.left, bottom], `stroke="${ink}"`),
    text(
      plot.left + plotWidth / 2,
      bottom + 38,
      `time (${scale.time.name})`,
      'text-anchor="middle"',
    ),
    text(20, middle, what, `text-anchor="middle" transform="rotate(-90 20 ${middle})"`),
  ];
}

/** Marks of one place stand above each other. */
function eventLines({ events }: Simulation, scale: Scale): readonly string[] {
  const bottom = plot.top + plot.height;
  const near = 12;
  let lastX = Number.NEGATIVE_INFINITY;
  let beside = 0;
  return events.flatMap(({ atMs }, i) => {
    const x = round(scale.x(atMs));
    beside = x - lastX < near ? beside + 1 : 0;
    lastX = beside === 0 ? x : lastX;
    return [
      line([x, plot.top, x, bottom], `stroke="${ink}" stroke-width="1" stroke-dasharray="1 4"`),
      text(x + beside * 9, plot.top - 5, eventMark(i), 'text-anchor="middle" font-size="11"'),
    ];
  });
}

const lostStyle = `stroke="#000000" stroke-width="1.5" stroke-dasharray="3 2"`;

function styleOf(index: number): string {
  const dash = dashes[index % dashes.length];
  const stroke = `stroke="${palette[index % palette.length]}" stroke-width="2.5"`;
  return dash === "" ? stroke : `${stroke} stroke-dasharray="${dash}"`;
}

function legend(
  names: readonly string[],
  at: { readonly top: number; readonly lost: boolean },
): readonly string[] {
  return names.flatMap((name, i) => {
    const x = plot.left + (i % 4) * (plotWidth / 4);
    const y = at.top + Math.floor(i / 4) * lineHeight;
    const style = at.lost && i === names.length - 1 ? lostStyle : styleOf(i);
    return [line([x, y - 4, x + 32, y - 4], style), text(x + 40, y, name)];
  });
}

function path(points: readonly (readonly [number, number])[], scale: Scale, style: string): string {
  const coordinates = points.map(
    ([atMs, load]) => `${round(scale.x(atMs))},${round(scale.y(load))}`,
  );
  return `<polyline fill="none" stroke-linejoin="round" ${style} points="${coordinates.join(" ")}"/>`;
}

function line([x1, y1, x2, y2]: readonly [number, number, number, number], style: string): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" ${style}/>`;
}

function text(x: number, y: number, words: string, style = ""): string {
  return `<text x="${round(x)}" y="${round(y)}"${style === "" ? "" : ` ${style}`}>${escaped(words)}</text>`;
}

const round = (value: number): number => Math.round(value * 100) / 100;

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

function escaped(words: string): string {
  // Control characters have no place in XML 1.0.
  const clean = words.replace(/\p{Cc}/gu, " ");
  return clean.replace(/[&<>"]/g, (each) => entities[each] ?? "");
}
