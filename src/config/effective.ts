/**
 * `rhumb check --effective`: the whole configuration in its long form, with `# default` beside
 * every value the operator did not write. The text is a configuration itself: loading it again
 * gives the same digest. Called by cli/ with what loadConfig returned.
 */
import { Document, isCollection, isScalar, isSeq, visit } from "yaml";
import { composites, kindsOfCheckKey, questionKeys } from "./checks-check.ts";
import type { Path } from "./document.ts";
import { isMapping } from "./draft.ts";
import type { LoadedConfig } from "./load.ts";
import { configSchema, type EndpointConfig } from "./schema.ts";
import { formatDuration, formatPercent } from "./values.ts";

export interface Effective {
  /** A valid configuration, in the operator's units. */
  readonly value: Readonly<Record<string, unknown>>;
  /** Paths of the values that were not written. A list counts as one value. */
  readonly defaults: readonly Path[];
}

/** As the schema has them, so that none is left out; `zone` is an entry of `zones` here. */
const topOrder = Object.keys(configSchema.shape).filter((key) => key !== "zone");
/** Keys that hold times; `minimum` does in a zone's `soa` only. */
export const durationKeys: ReadonlySet<string> = new Set(
  [
    "interval",
    "timeout",
    "hold",
    "ramp",
    "over",
    "per",
    "min",
    "max",
    "ttl",
    "age",
    "window",
  ].concat("refresh", "retry", "expire", "idle"),
);

/** Keys that hold parts of a whole. */
export const percentKeys: ReadonlySet<string> = new Set(
  ["share", "panic", "target", "low", "high"].concat("scaler", "margin"),
);

export function effective(loaded: LoadedConfig): Effective {
  const { zone } = loaded.config;
  const config: Record<string, unknown> = { ...loaded.config };
  const ordered = Object.fromEntries(topOrder.map((key) => [key, config[key]]));
  // `zone: x` is short for an entry without settings.
  const zones = loaded.written["zones"];
  const written =
    zone === undefined
      ? loaded.written
      : { ...loaded.written, zones: { ...(isMapping(zones) ? zones : {}), [zone]: {} } };
  const defaults: Path[] = [];
  const services = steeredServices(written["services"]);
  const value = expand(ordered, { ...written, services }, { path: [], defaults });
  return { value: value as Record<string, unknown>, defaults };
}

/** `policy` is how `steer` was written. */
function steeredServices(services: unknown): unknown {
  if (!isMapping(services)) return services;
  return Object.fromEntries(
    Object.entries(services).map(([name, service]) => {
      const named = isMapping(service) && service["policy"] !== undefined;
      return [name, named ? { ...service, steer: service["policy"] } : service];
    }),
  );
}

/** As YAML, with comments. */
export function formatEffective({ value, defaults }: Effective): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  // Lists of words on one line, as people write them.
  visit(document, {
    Seq(_, list) {
      if (list.items.every((item) => isScalar(item) || isSeq(item))) list.flow = true;
    },
  });
  for (const path of defaults) {
    const node: unknown = document.getIn(path, true);
    if (isScalar(node) || isCollection(node)) node.comment = " default";
  }
  const text = document.toString({ lineWidth: 0, flowCollectionPadding: false });
  // The library puts the comment of an empty mapping below it.
  return text.replace(/:\n +\{\}\n +# default$/gm, ": {} # default");
}

interface At {
  readonly path: Path;
  readonly defaults: Path[];
}

/** The long form beside what was written of it, in the operator's units. */
function expand(long: unknown, written: unknown, at: At): unknown {
  const [section, , key] = at.path;
  const depth = at.path.length;
  if (section === "services" && key === "endpoints" && depth === 4) {
    return expandPools(long as Readonly<Record<string, EndpointConfig[]>>, written, at);
  }
  if (section === "services" && key === "fallback" && at.path[4] === "endpoints" && depth === 5) {
    return expandPool(long as EndpointConfig[], written, at);
  }
  if (section === "services" && key === "steer" && depth === 3) {
    if (written === undefined) at.defaults.push(at.path);
    return long;
  }
  // Assertions stand in the words they were written in.
  if (section === "assert" && depth === 1) return written;
  if (key === "check" || key === "standby") {
    // Whom a check asks: the name is all that was written of it.
    const isTarget = isMapping(long) && typeof long["name"] === "string";
    if (isTarget && at.path.includes("on")) return long["name"];
  }
  if (isMapping(long)) return expandMapping(long, written, at);
  if (Array.isArray(long) && isMapping(long[0])) {
    const items: readonly unknown[] = Array.isArray(written) ? written : [];
    return long.map((item, index) =>
      expand(item, items[index], { ...at, path: [...at.path, index] }),
    );
  }
  if (written === undefined) at.defaults.push(at.path);
  return inUnits(long, at.path);
}

function expandMapping(
  long: Readonly<Record<string, unknown>>,
  written: unknown,
  at: At,
): Readonly<Record<string, unknown>> {
  const entries = Object.entries(long).filter(
    ([key, own]) => own !== undefined && !(isCheck(at.path) && isIdle(long, key)),
  );
  if (entries.length === 0 && written === undefined) at.defaults.push(at.path);
  return Object.fromEntries(
    entries.map(([key, own]) => {
      // Of a shorthand, such as `ttl: 30s`, every part was written.
      const shorthand = written !== undefined && !isMapping(written);
      const wrote = isMapping(written) && Object.hasOwn(written, key) ? written[key] : undefined;
      const path = [...at.path, key];
      return [key, expand(own, shorthand ? own : wrote, { ...at, path })];
    }),
  );
}

/** `check`, the requirement of a standby, and whatever is a check inside them. */
function isCheck(path: Path): boolean {
  if (path[0] !== "services") return false;
  const inside = path[2] === "check" ? path.slice(3) : path.slice(4);
  if (path[2] !== "check" && !(path[2] === "standby" && path[3] === "requires")) return false;
  return inside.every((step) => typeof step === "number" || checkListKeys.has(step));
}

const checkListKeys: ReadonlySet<string> = new Set(["all", "any", "checks", "not", "requires"]);

/** A default that means nothing for the check's kind; written, it would be refused. */
function isIdle(check: Readonly<Record<string, unknown>>, key: string): boolean {
  const composite = composites.some((each) => check[each] !== undefined);
  if (composite) return questionKeys.includes(key);
  const kinds: Readonly<Record<string, readonly string[]>> = kindsOfCheckKey;
  return kinds[key]?.some((kind) => check[kind] !== undefined) === false;
}

function expandPools(
  pools: Readonly<Record<string, EndpointConfig[]>>,
  written: unknown,
  at: At,
): unknown {
  const plain = pools[""];
  if (plain !== undefined) return expandPool(plain, written, at);
  const colours = isMapping(written) ? written : {};
  return Object.fromEntries(
    Object.entries(pools).map(([colour, pool]) => [
      colour,
      expandPool(pool, colours[colour], { ...at, path: [...at.path, colour] }),
    ]),
  );
}

function expandPool(pool: readonly EndpointConfig[], written: unknown, at: At): unknown {
  const items: readonly unknown[] = Array.isArray(written) ? written : [written];
  return pool.map((endpoint, index) => {
    const item = items[index];
    const wrote = isMapping(item) ? item : { ...endpoint, cname: undefined, weight: undefined };
    return Object.fromEntries(
      Object.entries(endpoint).flatMap(([key, own]) => {
        // The name follows from the address.
        if (own === undefined || key === "name") return [];
        if (wrote[key] === undefined) at.defaults.push([...at.path, index, key]);
        return [[key, own]];
      }),
    );
  });
}

function inUnits(value: unknown, path: Path): unknown {
  const key = path.at(-1) ?? "";
  if (typeof value === "number") {
    // Colours may have the names of keys.
    if (path[0] === "services" && path[2] === "shares") return value;
    if (percentKeys.has(String(key))) return formatPercent(value);
    const isTime = durationKeys.has(String(key)) || (key === "minimum" && path.at(-2) === "soa");
    return isTime ? formatDuration(value) : value;
  }
  if (key !== "status" || !Array.isArray(value)) return value;
  return (value as [number, number][]).map(([low, high]) =>
    low === high ? String(low) : `${low}-${high}`,
  );
}
