/**
 * The checks of a service: each asks in one way or is made of others, in bounds, and every question
 * has somebody to ask. Called by checks-service.ts; works on what was written, so that a mistake in
 * one part hides none in another.
 */
import { limits } from "../limits.ts";
import type { ServiceChecks } from "./checks.ts";
import type { Path } from "./document.ts";
import { type Draft, isMapping } from "./draft.ts";
import { type CheckConfig, isTarget } from "./schema-check.ts";
import { formatDuration } from "./values.ts";

const kinds = ["http", "https", "tcp"] as const;
/** Which keys of `check` mean something for which kinds. */
export const kindsOfCheckKey = {
  host: ["http", "https"],
  sni: ["https"],
  verify: ["https"],
  status: ["http", "https"],
  body: ["http", "https"],
} as const satisfies Record<string, readonly (typeof kinds)[number][]>;

/** Keys that make one check of several; `checks` needs `of`. */
export const composites = ["all", "any", "checks", "not"] as const;
/** Keys of a question, which mean nothing beside those. */
export const questionKeys: readonly string[] = [
  "port",
  "host",
  "sni",
  "verify",
  "source",
  "status",
  "body",
  "on",
].concat("interval", "timeout", "down", "up");

type CheckDraft = Draft<CheckConfig>;

interface Walk {
  readonly checks: ServiceChecks;
  /** Nobody to ask unless `on` says so: the requirement of a standby. */
  readonly needsOn: boolean;
  parts: number;
  tooMany: boolean;
}

interface NodeAt {
  readonly raw: unknown;
  readonly draft: CheckDraft | undefined;
  readonly path: Path;
  readonly depth: number;
}

export function checkHealthCheck(checks: ServiceChecks): void {
  const { check, standby } = checks.service;
  const walk = (raw: unknown, draft: CheckDraft | undefined, key: Path, needsOn: boolean): void =>
    checkNode(
      { checks, needsOn, parts: 0, tooMany: false },
      { raw, draft, path: [...checks.path, ...key], depth: 1 },
    );
  walk(checks.raw["check"], check as CheckDraft | undefined, ["check"], false);
  const raw = checks.raw["standby"];
  if (!isMapping(raw)) return;
  const requires = standby?.requires as CheckDraft | undefined;
  walk(raw["requires"], requires, ["standby", "requires"], true);
}

function checkNode(walk: Walk, at: NodeAt): void {
  const { raw, path } = at;
  if (!isMapping(raw)) return;
  if (!checkBounds(walk, at)) return;
  const written = [...kinds, ...composites].filter((key) => raw[key] !== undefined);
  const [way, second] = written;
  const { report } = walk.checks;
  if (way === undefined) {
    const message = "the check does not say what to ask";
    const hint = "add `http: /path`, `https: /path` or `tcp: true`";
    report({ code: "config.missing", path, message, hint, at: "key" });
  } else if (second !== undefined) {
    const message = `\`${second}\` beside \`${way}\`: a check asks in one way`;
    const hint = "remove one of the two, or put both into `all` or `any`";
    report({ code: "config.conflict", path: [...path, second], message, hint, at: "key" });
  } else if (way === "http" || way === "https" || way === "tcp") {
    checkQuestion(walk, at, way);
  } else {
    checkComposite(walk, at, way);
  }
  if (raw["requires"] !== undefined) {
    const { draft } = at;
    checkNode(walk, below(at, { raw: raw["requires"], draft: draft?.requires, key: ["requires"] }));
  }
}

function below(
  at: NodeAt,
  part: { readonly raw: unknown; readonly draft: unknown; readonly key: Path },
): NodeAt {
  const draft = isMapping(part.draft) ? (part.draft as CheckDraft) : undefined;
  return { raw: part.raw, draft, path: [...at.path, ...part.key], depth: at.depth + 1 };
}

function checkBounds(walk: Walk, at: NodeAt): boolean {
  walk.parts++;
  const deep = at.depth > limits.checkDepthMax;
  const many = walk.parts > limits.checkPartsMax;
  if (!deep && !many) return true;
  if (walk.tooMany) return false;
  walk.tooMany = true;
  const message = deep
    ? `checks inside checks, over ${limits.checkDepthMax} deep`
    : `over ${limits.checkPartsMax} checks in one`;
  const hint = "let the application answer for some of them in one path";
  walk.checks.report({ code: "config.limit", path: at.path, message, hint, at: "key" });
  return false;
}

function checkQuestion(walk: Walk, at: NodeAt, kind: (typeof kinds)[number]): void {
  const { raw, draft, path } = at;
  if (!isMapping(raw)) return;
  const { report } = walk.checks;
  for (const [key, allowed] of Object.entries(kindsOfCheckKey)) {
    if (raw[key] === undefined || (allowed as readonly string[]).includes(kind)) continue;
    const message = `\`${key}\` means nothing for \`${kind}\``;
    const hint = `remove it, or use ${allowed.map((each) => `\`${each}\``).join(" or ")}`;
    report({ code: "config.conflict", path: [...path, key], message, hint, at: "key" });
  }
  checkOf(walk, at);
  checkTarget(walk, at, kind);
  const { interval, timeout } = draft ?? {};
  if (interval === undefined || timeout === undefined || timeout <= interval) return;
  report({
    code: "config.conflict",
    path: [...path, raw["timeout"] === undefined ? "interval" : "timeout"],
    message: `a probe may take longer (${formatDuration(timeout)}) than the interval (${formatDuration(interval)})`,
    hint: "make `timeout` at most `interval`",
  });
}

/** `of` without what it counts. */
function checkOf(walk: Walk, { raw, path }: NodeAt): void {
  if (!isMapping(raw) || raw["of"] === undefined || raw["checks"] !== undefined) return;
  const message = "`of` counts `checks`, and there are none";
  const hint = "write `of: 2, checks: [...]`";
  walk.checks.report({ code: "config.conflict", path: [...path, "of"], message, hint, at: "key" });
}

function checkTarget(walk: Walk, { raw, draft, path }: NodeAt, kind: string): void {
  if (!isMapping(raw)) return;
  const { checks } = walk;
  const on = draft?.on as CheckConfig["on"];
  if (on === undefined) {
    if (raw["on"] !== undefined || !walk.needsOn) return;
    const message = "a standby's requirement is not asked of its endpoints";
    const hint = "add `on: db.example.net:5432`, the address to ask";
    checks.report({ code: "config.missing", path, message, hint, at: "key" });
    return;
  }
  const written = isTarget(on) ? [on] : Object.values(on);
  const portless = written.find(({ port }) => port === undefined);
  if (kind === "tcp" && raw["port"] === undefined && portless !== undefined) {
    const message = `a TCP check of ${portless.name} needs a port`;
    const hint = `write \`${portless.name}:5432\`, or \`port\` in the check`;
    checks.report({ code: "config.missing", path: [...path, "on"], message, hint });
  }
  if (isTarget(on)) return;
  const asked = walk.needsOn ? [checks.service.standby?.region] : [...(checks.regions ?? [])];
  for (const region of asked) {
    if (region === undefined || on[region] !== undefined) continue;
    const message = `\`on\` says nobody to ask in \`${region}\``;
    const hint = `add \`${region}\`, or write one address for all regions`;
    checks.report({ code: "config.missing", path: [...path, "on"], message, hint, at: "key" });
  }
}

function checkComposite(walk: Walk, at: NodeAt, way: (typeof composites)[number]): void {
  const { raw, draft, path } = at;
  if (!isMapping(raw)) return;
  const { report } = walk.checks;
  for (const key of questionKeys) {
    if (raw[key] === undefined) continue;
    const message = `\`${key}\` means nothing beside \`${way}\``;
    const hint = "write it in the checks inside";
    report({ code: "config.conflict", path: [...path, key], message, hint, at: "key" });
  }
  if (way === "not") {
    checkNode(walk, below(at, { raw: raw["not"], draft: draft?.not, key: ["not"] }));
    checkOf(walk, at);
    return;
  }
  const list: readonly unknown[] = Array.isArray(raw[way]) ? raw[way] : [];
  const drafts = draft?.[way] as readonly unknown[] | undefined;
  list.forEach((part, i) => {
    checkNode(walk, below(at, { raw: part, draft: drafts?.[i], key: [way, i] }));
  });
  if (way !== "checks") checkOf(walk, at);
  else if (raw["of"] === undefined) {
    const message = "`checks` does not say how many of them must pass";
    const hint = "add `of: 2`; `all` and `any` say it in a word";
    report({ code: "config.missing", path: [...path, "checks"], message, hint, at: "key" });
  } else if (typeof raw["of"] === "number" && raw["of"] > list.length && list.length > 0) {
    const message = `${raw["of"]} of ${list.length} checks can never pass`;
    const hint = "lower `of`, or add checks";
    report({ code: "config.conflict", path: [...path, "of"], message, hint });
  }
}

/** Does the check open TCP connections to the endpoints at a port that it does not name? */
export function plainTcpWithoutPort(check: unknown): boolean {
  if (!isMapping(check)) return false;
  const { tcp, port, on } = check;
  if (tcp === true && port === undefined && on === undefined) return true;
  return [check["all"], check["any"], check["checks"], check["not"], check["requires"]]
    .flat()
    .some(plainTcpWithoutPort);
}
