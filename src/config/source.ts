/**
 * The operator's files as text: the only part of config/ that touches a disk. Called by cli/ and
 * control/ before loadConfig. A folder is read as all its *.yaml and *.yml, sorted, not its
 * subfolders; a limit is checked before the bytes are read.
 */
import { constants, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Problem, ProblemCode } from "../errors.ts";
import { limits } from "../limits.ts";

export interface Source {
  /** As printed in problems: the path given, or a path below it. */
  readonly file: string;
  readonly text: string;
}

export type ReadSources =
  | { readonly ok: true; readonly sources: readonly Source[] }
  | {
      readonly ok: false;
      readonly problems: readonly Problem[];
      /** Those that could be read. */
      readonly sources: readonly Source[];
    };

/** Reads a file, or a folder of them. Every problem is collected. */
export async function readSources(path: string): Promise<ReadSources> {
  const listed = await listFiles(path);
  if (!listed.ok) return { ok: false, problems: [listed.problem], sources: [] };
  const sources: Source[] = [];
  const problems: Problem[] = [];
  let bytes = 0;
  for (const file of listed.files) {
    const read = await readSource(file);
    if (!read.ok) {
      problems.push(read.problem);
      continue;
    }
    bytes += read.bytes;
    if (bytes > limits.configBytesMax) {
      const message = `the files of the configuration hold more than ${limits.configBytesMax} bytes`;
      problems.push(
        problemAt(file, "file.too-large", { message, hint: "split it over two nodes" }),
      );
      break;
    }
    sources.push(read.source);
  }
  return problems.length > 0 ? { ok: false, problems, sources } : { ok: true, sources };
}

type Listed =
  | { readonly ok: true; readonly files: readonly string[] }
  | { readonly ok: false; readonly problem: Problem };

async function listFiles(path: string): Promise<Listed> {
  const fail = (message: string, hint: string): Listed => ({
    ok: false,
    problem: problemAt(path, "file.unreadable", { message, hint }),
  });
  try {
    const found = await stat(path);
    if (!found.isDirectory()) return { ok: true, files: [path] };
    const names = (await readdir(path)).filter((name) => /^[^.].*\.ya?ml$/i.test(name)).sort();
    if (names.length === 0) return fail("holds no *.yaml or *.yml file", "name a file, or add one");
    if (names.length > limits.configFilesMax) {
      return fail(
        `holds ${names.length} files, more than ${limits.configFilesMax}`,
        "put several services into one file",
      );
    }
    return { ok: true, files: names.map((name) => join(path, name)) };
  } catch (error) {
    return fail(describeFault(error), "check the path and its permissions");
  }
}

type Read =
  | { readonly ok: true; readonly source: Source; readonly bytes: number }
  | { readonly ok: false; readonly problem: Problem };

async function readSource(file: string): Promise<Read> {
  const fail = (code: ProblemCode, message: string, hint: string): Read => ({
    ok: false,
    problem: problemAt(file, code, { message, hint }),
  });
  try {
    // Without O_NONBLOCK, opening a pipe waits for somebody to write into it.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await handle.stat();
    if (!found.isFile()) return fail("file.unreadable", "is not a regular file", "name a file");
    if (found.size > limits.configFileBytesMax) {
      const message = `is ${found.size} bytes long, more than ${limits.configFileBytesMax}`;
      return fail("file.too-large", message, "split it into several files of a folder");
    }
    // One byte more than the limit: a file that grows while it is read is caught too.
    const buffer = Buffer.alloc(Math.min(found.size, limits.configFileBytesMax) + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length > found.size) {
      return fail("file.unreadable", "grew while it was read", "try again when it is written");
    }
    const text = new TextDecoder("utf-8", { fatal: true }).decode(buffer.subarray(0, length));
    return { ok: true, source: { file, text }, bytes: length };
  } catch (error) {
    const why = describeFault(error);
    const hint =
      why === faults["ERR_ENCODING_INVALID_ENCODED_DATA"] ? "save it as UTF-8" : undefined;
    return fail("file.unreadable", why, hint ?? "check the path and its permissions");
  }
}

const faults: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  EACCES: "may not be read by this user",
  EPERM: "may not be read by this user",
  ENOTDIR: "lies below something that is no folder",
  ELOOP: "is a circle of symbolic links",
  ERR_ENCODING_INVALID_ENCODED_DATA: "is not UTF-8 text",
};

function describeFault(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return faults[code] ?? `cannot be read: ${code === "" ? String(error) : code}`;
}

function problemAt(
  file: string,
  code: ProblemCode,
  words: { readonly message: string; readonly hint: string },
): Problem {
  return { code, severity: "error", path: "", ...words, place: { file, line: 1, column: 1 } };
}
