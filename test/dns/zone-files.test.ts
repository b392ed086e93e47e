/**
 * The corpus test/dns/zones: what we make of a zone file is what BIND's named-checkzone and
 * ldns-read-zone make of it, the verdict and every record, but for the differences listed here. A
 * file is of the zone `; zone: NAME` says, else of example.com.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { readZone } from "../../src/config/zone-source.ts";
import { buildNameTable } from "../../src/policy/names.ts";
import { findZone, servedZone } from "../../src/policy/zone-contents.ts";
import { types } from "../../src/wire/dns-constants.ts";
import { isAtOrBelow } from "../../src/wire/dns-name.ts";
import { canonicalRdata } from "../../src/wire/dns-rdata.ts";
import { type ZoneContents, zoneContents, zoneRecords } from "../../src/wire/zone.ts";
import { parseZoneFile, type ZoneFileRecord } from "../../src/wire/zone-file.ts";
import { formatRecord, formatZone } from "../../src/wire/zone-text.ts";
import { withZonemd } from "../../src/wire/zonemd.ts";
import { wire } from "../support/dns-front.ts";
import { needs } from "../support/tools.ts";

const folder = fileURLToPath(new URL("zones", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "rhumb-zones-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** File -> why named-checkzone says otherwise. */
const bindDiffers: Readonly<Record<string, string>> = {
  "bad-dname-cut": "a DNAME beside a delegation is never answered (RFC 6672 section 2.3)",
  "dname-wildcard": "RFC 4592 section 4.4 leaves the meaning of a wildcard's DNAME open",
  cds: "BIND wants a DNSKEY for every CDNSKEY; a signer adds it",
  key: "signed zones are not supported yet",
  "no-ns": "the name servers may stand in the configuration; a warning without them",
  "ns-alias": "a warning: the zone answers all the same",
  "ns-without-address": "a warning: the zone answers all the same",
  "zonemd-serial": "named-checkzone verifies no digests",
  "zonemd-wrong": "named-checkzone verifies no digests",
};

const noZone = "ldns-read-zone reads records, and does not ask whether they make a zone";
const loose = "ldns-read-zone passes over it";
/** File -> why ldns-read-zone says otherwise. */
const ldnsDiffers: Readonly<Record<string, string>> = {
  "bad-class": "ldns-read-zone takes any class",
  "bad-closing": loose,
  "bad-cname-apex": noZone,
  "bad-cname-beside": noZone,
  "bad-directive": loose,
  "bad-dname-cut": noZone,
  "bad-first-blank": loose,
  "bad-no-soa": noZone,
  "bad-no-ttl": "ldns-read-zone takes 3600",
  "bad-quote": loose,
  "bad-soa-below": noZone,
  "bad-ttl": loose,
  "bad-ttl-large": loose,
  "bad-ttl-order": loose,
  "bad-two-cnames": noZone,
  "bad-two-dnames": noZone,
  "bad-two-soas": noZone,
  "blank-owner": "ldns-read-zone takes $ORIGIN as absolute",
  origins: "ldns-read-zone takes $ORIGIN as absolute",
  "class-ttl-order": "ldns-read-zone does not know CLASS1 as IN",
  continuation: "ldns-read-zone wants no parenthesis before an owner",
  "dname-wildcard": noZone,
  generate: "ldns-read-zone has no $GENERATE",
  "generate-dollar": "ldns-read-zone has no $GENERATE",
  "generate-modifiers": "ldns-read-zone has no $GENERATE",
  include: "ldns-read-zone includes nothing",
  key: "signed zones are not supported yet",
  "ns-wildcard": noZone,
  "ttl-of-soa": "ldns-read-zone takes 3600",
  "unknown-types": "ldns-read-zone refuses empty data",
  "zonemd-serial": "ldns-read-zone verifies only when asked to",
  "zonemd-wrong": "ldns-read-zone verifies only when asked to",
};

const names = readdirSync(folder).flatMap((file) => /^(.*)\.zone$/.exec(file)?.[1] ?? []);
const apexOf = (name: string): string =>
  /^; zone: (\S+)/m.exec(readFileSync(join(folder, `${name}.zone`), "latin1"))?.[1] ??
  "example.com";

function readOurs(name: string) {
  const apex = apexOf(name);
  const file = join(folder, `${name}.zone`);
  const { data, problems } = readZone(file, apex, { shownAs: `${name}.zone` });
  if (data === undefined) return { apex, records: undefined, table: undefined, problems };
  const soa = { refreshSeconds: 0, retrySeconds: 0, expireSeconds: 0, minimumSeconds: 0 };
  const zone = { apex, ttlSeconds: 0, ns: [], soa, data, path: "" };
  const built = buildNameTable({ zones: [zone], records: [], steered: [] });
  return {
    apex,
    records: data.records,
    table: built.table,
    problems: [...problems, ...built.problems],
  };
}

/** Names in rdata in lower case: which of two records that differ in case alone is kept is free. */
function canonicalText(apex: string, records: readonly ZoneFileRecord[]): string {
  const inside = records.filter(({ name }) => isAtOrBelow(name, wire(apex)));
  return formatZone(zoneRecords(zoneContents(wire(apex), inside.map(canonical))));
}

const canonical = (record: ZoneFileRecord): ZoneFileRecord => ({
  ...record,
  rdata: canonicalRdata(record.type, record.rdata),
});

function parseText(apex: string, text: string): readonly ZoneFileRecord[] {
  const include = () => ({ ok: false as const, message: "" });
  const parsed = parseZoneFile(text, { file: "tool", origin: wire(apex), include });
  assert.ok(parsed.problems.every(({ severity }) => severity === "warning"));
  return parsed.records;
}

test("zone files: the corpus has its size, and every listed difference is one of it", () => {
  assert.ok(names.length >= 80);
  for (const name of [...Object.keys(bindDiffers), ...Object.keys(ldnsDiffers)]) {
    assert.ok(names.includes(name), name);
  }
});

test("zone files: named-checkzone agrees", {
  skip: needs("named-checkzone", "bind9-utils"),
}, () => {
  for (const name of names) {
    const { apex, records, table, problems } = readOurs(name);
    const dump = join(scratch, "bind");
    const args = ["-i", "local", "-D", "-o", dump, apex, `${name}.zone`];
    const bind = spawnSync("named-checkzone", args, { cwd: folder, encoding: "utf8" });
    const agrees = (bind.status === 0) === (table !== undefined);
    const said = `${name}: ${JSON.stringify(problems)}\n${bind.stdout}`;
    assert.equal(agrees, bindDiffers[name] === undefined, said);
    if (bind.status !== 0 || table === undefined || records === undefined) continue;
    const theirs = parseText(apex, readFileSync(dump, "latin1"));
    assert.equal(canonicalText(apex, records), canonicalText(apex, theirs), name);
  }
});

test("zone files: ldns-read-zone agrees", { skip: needs("ldns-read-zone", "ldnsutils") }, () => {
  for (const name of names) {
    const { apex, records, table } = readOurs(name);
    const file = join(scratch, "ldns");
    // It takes the origin from the file alone.
    writeFileSync(
      file,
      `$ORIGIN ${apex}.\n${readFileSync(join(folder, `${name}.zone`), "latin1")}`,
      "latin1",
    );
    const ldns = spawnSync("ldns-read-zone", ["-c", file], { encoding: "latin1" });
    if (ldnsDiffers[name] !== undefined) {
      const equal = () =>
        canonicalText(apex, records ?? []) === canonicalText(apex, parseText(apex, ldns.stdout));
      assert.ok((ldns.status === 0) !== (table !== undefined) || !equal(), `${name} agrees by now`);
      continue;
    }
    assert.equal(ldns.status === 0, table !== undefined, `${name}: ${ldns.stderr}`);
    if (table === undefined || records === undefined) continue;
    const theirs = parseText(apex, ldns.stdout);
    assert.equal(canonicalText(apex, records), canonicalText(apex, theirs), name);
  }
});

test("servedZone() and formatZone() give back what a zone file holds", () => {
  for (const name of names) {
    const { apex, records, table } = readOurs(name);
    if (table === undefined || records === undefined) continue;
    const { contents } = servedZone(table, findZone(table, wire(apex)));
    const lines = (zone: ZoneContents) =>
      Array.from(zoneRecords(zone), formatRecord).filter((line) => !line.includes("\tZONEMD\t"));
    const text = formatZone(zoneRecords(contents));
    assert.deepEqual(lines(zoneContents(wire(apex), parseText(apex, text))), lines(contents), name);
    const inside = records.filter((record) => isAtOrBelow(record.name, wire(apex)));
    assert.deepEqual(lines(contents), lines(zoneContents(wire(apex), inside)), name);
  }
});

test("parseZoneFile() is bounded in files, depth and generated records", () => {
  const origin = wire("example.com");
  const self = () => ({
    ok: true as const,
    value: { file: "x", text: "$INCLUDE x\n$INCLUDE x\n" },
  });
  const looped = parseZoneFile("$INCLUDE x\n", { file: "x", origin, include: self });
  assert.ok(looped.problems.some(({ message }) => message === "files are included 8 deep"));
  assert.ok(looped.problems.some(({ message }) => message === "over 64 files are included"));
  assert.ok(looped.problems.length < 100);
  const many = "$TTL 60\n$GENERATE 1-65537 a$ A 192.0.2.1\n";
  const { problems } = parseZoneFile(many, { file: "x", origin, include: self });
  assert.match(problems[0]?.message ?? "", /^65537 lines, where one directive makes 65536/);
  assert.deepEqual([problems[0]?.at.line, problems[0]?.at.column], [2, 11]);
});

test("parseZoneFile() places every problem", () => {
  const text = readFileSync(join(folder, "ttl-units.zone"), "latin1");
  const broken = `${text}x 1y A 192.0.2.1\n  A 192.0.2.300\n( y\n MX ten mail )\n"q" A 1\n`;
  const include = () => ({ ok: false as const, message: "" });
  const { problems } = parseZoneFile(broken, { file: "z", origin: wire("example.com"), include });
  const lines = text.split("\n").length;
  assert.deepEqual(
    problems.map(({ at, message }) => `${at.line - lines + 1}:${at.column} ${message}`),
    [
      '1:3 "1y" is no TTL',
      "2:5 A: an IPv4 address is wanted, not 192.0.2.300",
      "4:5 MX: a number of 0 to 65535 is wanted, not ten",
      "5:1 a name without quotes is wanted",
      "5:7 A: an IPv4 address is wanted, not 1",
    ],
  );
});

test("ZONEMD of RFC 8976 appendix A.1 is verified", () => {
  const { records = [], apex } = readOurs("zonemd");
  assert.equal(records.filter(({ type }) => type === types.zonemd).length, 1);
  assert.equal(apex, "example");
});

test("withZonemd() makes what ldns verifies", {
  skip: needs("ldns-verify-zone", "ldnsutils"),
}, () => {
  for (const name of [
    "every-type",
    "delegation",
    "wildcards",
    "letter-case",
    "escaped-names",
    "dname",
  ]) {
    const { apex, records = [] } = readOurs(name);
    const sealed = withZonemd(zoneContents(wire(apex), records), 60);
    const file = join(scratch, "sealed");
    const verify = (text: string) => {
      writeFileSync(file, text);
      return spawnSync("ldns-verify-zone", ["-Z", file], { encoding: "utf8" });
    };
    const good = verify(formatZone(zoneRecords(sealed)));
    assert.equal(good.status, 0, `${name}: ${good.stdout}${good.stderr}`);
    const other = zoneContents(wire(apex), [...zoneRecords(sealed), ...odd(apex)]);
    assert.notEqual(verify(formatZone(zoneRecords(other))).status, 0, name);
  }
});

const odd = (apex: string) => parseText(apex, "$TTL 60\nodd A 192.0.2.99\n");
