/**
 * Clients as rule sets see them: what rules can tell apart of each location, prepared once for all
 * of them. Called by compile.ts; read by compile-classes.ts.
 */

import { assert } from "../errors.ts";
import { onSphere, type SpherePoint } from "../geo/distance.ts";
import type { Geography, Leaves, Location } from "../geo/geography.ts";
import type { Overlay } from "../geo/overlay.ts";
import type { Jurisdictions } from "./jurisdictions.ts";
import type { WhenFacts } from "./when.ts";

/** Clients as rule sets see them, prepared once. */
export interface Places {
  readonly v4: Leaves;
  readonly v6: Leaves;
  /** Per location. */
  readonly locations: readonly Location[];
  readonly points: readonly (SpherePoint | undefined)[];
  /** Locations of one group have equal facts: no rule tells them apart. */
  readonly groups: Uint32Array;
  readonly groupFacts: readonly WhenFacts[];
}

/** Stands for every AS number that no rule asks for, so that those make no groups. */
const otherSystem = -1;

export function compilePlaces(
  geography: Geography,
  over: {
    readonly overlay: Overlay;
    readonly cidrs: readonly string[];
    /** AS numbers that rules ask for. */
    readonly asns: ReadonlySet<number>;
    readonly jurisdictions: Jurisdictions;
  },
): Places {
  const { members, v4, v6 } = over.overlay;
  const locations = members.map(({ location }) => geography.locations[location]);
  const groups = new Uint32Array(members.length);
  const groupFacts: WhenFacts[] = [];
  const groupByText = new Map<string, number>();
  const points: (SpherePoint | undefined)[] = [];
  const pointByText = new Map<string, SpherePoint>();
  members.forEach(({ cidrs }, i) => {
    const location = locations[i];
    assert(location !== undefined, "the overlay refers to locations of the geography");
    const { country, continent, subdivision, latitude, longitude } = location;
    const asn = over.asns.has(location.asn) ? location.asn : location.asn === 0 ? 0 : otherSystem;
    const text = `${country} ${continent} ${subdivision} ${asn} ${cidrs.join()}`;
    const group = groupByText.get(text) ?? groupFacts.length;
    if (group === groupFacts.length) {
      const within = new Set(cidrs.map((cidr) => over.cidrs[cidr] ?? ""));
      const jurisdictions = over.jurisdictions.of(location);
      const facts = { country, continent, subdivision, cidrs: within, asn, jurisdictions };
      // The front is put in where rules are asked.
      groupFacts.push({ ...facts, front: "" });
      groupByText.set(text, group);
    }
    groups[i] = group;
    points.push(pointOf(pointByText, latitude, longitude));
  });
  return { v4, v6, locations: locations as Location[], points, groups, groupFacts };
}

/** One object for equal points, so that they can be compared by identity. */
function pointOf(
  known: Map<string, SpherePoint>,
  latitude: number,
  longitude: number,
): SpherePoint | undefined {
  if (Number.isNaN(latitude) || Number.isNaN(longitude)) return undefined;
  const text = `${latitude} ${longitude}`;
  const point = known.get(text) ?? onSphere(latitude, longitude);
  known.set(text, point);
  return point;
}
