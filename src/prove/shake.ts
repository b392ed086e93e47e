/**
 * Random measurements, written to a World of the caller's own: any order of a class's regions by
 * latency, any part that a pool keeps. Called by points.ts for each point.
 */
import { limits } from "../limits.ts";
import type { ClassPlan, Policy, ServiceIndex } from "../policy/policy.ts";
import { allocations, type World } from "../world/world.ts";
import { isLimited } from "./orders.ts";

export function shakeMeasures(
  policy: Policy,
  world: World,
  at: {
    readonly service: ServiceIndex;
    readonly classPlan: ClassPlan | undefined;
    readonly below: (n: number) => number;
  },
): void {
  const { below, service } = at;
  const measured = at.classPlan?.measured;
  if (measured !== undefined) {
    const first = measured.cell * policy.regions.length;
    const left = [...measured.regions];
    // Some stay without a measurement.
    const places = below(left.length + 1);
    for (const region of left) world.latency.rank[first + region] = 0;
    for (let place = 1; place <= places; place++) {
      for (const region of left.splice(below(left.length), 1)) {
        world.latency.rank[first + region] = place;
      }
    }
  }
  if (!isLimited(policy, { index: service })) return;
  world.services.allocation[service] = below(allocations.feedback + 1);
  const { keep } = world.capacity;
  for (let i = 0; i < keep.length; i++) keep[i] = below(4) * Math.floor(limits.keepFull / 3);
}
