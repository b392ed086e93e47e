/**
 * Certificates for tests, made by the `openssl` tool in a temporary folder: an authority, a leaf
 * for `origin.test` and 127.0.0.1, and one that has expired. Imported by tests only.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

export interface Certificates {
  readonly ca: string;
  readonly origin: KeyPair;
  readonly expired: KeyPair;
}

export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "rhumb-certificates-"));
  const file = (name: string) => join(folder, name);
  const openssl = (...words: string[]) => {
    try {
      execFileSync("openssl", words, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      throw new Error("the tool `openssl` is missing: install the Debian package openssl");
    }
  };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const leaf = (name: string, days: string): KeyPair => {
    openssl("req", ...key, "-subj", "/CN=leaf", "-keyout", `${name}.key`, "-out", `${name}.csr`);
    openssl(
      ...["x509", "-req", "-in", `${name}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key"],
      ...["-set_serial", "7", "-days", days, "-extfile", "san", "-out", `${name}.pem`],
    );
    return {
      key: readFileSync(file(`${name}.key`), "utf8"),
      cert: readFileSync(file(`${name}.pem`), "utf8"),
    };
  };
  try {
    writeFileSync(file("san"), "subjectAltName=DNS:origin.test,IP:127.0.0.1\n");
    openssl(
      "req",
      "-x509",
      ...key,
      "-subj",
      "/CN=authority",
      "-keyout",
      "ca.key",
      "-out",
      "ca.pem",
    );
    return {
      ca: readFileSync(file("ca.pem"), "utf8"),
      origin: leaf("origin", "2"),
      expired: leaf("expired", "-1"),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
