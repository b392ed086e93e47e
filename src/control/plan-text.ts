/**
 * A plan as text, for people: `+` comes, `-` goes, `~` changes. Called by `rhumb plan`, which says
 * how a line is painted; the words are the same with and without colour. Long lists are cut and
 * counted: `--json` has them whole.
 */
import type { MovePlan, Plan, RegionPlan, ServicePlan } from "./plan.ts";
import type { EndpointChange, SettingChange } from "./plan-settings.ts";
import { tailModel } from "./plan-tail.ts";

export type Mark = "added" | "removed" | "changed" | "heading" | "plain";
/** Colours a whole line. */
export type Paint = (mark: Mark, line: string) => string;

export interface PlanTextOptions {
  /** What was compared, such as file names. */
  readonly before: string;
  readonly after: string;
  /** Where demand comes from; "" when it is assumed. */
  readonly demand: string;
  readonly world: string;
  readonly paint: Paint;
}

const marks = { added: "+", removed: "-", changed: "~" } as const;
/** Locations, endpoints and services shown; the rest are counted. */
const movesShown = 10;
const endpointsShown = 20;
const servicesShown = 200;

interface Line {
  readonly mark: Mark;
  readonly text: string;
}
const line = (mark: Mark, text: string): Line => ({ mark, text });

export function formatPlan(plan: Plan, options: PlanTextOptions): string {
  const lines: Line[] = [
    line("plain", `plan    ${options.before} -> ${options.after}`),
    line("plain", `demand  ${demandText(plan, options.demand)}`),
    line("plain", `world   ${options.world}`),
  ];
  if (plan.changed) {
    lines.push(...globalLines(plan), ...regionLines(plan), ...limitLines(plan));
    for (const service of plan.services.slice(0, servicesShown)) {
      lines.push(line("plain", ""), ...serviceLines(plan, service));
    }
    const left = plan.services.length - servicesShown;
    if (left > 0) lines.push(line("plain", ""), line("plain", `... ${left} more services`));
    lines.push(...tailLines(plan));
  }
  lines.push(line("plain", ""), line("heading", summaryText(plan)));
  return `${lines.map(({ mark, text }) => options.paint(mark, text)).join("\n")}\n`;
}

function demandText(plan: Plan, source: string): string {
  if (plan.demand.assumed) return "assumed: equal for every country and every service";
  const { declared, before, after } = plan.demand;
  const total = amountText(plan, Math.max(before, after));
  return `${total} from ${declared ? "the new configuration" : source}, spread over a location by its addresses`;
}

export function percent(part: number): string {
  const text = (part * 100).toFixed(2);
  // What is there is not shown as nothing.
  return part > 0 && text === "0.00" ? "<0.01 %" : `${text} %`;
}

function amountText(plan: Plan, amount: number): string {
  if (plan.demand.unit === "share") return percent(amount);
  const figure = amount >= 100 ? amount.toFixed(0) : Number(amount.toPrecision(3)).toString();
  return `${figure} ${plan.demand.unit === "rps" ? "rps" : "requests"}`;
}

function settingText({ setting, before, after }: SettingChange): string {
  return `${setting}: ${before} -> ${after}`;
}

function globalLines(plan: Plan): readonly Line[] {
  const settings = plan.global.map((change) => line("changed", `~ ${settingText(change)}`));
  if (settings.length > 0) return [line("plain", ""), ...settings];
  const silent =
    plan.services.length === 0 &&
    plan.regions.every(({ change }) => change === "kept") &&
    plan.limits.every((limit) => limit.capacityBefore === limit.capacityAfter);
  if (!silent) return [];
  return [line("plain", ""), line("changed", "~ words that no decision and no answer reads")];
}

const mustShow = ({ region, demandBefore, demandAfter }: RegionPlan): boolean =>
  !region.startsWith("(") || demandBefore + demandAfter > 0;

function regionLines(plan: Plan): readonly Line[] {
  const shown = plan.regions.filter(mustShow);
  const width = Math.max(8, ...shown.map(({ region }) => region.length));
  const cells = (texts: readonly string[]) => texts.map((text) => text.padStart(14)).join("");
  const head = `  ${"region".padEnd(width)}${cells(["before", "after", "change"])}`;
  const load = plan.demand.unit === "share" ? [] : ["load before", "load after"];
  const lines = [line("plain", ""), line("heading", `${head}${cells(load)}`)];
  for (const region of shown) {
    const { shareBefore, shareAfter, demandBefore, demandAfter, change } = region;
    const difference = shareAfter - shareBefore;
    const moved = Math.abs(difference) >= 5e-9;
    const mark = change === "kept" ? (moved ? "changed" : "plain") : change;
    const sign = mark === "plain" ? " " : marks[mark as keyof typeof marks];
    const signed = `${difference > 0 ? "+" : ""}${(difference * 100).toFixed(2)}`;
    const figures = [percent(shareBefore), percent(shareAfter), moved ? signed : "0"];
    const loads = load.map((_, i) => amountText(plan, i === 0 ? demandBefore : demandAfter));
    lines.push(
      line(mark, `${sign} ${region.region.padEnd(width)}${cells([...figures, ...loads])}`),
    );
  }
  return lines;
}

function limitLines({ limits }: Plan): readonly Line[] {
  if (limits.length === 0) return [];
  const width = Math.max(8, ...limits.map(({ limit }) => limit.length));
  const head = `  ${"capacity".padEnd(width)}${"before".padStart(28)}${"after".padStart(28)}`;
  const lines = limits.map((each): Line => {
    const { limit, unit, capacityBefore, capacityAfter, loadBefore, loadAfter } = each;
    const before = loadOf(capacityBefore, loadBefore, unit).padStart(28);
    const after = loadOf(capacityAfter, loadAfter, unit).padStart(28);
    const mark =
      capacityBefore === null
        ? "added"
        : capacityAfter === null
          ? "removed"
          : before === after
            ? "plain"
            : "changed";
    return line(
      mark,
      `${mark === "plain" ? " " : marks[mark]} ${limit.padEnd(width)}${before}${after}`,
    );
  });
  return [line("plain", ""), line("heading", head), ...lines];
}

/** `350 of 500 rps (70.00 %)`. */
function loadOf(capacity: number | null, load: number | null, unit: string): string {
  if (capacity === null) return "none";
  const figure = (amount: number) =>
    amount >= 100 ? amount.toFixed(0) : Number(amount.toPrecision(3)).toString();
  if (load === null) return `${figure(capacity)} ${unit}`;
  const part = capacity === 0 ? "" : ` (${percent(load / capacity)})`;
  return `${figure(load)} of ${figure(capacity)} ${unit}${part}`;
}

function serviceLines(plan: Plan, service: ServicePlan): readonly Line[] {
  const { change, demand, assumed } = service;
  const silent = assumed && !plan.demand.assumed;
  const amount = silent
    ? ", not in the demand file: shares are for equal demand from every country"
    : plan.demand.assumed
      ? ""
      : `, ${amountText(plan, demand)}`;
  const lines = [line(change, `${marks[change]} service ${service.service}${amount}`)];
  for (const setting of service.settings) {
    lines.push(line("changed", `  ~ ${settingText(setting)}`));
  }
  for (const { change: what, when, steer } of service.rules) {
    const text = when === "" ? "otherwise" : when;
    lines.push(line(what, `  ${marks[what]} rule ${text}: ${steer}`));
  }
  lines.push(...endpointLines(service.endpoints));
  for (const { region, shareBefore, shareAfter } of service.regions) {
    if (Math.abs(shareAfter - shareBefore) < 5e-9) continue;
    const text = `${region}: ${percent(shareBefore)} -> ${percent(shareAfter)}`;
    lines.push(line("changed", `  ~ share of ${text}`));
  }
  return [...lines, ...moveLines(plan, service)];
}

function endpointLines(changes: readonly EndpointChange[]): readonly Line[] {
  const lines = changes.slice(0, endpointsShown).map(({ change, endpoint, settings }) => {
    const detail = settings.length === 0 ? "" : ` ${settings.map(settingText).join(", ")}`;
    return line(change, `  ${marks[change]} endpoint ${endpoint}${detail}`);
  });
  const left = changes.length - lines.length;
  return left > 0 ? [...lines, line("plain", `    ... ${left} more endpoints`)] : lines;
}

function moveLines(plan: Plan, service: ServicePlan): readonly Line[] {
  if (service.change !== "changed") return [];
  const lines: Line[] = [];
  const { movedBetweenRegions, movedWithinRegions, moves, repinned } = service;
  if (movedBetweenRegions > 0) {
    const places = count(moves.length + service.movesLeftOut, "location");
    lines.push(
      line("plain", `    ${percent(movedBetweenRegions)} of its demand moves, of ${places}:`),
    );
    for (const move of moves.slice(0, movesShown)) lines.push(moveLine(plan, move));
    const left = moves.length + service.movesLeftOut - Math.min(moves.length, movesShown);
    if (left > 0) lines.push(line("plain", `      ... ${left} more`));
  }
  if (movedWithinRegions > 0) {
    const part = percent(movedWithinRegions);
    lines.push(line("plain", `    ${part} of its demand changes endpoint within its region`));
  }
  if (repinned !== null && repinned > 0) {
    lines.push(line("plain", `    ${percent(repinned)} of its clients get another endpoint`));
  }
  return lines;
}

function moveLine(plan: Plan, { location, demand, moved, flows }: MovePlan): Line {
  const part = demand === 0 ? "" : `${percent(moved / demand)} of it`;
  const amount = plan.demand.assumed || demand === 0 ? "" : `, ${amountText(plan, moved)}`;
  const ways = flows.map(({ from, to }) => `${from} -> ${to}`).join(", ");
  return line("plain", `      ${location.padEnd(8)} ${ways}  ${part}${amount}`.trimEnd());
}

function tailLines({ tail }: Plan): readonly Line[] {
  if (tail === null) return [];
  const [p95, p99, p999] = [tail.p95, tail.p99, tail.p999].map((each) => `${each.toFixed(1)} s`);
  return [
    line("plain", ""),
    line("plain", `dns     95 % has moved after ${p95}, 99 % after ${p99}, 99.9 % after ${p999}`),
    line("plain", `        if ${tailModel[0]}`),
    line("plain", `        ${tailModel[1]}`),
  ];
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

function summaryText(plan: Plan): string {
  if (!plan.changed) return "nothing changes";
  const { added, removed, changed, unchanged, moved, movedShare } = plan.summary;
  const services =
    `${count(added, "service")} added, ${changed} changed, ${removed} removed, ` +
    `${unchanged} as before`;
  if (movedShare === 0) return `${services}; no demand moves to another region`;
  const amount = plan.demand.assumed ? "" : ` (${amountText(plan, moved)})`;
  return `${services}; ${percent(movedShare)} of demand${amount} moves to another region`;
}

export function worldText(options: { readonly running: boolean }): string {
  return options.running
    ? "what the running server believes now; endpoints new to it are taken as up"
    : "every endpoint up";
}
