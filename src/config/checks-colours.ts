/**
 * Colours of pools: what `shares` and `canary` name exists, and says everything. Called by load.ts
 * for each service, after the endpoints themselves have been checked.
 */
import { checkRegionReference, placeText, referenceHint, type ServiceChecks } from "./checks.ts";
import { poolsAt } from "./checks-service.ts";
import type { Path } from "./document.ts";
import { isMapping } from "./draft.ts";

export function checkColours(checks: ServiceChecks): void {
  const raw = checks.raw["shares"];
  if (isMapping(raw)) {
    for (const [region, shares] of Object.entries(raw)) checkShares(checks, region, shares);
  }
  checkCanary(checks);
}

/** Colour -> sum of its endpoints' weights; undefined when there is none, or it was reported. */
function coloursOf(
  checks: ServiceChecks,
  region: string,
  where: { readonly path: Path; readonly at?: "key" },
): ReadonlyMap<string, number> | undefined {
  if (!checkRegionReference(checks, region, { ...where, endpoints: true })) return undefined;
  const endpoints = checks.raw["endpoints"];
  if (!isMapping(endpoints) || !Object.hasOwn(endpoints, region)) return undefined;
  const pools = poolsAt(endpoints[region], []);
  if (pools.every(({ colour }) => colour !== "")) {
    return new Map(
      pools.map((pool) => [
        pool.colour,
        // An endpoint that is wrong may have any weight.
        pool.endpoints.length < pool.count
          ? 1
          : pool.endpoints.reduce((sum, { endpoint }) => sum + endpoint.weight, 0),
      ]),
    );
  }
  checks.report({
    ...where,
    code: "config.conflict",
    message: `the pool in \`${region}\` has no colours`,
    hint: `name them: \`${region}: {stable: ..., canary: ...}\` under \`endpoints\``,
  });
  return undefined;
}

function checkShares(checks: ServiceChecks, region: string, shares: unknown): void {
  const path = [...checks.path, "shares", region];
  const colours = coloursOf(checks, region, { path, at: "key" });
  if (colours === undefined || !isMapping(shares)) return;
  for (const colour of Object.keys(shares)) {
    if (!colours.has(colour)) reportColour(checks, colour, { colours, path: [...path, colour] });
  }
  const left = [...colours.keys()].filter((colour) => !Object.hasOwn(shares, colour));
  if (left.length > 0) {
    const message = `no share is written for ${left.map((colour) => `\`${colour}\``).join(", ")}`;
    const hint = "write 0 for a colour that gets no new work";
    checks.report({ code: "config.missing", path, message, hint, at: "key" });
  } else if (Object.values(shares).every((share) => share === 0)) {
    const hint = "give at least one colour a positive share";
    checks.report({ code: "config.conflict", path, message: "every share is 0", hint });
  }
}

function checkCanary(checks: ServiceChecks): void {
  const { canary } = checks.service;
  if (canary?.region === undefined || canary.colour === undefined) return;
  const { region, colour } = canary;
  const path = [...checks.path, "canary"];
  const colours = coloursOf(checks, region, { path: [...path, "region"] });
  if (colours === undefined) return;
  const shares = checks.raw["shares"];
  if (isMapping(shares) && Object.hasOwn(shares, region)) {
    const message = `the shares of \`${region}\` are written (${placeText(checks, [...checks.path, "shares", region])})`;
    checks.report({ code: "config.conflict", path, message, hint: "remove one of the two" });
    return;
  }
  const raw = checks.raw["canary"];
  const written = isMapping(raw) && raw["colour"] !== undefined;
  if (!colours.has(colour)) {
    reportColour(checks, colour, { colours, path: [...path, written ? "colour" : "region"] });
  } else if ([...colours].every(([each, weight]) => each === colour || weight === 0)) {
    const message = `beside \`${colour}\` no colour of \`${region}\` has an endpoint with a weight`;
    const hint = "give the others one: they get what the canary leaves";
    checks.report({ code: "config.conflict", path: [...path, "region"], message, hint });
  }
}

function reportColour(
  checks: ServiceChecks,
  colour: string,
  of: { readonly colours: ReadonlyMap<string, number>; readonly path: Path },
): void {
  checks.report({
    code: "config.unknown-reference",
    path: of.path,
    message: `the pool has no colour \`${colour}\``,
    hint: referenceHint(colour, of.colours.keys(), "its colours"),
  });
}
