/** What assertions name must exist. Called by load.ts. */
import { limits } from "../limits.ts";
import { assertionSchema } from "./assertions.ts";
import { type Checks, jurisdictionsOf, referenceHint } from "./checks.ts";
import type { Path } from "./document.ts";
import { isMapping } from "./draft.ts";

export function checkAssertions(checks: Checks): void {
  const raw = checks.draft.merged.value["assert"];
  if (!Array.isArray(raw)) return;
  raw.slice(0, limits.assertionsMax).forEach((written: unknown, index) => {
    // One that cannot be read has been reported, and hides none of the others.
    const { data } = assertionSchema.safeParse(written);
    if (data === undefined) return;
    const { claim, services } = data;
    const path: Path = ["assert", index];
    const { merged, services: defined } = checks.draft;
    for (const service of services ?? []) {
      const known = merged.broken.has("services") ? undefined : defined.keys();
      refer(checks, { path, what: "service", name: service, known });
    }
    if (claim.kind === "serve") {
      const known = jurisdictionsOf(checks);
      refer(checks, { path, what: "jurisdiction", name: claim.in, known });
    }
    if (claim.kind === "share") {
      const known = parts(checks);
      refer(checks, { path, what: "region or pool", name: claim.of, known });
    }
  });
}

function refer(
  checks: Checks,
  at: {
    readonly path: Path;
    readonly what: string;
    readonly name: string;
    readonly known: Iterable<string> | undefined;
  },
): void {
  if (at.known === undefined) return;
  const known = [...new Set(at.known)];
  if (known.includes(at.name)) return;
  const plural = at.what === "region or pool" ? "regions and pools" : `${at.what}s`;
  checks.report({
    code: "config.unknown-reference",
    path: at.path,
    message: `there is no ${at.what} \`${at.name}\``,
    hint: referenceHint(at.name, known, plural),
  });
}

/** Regions, and pools by colour; undefined when that cannot be told. */
function parts(checks: Checks): readonly string[] | undefined {
  if (checks.draft.regions === undefined) return undefined;
  const pools = [...checks.draft.services.values()].flatMap(({ endpoints }) =>
    Object.entries(endpoints ?? {}).flatMap(([region, colours]) =>
      Object.keys(isMapping(colours) ? colours : {})
        .filter((colour) => colour !== "")
        .map((colour) => `${region}/${colour}`),
    ),
  );
  return [...checks.draft.regions.keys(), ...pools];
}
