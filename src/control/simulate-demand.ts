/**
 * Demand over time, and what it is demand for: *streams*, one for each class of a service that any
 * demand falls into. Used by simulate.ts. A location that is of several classes is spread over them
 * by its addresses, as in plan-places.ts.
 */
import { exactCos, pi } from "../lib/exact-math.ts";
import type { ClassIndex, Policy, ServiceIndex } from "../policy/policy.ts";
import type { Places } from "./plan-places.ts";

export type Curve =
  | { readonly kind: "constant"; readonly rps: number }
  | {
      readonly kind: "sine";
      readonly mean: number;
      readonly swing: number;
      readonly periodMs: number;
      readonly peakMs: number;
    }
  | {
      readonly kind: "points";
      readonly points: readonly { readonly atMs: number; readonly rps: number }[];
    };

/** Requests a second at a moment from the start. */
export function rateAt(curve: Curve, atMs: number): number {
  switch (curve.kind) {
    case "constant":
      return curve.rps;
    case "sine": {
      const turns = (atMs - curve.peakMs) / curve.periodMs;
      return curve.mean + curve.swing * exactCos(2 * pi * (turns - Math.floor(turns)));
    }
    case "points": {
      const next = curve.points.findIndex((point) => point.atMs > atMs);
      const after = curve.points[next];
      const before = next === -1 ? curve.points.at(-1) : curve.points[next - 1];
      if (before === undefined) return after?.rps ?? 0;
      if (after === undefined) return before.rps;
      const part = (atMs - before.atMs) / (after.atMs - before.atMs);
      return before.rps + (after.rps - before.rps) * part;
    }
  }
}

export interface Stream {
  readonly service: ServiceIndex;
  readonly classIndex: ClassIndex;
  /** Locations that feed it, the greatest part first. */
  readonly sources: readonly {
    readonly location: string;
    readonly curve: Curve;
    readonly part: number;
  }[];
}

export function demandAt(stream: Stream, atMs: number): number {
  return stream.sources.reduce((sum, { curve, part }) => sum + part * rateAt(curve, atMs), 0);
}

export interface PlacedDemand {
  readonly service: ServiceIndex;
  readonly location: string;
  readonly curve: Curve;
}

/** In the order of services and classes. */
export function streamsOf(
  policy: Policy,
  places: Places,
  demand: readonly PlacedDemand[],
): readonly Stream[] {
  const found = new Map<string, { stream: Stream; sources: Stream["sources"][number][] }>();
  for (const { service, location, curve } of demand) {
    const ruleSet = policy.ruleSets[policy.services[service]!.ruleSet];
    for (const { after, part } of places.pairsOf(location, { before: undefined, after: ruleSet })) {
      const key = `${service} ${after}`;
      let entry = found.get(key);
      if (entry === undefined) {
        const sources: Stream["sources"][number][] = [];
        const stream = { service, classIndex: after as ClassIndex, sources };
        entry = { stream, sources };
        found.set(key, entry);
      }
      entry.sources.push({ location, curve, part });
    }
  }
  return [...found.values()]
    .map(({ stream, sources }) => {
      sources.sort((a, b) => b.part - a.part || (a.location < b.location ? -1 : 1));
      return stream;
    })
    .sort((a, b) => a.service - b.service || a.classIndex - b.classIndex);
}
