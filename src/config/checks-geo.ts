/** Geography overrides and the sizes of the whole. Called by load.ts. */
import { limits } from "../limits.ts";
import { canonicalCidr } from "./address.ts";
import { type Checks, placeText } from "./checks.ts";
import type { Path } from "./document.ts";
import { isMapping } from "./draft.ts";

/** Overlapping prefixes are fine, the longest counts; one prefix with two values is not. */
export function checkGeo(checks: Checks): void {
  const geo = checks.draft.merged.value["geo"];
  const overrides = isMapping(geo) ? geo["overrides"] : undefined;
  if (!Array.isArray(overrides)) return;
  const seen = new Map<string, { readonly path: Path; readonly text: string }>();
  for (const [index, override] of overrides.entries()) {
    if (!isMapping(override)) continue;
    const path = ["geo", "overrides", index];
    const { cidr, country, subdivision, at } = override;
    if (country === undefined && subdivision === undefined && at === undefined) {
      const message = "the override says nothing about the prefix";
      const hint = "add `country`, `subdivision` or `at`";
      checks.report({ code: "config.missing", path, message, hint });
    }
    if (typeof country === "string" && typeof subdivision === "string") {
      if (/^[A-Z]{2}-/.test(subdivision) && !subdivision.startsWith(`${country}-`)) {
        const message = `${subdivision} is not in ${country}`;
        const hint = `write \`country: ${subdivision.slice(0, 2)}\`, or leave it out`;
        const at = [...path, "subdivision"];
        checks.report({ code: "config.conflict", path: at, message, hint });
      }
    }
    const prefix = typeof cidr === "string" ? canonicalCidr(cidr) : undefined;
    if (prefix === undefined) continue;
    const text = JSON.stringify([country, subdivision, at]);
    const first = seen.get(prefix);
    if (first === undefined) seen.set(prefix, { path, text });
    else if (first.text !== text) {
      const message = `${prefix} has another value at ${placeText(checks, first.path)}`;
      const hint = "keep one of the two";
      checks.report({ code: "config.duplicate", path: [...path, "cidr"], message, hint });
    }
  }
}

/** Two listeners cannot have one address: DNS, redirect and metrics all listen on TCP. */
export function checkListen(checks: Checks): void {
  const { listen } = checks.draft.top;
  const raw = checks.draft.merged.value["listen"];
  const seen = new Map<string, Path>();
  for (const key of ["dns", "dot", "doh", "redirect", "metrics"] as const) {
    const own: unknown = listen?.[key];
    const addresses: readonly unknown[] = Array.isArray(own) ? own : [own];
    const listed = isMapping(raw) && Array.isArray(raw[key]);
    for (const [index, address] of addresses.entries()) {
      if (typeof address !== "string" || address === "off" || address.endsWith(":0")) continue;
      const path: Path = ["listen", key, ...(listed ? [index] : [])];
      const first = seen.get(address);
      if (first === undefined) seen.set(address, path);
      else {
        const message = `${address} is listened on already, as \`${first.slice(0, 2).join(".")}\` (${placeText(checks, first)})`;
        checks.report({ code: "config.duplicate", path, message, hint: "choose another port" });
      }
    }
  }
  if (listen?.tls !== undefined || (isMapping(raw) && raw["tls"] !== undefined)) return;
  for (const key of ["dot", "doh"] as const) {
    if ((listen?.[key] ?? []).length === 0) continue;
    checks.report({
      code: "config.missing",
      path: ["listen", key],
      message: `\`${key}\` needs a certificate`,
      hint: "write `listen: {tls: {certificate: FILE, key: FILE}}`",
      at: "key",
    });
  }
}

/** Counts over the whole configuration. Those of one service are checked with it. */
export function checkSizes(checks: Checks): void {
  const { regions, services } = checks.draft.merged.sections;
  let endpoints = 0;
  for (const service of Object.values(services ?? {})) {
    const pools = isMapping(service) ? service["endpoints"] : undefined;
    for (const pool of isMapping(pools) ? Object.values(pools) : []) endpoints += entriesOf(pool);
  }
  const counts: readonly (readonly [string, number, number, string])[] = [
    ["regions", Object.keys(regions ?? {}).length, limits.regionsMax, "regions"],
    ["services", Object.keys(services ?? {}).length, limits.servicesMax, "services"],
    ["services", endpoints, limits.endpointsMax, "endpoints"],
  ];
  for (const [section, count, most, what] of counts) {
    if (count <= most) continue;
    const hint = `at most ${most}`;
    const message = `${count} ${what}`;
    checks.report({ code: "config.limit", path: [section], message, hint, at: "key" });
  }
}

function entriesOf(pool: unknown): number {
  if (Array.isArray(pool)) return pool.length;
  if (!isMapping(pool)) return 1;
  return Object.values(pool).reduce(
    (sum: number, colour) => sum + (Array.isArray(colour) ? colour.length : 1),
    0,
  );
}
