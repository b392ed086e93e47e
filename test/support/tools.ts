/**
 * Debian's own programs as oracles. A test that needs one that is missing skips itself on a
 * developer's machine; where CI is set it fails and names the package.
 */
import { execFile } from "node:child_process";
import { findProgram } from "../../scripts/tools.ts";

/** The test's `skip` option: false when the program is there. */
export function needs(program: string, debianPackage: string): false | string {
  if (findProgram(program) !== undefined) return false;
  const message = `${program} is missing: apt-get install ${debianPackage}`;
  if ((process.env["CI"] ?? "") !== "") throw new Error(message);
  return message;
}

/** Output of the program, whatever its exit status. */
export function run(program: string, args: readonly string[], timeoutMs = 10_000): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: timeoutMs }, (error, stdout, stderr) => {
      resolve(error === null ? stdout : `${stdout}${stderr}`);
    });
  });
}
