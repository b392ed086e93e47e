/**
 * Stable locations: words for where traffic comes from that outlive a geography: `DE`, `US-CA`,
 * `AS3320`, `unknown`. Used by demand in configurations, in CSV files and in plans.
 */
/** Clients whose place the geography does not say. */
export const unknownKey = "unknown";
export const stableLocation = /^(?:[A-Z]{2}|[A-Z]{2}-[A-Z0-9]{1,3}|AS\d{1,10}|unknown)$/;

export function isStableLocation(text: string): boolean {
  return stableLocation.test(text);
}

/** Does a place belong to a stable location? A place belongs to several: its country, its AS. */
export function locationKeys(location: {
  readonly country: string;
  readonly subdivision: string;
  readonly asn: number;
}): readonly string[] {
  const keys = [location.country === "" ? unknownKey : location.country];
  if (location.subdivision !== "") keys.push(location.subdivision);
  if (location.asn !== 0) keys.push(`AS${location.asn}`);
  return keys;
}
