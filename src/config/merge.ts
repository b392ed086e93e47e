/**
 * Several documents -> one: the maps of regions, services and zones are put together, every other
 * key may stand in one file only. Called by load.ts. Remembers which file each entry came from, so
 * that every path has a place.
 */
import type { Place, Problem } from "../errors.ts";
import type { ConfigDocument, Path } from "./document.ts";
import { isMapping } from "./draft.ts";
import { describe, type Finding, wrongType } from "./issues.ts";

export const sections = ["regions", "services", "zones"] as const;
export type Section = (typeof sections)[number];

export interface Merged {
  /** The whole, as written: what one file with everything in it would hold. */
  readonly value: Readonly<Record<string, unknown>>;
  /** Of `value`; undefined where the section stands nowhere, or as no mapping. */
  readonly sections: Readonly<Partial<Record<Section, Readonly<Record<string, unknown>>>>>;
  /** Written, but never as a mapping; reported here. */
  readonly broken: ReadonlySet<Section>;
  readonly problems: readonly Problem[];
  readonly locate: (path: Path, want?: "key" | "value") => Place;
}

export function mergeDocuments(documents: readonly ConfigDocument[]): Merged {
  const value: Record<string, unknown> = {};
  const merged: Partial<Record<Section, Record<string, unknown>>> = {};
  const broken = new Set<Section>();
  const owners = new Map<string, ConfigDocument>();
  const problems: Problem[] = [];
  const report = (document: ConfigDocument, finding: Finding): void => {
    problems.push(problemOf(finding, document.locate(finding.path, finding.at)));
  };
  /** True when the thing at the path is new; reports its second place when it is not. */
  const claim = (document: ConfigDocument, path: Path): boolean => {
    const key = path.join("\0");
    const owner = owners.get(key);
    if (owner === undefined) {
      owners.set(key, document);
      return true;
    }
    report(document, {
      code: "config.duplicate",
      path,
      message: `stands at ${formatPlace(owner.locate(path, "key"))} as well`,
      hint: "keep one of the two",
      at: "key",
    });
    return false;
  };

  for (const document of documents) {
    if (document.value === undefined) continue;
    if (!isMapping(document.value)) {
      const message = `expected a mapping, got ${describe(document.value)}`;
      const hint = "a file starts with keys such as `version: 1`";
      report(document, { code: "config.invalid", path: [], message, hint });
      continue;
    }
    for (const [key, own] of Object.entries(document.value)) {
      if (isSection(key)) {
        owners.set(key, owners.get(key) ?? document);
        const section = merged[key] ?? {};
        if (isMapping(own)) merged[key] = section;
        else if (own !== undefined) report(document, wrongType(own, [key], ["object"]));
        if (merged[key] === undefined) broken.add(key);
        else value[key] = section;
        for (const [name, entry] of Object.entries(isMapping(own) ? own : {})) {
          if (claim(document, [key, name])) section[name] = entry;
        }
      } else if (key === "version" && value["version"] === own && own !== undefined) {
        // Every file of a folder may say which language it is written in.
      } else if (claim(document, [key])) value[key] = own;
    }
  }
  const first = documents[0];
  return {
    value,
    sections: merged,
    broken,
    problems,
    locate(path, want) {
      const [top = "", name = ""] = path;
      const owner = owners.get(`${top}\0${name}`) ?? owners.get(String(top)) ?? first;
      return owner?.locate(path, want) ?? { file: "", line: 1, column: 1 };
    },
  };
}

function isSection(key: string): key is Section {
  return (sections as readonly string[]).includes(key);
}

export function problemOf(finding: Finding, place: Place): Problem {
  const { code, message, hint, severity = "error" } = finding;
  return { code, severity, path: finding.path.join("."), message, hint, place };
}

export function formatPlace(place: Place): string {
  return `${place.file}:${place.line}:${place.column}`;
}

/**
 * `services.shop.check` -> its steps. Names of zones hold dots themselves, so at each mapping the
 * longest key that fits is taken; what does not exist becomes steps split at dots.
 */
export function pathOf(text: string, value: unknown): Path {
  const steps: (string | number)[] = [];
  let rest = text === "" ? [] : text.split(".");
  let here = value;
  while (rest.length > 0) {
    let taken = 1;
    if (isMapping(here)) {
      for (let count = rest.length; count > 1; count--) {
        if (!Object.hasOwn(here, rest.slice(0, count).join("."))) continue;
        taken = count;
        break;
      }
    }
    const step = rest.slice(0, taken).join(".");
    steps.push(Array.isArray(here) ? Number(step) : step);
    here = isMapping(here) ? here[step] : Array.isArray(here) ? here[Number(step)] : undefined;
    rest = rest.slice(taken);
  }
  return steps;
}
