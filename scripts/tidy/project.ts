/**
 * Rules about the project's files as a whole: what may not be written into any tracked file, and
 * that every dependency is pinned, explained and from the public registry.
 */
import type { Finding } from "./finding.ts";
import { lineAt } from "./source.ts";

/** A tracked text file of any kind. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** Top folders of one person's machine, spelled as a list: this file is checked too. */
const machineFolders = ["home", "root", "work", "Users"];
const machinePath = new RegExp(`(?<![\\w.:/@~-])/(?:${machineFolders.join("|")})/[\\w.]`, "g");
const publicRegistry = "https://registry.npmjs.org/";

export function checkMachine(files: readonly TextFile[]): Finding[] {
  return files.flatMap((file) => {
    const findings: Finding[] = [];
    for (const match of file.text.matchAll(machinePath)) {
      const line = lineAt(file.text, match.index);
      const message = `path of one machine (${match[0]}...): use a path relative to the project`;
      findings.push({ path: file.path, line, rule: "machine-path", message });
    }
    if (!/(^|\/)(package-lock\.json|\.npmrc)$/.test(file.path)) return findings;
    const registries = /"resolved": "([^"]+)"|^\s*(?:@[\w-]+:)?registry\s*=\s*(\S+)/gm;
    for (const match of file.text.matchAll(registries)) {
      if ((match[1] ?? match[2] ?? "").startsWith(publicRegistry)) continue;
      const line = lineAt(file.text, match.index);
      const message = "a registry of one machine: leave the host out, npm's default serves";
      findings.push({ path: file.path, line, rule: "registry", message });
    }
    return findings;
  });
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Exact versions, and for each dependency a line in docs/dependencies.md with name and version. */
export function checkDependencies(manifestText: string, page: string): Finding[] {
  const manifest: Manifest = JSON.parse(manifestText);
  const all = Object.entries({
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
  });
  const lines = page.split("\n");
  return all.flatMap(([name, version]) => {
    const findings: Finding[] = [];
    const report = (message: string) =>
      findings.push({ path: "package.json", line: 1, rule: "dependencies", message });
    if (!/^\d+\.\d+\.\d+$/.test(version)) report(`${name} ${version}: pin an exact version`);
    const reasoned = lines.some(
      (line) => line.includes(`\`${name}\``) && line.includes(` ${version} `),
    );
    if (!reasoned) report(`${name} ${version} has no line with its reason in docs/dependencies.md`);
    return findings;
  });
}
