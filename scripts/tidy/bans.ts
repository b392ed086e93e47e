/**
 * What may not stand in the code, each with what to write instead. A ban holds for the files its
 * `where` accepts. Lint rules that Biome and oxlint have are not repeated here.
 */
import type { Finding } from "./finding.ts";
import { lineAt, type SourceFile } from "./source.ts";

interface Ban {
  readonly rule: string;
  readonly pattern: RegExp;
  readonly where: (path: string) => boolean;
  readonly instead: string;
}

const isTest = (path: string): boolean => path.endsWith(".test.ts");
/** Shipped code but the door itself. Tests may use the real clock where they run real processes. */
const behindDoor = (path: string): boolean =>
  path.startsWith("src/") && !isTest(path) && path !== "src/lib/entropy.ts";
const pureStage = (path: string): boolean =>
  !isTest(path) && (/^src\/(policy|steer|wire)\//.test(path) || path === "src/world/step.ts");
const typescript = (path: string): boolean => path.endsWith(".ts");

const bans: readonly Ban[] = [
  {
    rule: "clock",
    pattern: /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b|\bprocess\.hrtime\b/g,
    where: behindDoor,
    instead: "take an Entropy and use now() for stamps, monotonic() for intervals",
  },
  {
    rule: "chance",
    pattern: /\bMath\.random\b|\brandomInt\b|\bgetRandomValues\b/g,
    where: behindDoor,
    instead: "take an Entropy and use draw32()",
  },
  {
    rule: "timers",
    pattern:
      /(?<![.\w])set(?:Timeout|Interval|Immediate)\b|\bAbortSignal\.timeout\b|\bglobalThis\.set/g,
    where: behindDoor,
    instead: "take an Entropy and use after()",
  },
  {
    rule: "environment",
    pattern: /\bprocess\.env\b/g,
    where: (path) => behindDoor(path) && !path.startsWith("src/cli/"),
    instead: "take an option; only src/cli/ reads the environment",
  },
  {
    rule: "default-export",
    pattern: /\bexport default\b/g,
    where: typescript,
    instead: "export by name",
  },
  {
    rule: "any",
    pattern: /\bas any\b|<any>|: any\b/g,
    where: typescript,
    instead: "use unknown and narrow it",
  },
  {
    rule: "test-only",
    pattern: /\b(?:test|describe|it)\.only\b|\bonly: true\b/g,
    where: isTest,
    instead: "remove it: the rest of the suite would not run",
  },
];

export function checkBans(files: readonly SourceFile[]): Finding[] {
  const paths = new Set(files.map((file) => file.path));
  return files.flatMap((file) => [
    ...bans
      .filter((ban) => ban.where(file.path))
      .flatMap((ban) =>
        [...file.code.matchAll(ban.pattern)].map((match) => ({
          path: file.path,
          line: lineAt(file.text, match.index),
          rule: ban.rule,
          message: `${match[0]} is banned here: ${ban.instead}`,
        })),
      ),
    ...checkBuiltins(file),
    ...checkTodos(file),
    ...checkName(file),
    ...checkHeader(file, paths),
  ]);
}

/** Pure stages are the ones every test, tool and front must be able to run on plain values. */
function checkBuiltins(file: SourceFile): Finding[] {
  return file.imports.flatMap(({ specifier, line }) => {
    const timers = /^node:timers/.test(specifier) && behindDoor(file.path);
    const impure = specifier.startsWith("node:") && pureStage(file.path);
    if (!timers && !impure) return [];
    const message = timers
      ? `${specifier} is banned here: take an Entropy and use after()`
      : `${specifier} in a pure stage: take what it gives as an argument, hashing from src/lib/`;
    return [{ path: file.path, line, rule: timers ? "timers" : "pure-stage", message }];
  });
}

function checkTodos(file: SourceFile): Finding[] {
  return file.comments.flatMap((comment) =>
    [...comment.text.matchAll(/\b(?:TODO|FIXME|XXX)\b(?!\(#\d+\))/g)].map((match) => ({
      path: file.path,
      line: lineAt(file.text, comment.at + match.index),
      rule: "todo",
      message: `${match[0]} without an issue: write TODO(#123), or do it`,
    })),
  );
}

function checkName(file: SourceFile): Finding[] {
  const name = file.path.split("/").at(-1) ?? "";
  if (name === "index.ts") {
    const message = "no barrels: name the file for its main export and import that file";
    return [{ path: file.path, line: 1, rule: "file-name", message }];
  }
  if (/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/.test(name)) return [];
  return [{ path: file.path, line: 1, rule: "file-name", message: "file names are kebab-case" }];
}

/** A test beside its code says what it is by its name. */
function checkHeader(file: SourceFile, paths: ReadonlySet<string>): Finding[] {
  if (isTest(file.path) && paths.has(file.path.replace(/\.test\.ts$/, ".ts"))) return [];
  const body = file.text.startsWith("#!")
    ? file.text.slice(file.text.indexOf("\n") + 1)
    : file.text;
  if (body.startsWith("/**")) return [];
  const message = "begin the file with /** what it is, who calls it, the invariant it keeps */";
  return [{ path: file.path, line: 1, rule: "header", message }];
}
