/** compileGeography on small databases that the test writer makes: layouts, layers, bad files. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { assertMerged, plainLeaves } from "../../test/support/geography-oracle.ts";
import { MmdbFloat, type WrittenValue, writeMmdb } from "../../test/support/mmdb-writer.ts";
import { parseAddress } from "../lib/ip.ts";
import { type CompileResult, compileGeography } from "./compile.ts";
import type { Geography, Location } from "./geography.ts";
import { unknownLocation } from "./locations.ts";
import { findLeaf, unmap } from "./lookup.ts";
import type { GeoOverride } from "./overrides.ts";

function compile(
  databases: readonly Uint8Array[],
  overrides: readonly GeoOverride[] = [],
): CompileResult {
  const inputs = databases.map((bytes, i) => ({ name: `${i}.mmdb`, bytes }));
  return compileGeography(inputs, overrides, { digest: "d", license: "l" });
}

function compiled(
  databases: readonly Uint8Array[],
  overrides: readonly GeoOverride[] = [],
): Geography {
  const result = compile(databases, overrides);
  if (!result.ok) assert.fail(JSON.stringify(result.problems));
  const { geography } = result;
  for (const leaves of [geography.v4, geography.v6]) assertMerged(plainLeaves(leaves));
  assert.deepEqual(geography.locations[0], unknownLocation);
  return geography;
}

function at(geography: Geography, text: string): Location {
  const { family, words } = parseAddress(text) ?? assert.fail(text);
  const leaves = family === 4 || unmap(words) === 4 ? geography.v4 : geography.v6;
  const location = leaves.locations[findLeaf(leaves, words)];
  return geography.locations[location ?? -1] ?? assert.fail(text);
}

const german: Location = {
  country: "DE",
  continent: "EU",
  subdivision: "",
  asn: 0,
  latitude: 50.04,
  longitude: 8.56,
};

test("compileGeography reads the ip-location-db layout, and the country fills the rest", () => {
  const geography = compiled([
    writeMmdb([
      ["5.0.0.0/8", { country_code: "DE" }],
      ["2a00::/16", { country_code: "de" }],
      [
        "8.8.8.0/24",
        {
          country_code: "US",
          state1: "California",
          latitude: new MmdbFloat(37.5),
          longitude: new MmdbFloat(-122.25),
        },
      ],
    ]),
  ]);
  assert.deepEqual(at(geography, "5.6.7.8"), german);
  assert.deepEqual(at(geography, "2a00:1::"), german);
  const { latitude, longitude, subdivision, continent } = at(geography, "8.8.8.8");
  assert.deepEqual([latitude, longitude, subdivision, continent], [37.5, -122.25, "", "NA"]);
  assert.deepEqual(at(geography, "4.0.0.0"), unknownLocation);
  assert.equal(geography.source.onePointPerCountry, false);
  assert.equal(geography.source.builtAtSeconds, 1_700_000_000);
});

test("compileGeography reads the MaxMind layout", () => {
  const record = {
    city: { names: { en: "Mountain View" } },
    continent: { code: "NA", names: { en: "North America" } },
    country: { iso_code: "US", is_in_european_union: false, geoname_id: 6_252_001 },
    location: { latitude: 37.4043, longitude: -122.0748, accuracy_radius: 20 },
    registered_country: { iso_code: "GB" },
    subdivisions: [{ iso_code: "CA", names: { en: "California" } }, { iso_code: "XX" }],
    autonomous_system_number: 15_169,
  };
  const geography = compiled([writeMmdb([["8.0.0.0/8", record]], { recordSize: 28 })]);
  assert.deepEqual(at(geography, "8.8.8.8"), {
    country: "US",
    continent: "NA",
    subdivision: "US-CA",
    asn: 15_169,
    latitude: 37.4043,
    longitude: -122.0748,
  });
});

test("compileGeography reads the IPinfo layouts", () => {
  const lite = { country_code: "DE", continent_code: "EU", country: "Germany", asn: "AS64496" };
  const full = { country: "DE", region_code: "BY", lat: "48.14", lng: "11.58" };
  const loc = { country: "DE", loc: "48.14,11.58", continent: "EU" };
  const geography = compiled([
    writeMmdb(
      [
        ["5.0.0.0/8", lite],
        ["6.0.0.0/8", full],
        ["7.0.0.0/8", loc],
      ],
      { recordSize: 32 },
    ),
  ]);
  assert.deepEqual(at(geography, "5.0.0.1"), { ...german, asn: 64_496 });
  const munich = { ...german, latitude: 48.14, longitude: 11.58 };
  assert.deepEqual(at(geography, "6.0.0.1"), { ...munich, subdivision: "DE-BY" });
  assert.deepEqual(at(geography, "7.0.0.1"), munich);
});

test("compileGeography counts values that make no sense as missing", () => {
  const nonsense: WrittenValue[] = [
    { country_code: "Germany" },
    { country_code: 49 },
    { country_code: "ZZ" },
    { country: { iso_code: ["DE"] } },
    { country_code: "", latitude: 91.5, longitude: 10 },
    "DE",
    [{ country_code: "DE" }],
  ];
  const geography = compiled([
    writeMmdb([
      ...nonsense.map((record, i): [string, WrittenValue] => [`${20 + i}.0.0.0/8`, record]),
      ["5.0.0.0/8", { country_code: "DE", latitude: 91.5, longitude: 8, asn: "none" }],
    ]),
  ]);
  for (const i of nonsense.keys())
    assert.deepEqual(at(geography, `${20 + i}.1.1.1`), unknownLocation);
  assert.deepEqual(at(geography, "5.0.0.1"), german);
});

test("compileGeography covers both families when the database has one", () => {
  const geography = compiled([
    writeMmdb([["5.0.0.0/8", { country_code: "DE" }]], { ipVersion: 4 }),
  ]);
  assert.equal(at(geography, "5.1.1.1").country, "DE");
  assert.deepEqual([...geography.v6.lengths], [0]);
});

test("compileGeography does not walk aliases of IPv4 into IPv6", () => {
  const entries = [
    ["5.0.0.0/8", { country_code: "DE" }],
    ["5.128.0.0/9", { country_code: "FR" }],
    ["2a00::/16", { country_code: "US" }],
  ] as const;
  // The last is nobody's habit, and outside of what is special: it shows that none is walked.
  const aliases = ["::ffff:0:0/96", "2002::/16", "2001::/32", "2b00::/96"];
  const plain = compiled([writeMmdb(entries)]);
  const aliased = compiled([writeMmdb(entries, { aliases })]);
  assert.deepEqual(aliased.v6, plain.v6);
  assert.equal(at(aliased, "::ffff:5.200.0.1").country, "FR");
  assert.equal(at(aliased, "2002:5c8:1::").country, "FR");
  assert.equal(at(aliased, "2001:0:5c8:1::").country, "");
  assert.equal(at(aliased, "::5.200.0.1").country, "");
});

test("compileGeography makes special-use space unknown, and overrides place it", () => {
  const database = writeMmdb([
    ["0.0.0.0/1", { country_code: "AU" }],
    ["fc00::/7", { country_code: "AU" }],
  ]);
  const geography = compiled([database], [{ cidr: "10.1.0.0/16", country: "DE" }]);
  for (const text of ["10.0.0.1", "127.0.0.1", "100.64.0.1", "fd00::1", "fe80::1"]) {
    assert.deepEqual(at(geography, text), unknownLocation, text);
  }
  assert.equal(at(geography, "9.9.9.9").country, "AU");
  assert.deepEqual(at(geography, "10.1.2.3"), german);
});

test("compileGeography lets the longest override decide, over any database", () => {
  const database = writeMmdb([
    [
      "5.0.0.0/8",
      {
        country: { iso_code: "US" },
        subdivisions: [{ iso_code: "CA" }],
        location: { latitude: 37, longitude: -122 },
      },
    ],
    ["2a00::/16", { country_code: "US" }],
  ]);
  const geography = compiled(
    [database],
    [
      { cidr: "5.0.0.0/9", country: "DE" },
      { cidr: "5.1.0.0/16", at: "NRT" },
      { cidr: "5.1.1.0/24", country: "US", subdivision: "US-WA" },
      { cidr: "5.1.1.1", subdivision: "DE-BY" },
      { cidr: "5.1.1.2/32", country: "FR", at: [48, 2] },
      { cidr: "::ffff:5.1.1.3/128", country: "JP" },
      { cidr: "2a00:1::/32", country: "DE" },
    ],
  );
  assert.equal(at(geography, "5.200.0.1").subdivision, "US-CA");
  assert.deepEqual(at(geography, "5.0.0.1"), german);
  const moved = at(geography, "5.1.0.1");
  assert.deepEqual([moved.country, moved.subdivision, moved.latitude], ["US", "US-CA", 35.76]);
  const washington = at(geography, "5.1.1.0");
  assert.deepEqual([washington.subdivision, washington.latitude], ["US-WA", 37]);
  assert.deepEqual(at(geography, "5.1.1.1"), { ...german, subdivision: "DE-BY" });
  const french = at(geography, "5.1.1.2");
  assert.deepEqual([french.country, french.latitude, french.subdivision], ["FR", 48, ""]);
  assert.equal(at(geography, "5.1.1.3").country, "JP");
  assert.deepEqual(at(geography, "2a00:1::1"), german);
  assert.equal(at(geography, "2a00:2::1").country, "US");
});

test("compileGeography reports every bad override at its place, and bad databases with them", () => {
  const place = (path: string) => ({ file: path, line: 1, column: 1 });
  const overrides: GeoOverride[] = [
    { cidr: "10.0.0.0/8", country: "DE" },
    { cidr: "10.0.0.0/33", country: "DE" },
    { cidr: "10.0.0.1/8", country: "DE" },
    { cidr: "10.0.0.0/8", country: "DE" },
    { cidr: "::ffff:10.0.0.0/104", country: "FR" },
    { cidr: "11.0.0.0/8", country: "QQ" },
    { cidr: "12.0.0.0/8", country: "DE", subdivision: "FR-75" },
    { cidr: "13.0.0.0/8", subdivision: "Bavaria" },
    { cidr: "14.0.0.0/8", at: "ZZZ" },
    { cidr: "15.0.0.0/8" },
  ];
  const bytes = new Uint8Array(10);
  const result = compileGeography([{ name: "short.mmdb", bytes }], overrides, {
    digest: "",
    license: "",
    placeOf: place,
  });
  assert.ok(!result.ok);
  assert.deepEqual(
    result.problems.map((problem) => `${problem.code} ${problem.path}`),
    [
      "geo.unreadable geo.database",
      "config.invalid geo.overrides.1.cidr",
      "config.invalid geo.overrides.2.cidr",
      "config.invalid geo.overrides.5.country",
      "config.conflict geo.overrides.6.subdivision",
      "config.invalid geo.overrides.7.subdivision",
      "config.unknown-reference geo.overrides.8.at",
      "config.missing geo.overrides.9",
      "config.duplicate geo.overrides.4.cidr",
    ],
  );
  for (const problem of result.problems) {
    assert.equal(problem.place?.file, problem.path);
    assert.notEqual(problem.hint, "");
  }
});

test("compileGeography joins databases, the first that knows a fact wins", () => {
  const country = writeMmdb([["5.0.0.0/8", { country_code: "DE" }]]);
  const city = writeMmdb([
    ["5.0.0.0/9", { country_code: "DE", latitude: 48.5, longitude: 11.5, region_code: "BY" }],
    ["5.128.0.0/9", { country_code: "FR", latitude: 48.5, longitude: 2.5 }],
    ["6.0.0.0/8", { country_code: "FR" }],
  ]);
  const network = writeMmdb([["5.0.0.0/12", { autonomous_system_number: 64_496 }]]);
  const geography = compiled([country, city, network]);
  const munich = { ...german, latitude: 48.5, longitude: 11.5, subdivision: "DE-BY" };
  assert.deepEqual(at(geography, "5.0.0.1"), { ...munich, asn: 64_496 });
  assert.deepEqual(at(geography, "5.64.0.1"), munich);
  assert.deepEqual(at(geography, "5.200.0.1"), german);
  assert.equal(at(geography, "6.0.0.1").country, "FR");
});

test("compileGeography joins a file of each family as one database of both", () => {
  const v4 = [
    ["5.0.0.0/8", { country_code: "DE" }],
    ["6.0.0.0/8", { latitude: 10.5, longitude: 20.5 }],
  ] as const;
  const v6 = [
    ["2a00::/16", { country_code: "FR" }],
    ["2b00::/16", { latitude: 30.5, longitude: 40.5 }],
  ] as const;
  const both = compiled([writeMmdb([...v4, ...v6])]);
  const apart = compiled([writeMmdb(v4, { ipVersion: 4 }), writeMmdb(v6)]);
  assert.deepEqual({ ...apart, source: both.source }, both);
  assert.deepEqual(
    compiled([writeMmdb(v6), writeMmdb(v4, { ipVersion: 4 })]).v6.lengths,
    both.v6.lengths,
  );
  assert.equal(at(apart, "6.1.1.1").latitude, 10.5);
});

test("compileGeography gives equal input equal columns", () => {
  const entries: [string, WrittenValue][] = [
    ["5.0.0.0/8", { country_code: "DE" }],
    ["6.0.0.0/8", { country_code: "FR" }],
  ];
  const overrides = [{ cidr: "5.5.0.0/16", country: "FR" }];
  assert.deepEqual(
    compiled([writeMmdb(entries)], overrides),
    compiled([writeMmdb(entries)], overrides),
  );
});

const small = writeMmdb(
  [
    ["5.0.0.0/8", { country: { iso_code: "DE" }, location: { latitude: 48.5, longitude: 11.5 } }],
    ["2a00::/16", { country_code: "US" }],
  ],
  { aliases: ["2002::/16"] },
);

test("compileGeography refuses a file cut short at any byte", () => {
  for (let length = 0; length < small.length; length++) {
    const result = compile([small.subarray(0, length)]);
    assert.ok(!result.ok, `${length} of ${small.length} bytes`);
    assert.deepEqual(
      result.problems.map((problem) => problem.code),
      ["geo.unreadable"],
    );
  }
});

test("compileGeography survives every flipped bit: leaves still cover everything, or a problem", () => {
  const file = writeMmdb([["5.0.0.0/8", { country: { iso_code: "DE" }, loc: "48.5,11.5" }]], {
    ipVersion: 4,
  });
  let refused = 0;
  for (let bit = 0; bit < file.length * 8; bit++) {
    const flipped = file.slice();
    flipped[bit >>> 3]! ^= 1 << (bit & 7);
    const result = compile([flipped]);
    if (result.ok) {
      for (const leaves of [result.geography.v4, result.geography.v6]) plainLeaves(leaves);
    } else {
      assert.equal(result.problems[0]?.code, "geo.unreadable");
      refused++;
    }
  }
  assert.ok(refused > 0);
});

test("compileGeography ends on trees that loop or multiply", () => {
  /** Nodes with these records, 24 bits each, and the metadata of a real file. */
  const treeOf = (records: readonly number[]): Uint8Array => {
    const nodes = records.flatMap((record) => [record >>> 16, (record >>> 8) & 255, record & 255]);
    const file = writeMmdb([["128.0.0.0/1", "x"]], {
      ipVersion: 6,
      metadata: { node_count: records.length / 2 },
    });
    const from = file.lastIndexOf(0xab);
    return Uint8Array.from([...nodes, ...Array<number>(16).fill(0), 0xe0, ...file.subarray(from)]);
  };
  const shared = (count: number): number[] =>
    Array.from({ length: count }, (_, i) => [i + 1, i + 1]).flat();
  const trees = [[0, 0], [1, 1, 0, 0], [2, 0, 0, 0], shared(100), shared(127), [1, 0, 1, 1]];
  for (const records of trees) {
    const result = compile([treeOf(records)]);
    assert.ok(!result.ok, records.slice(0, 8).join());
    assert.equal(result.problems[0]?.code, "geo.unreadable");
    const message = result.problems[0]?.message ?? "";
    assert.match(message, /more steps|deeper than an address|leads outside|names a place/);
  }
  const multiplied = compile([treeOf(shared(100))]);
  assert.ok(!multiplied.ok);
  assert.match(multiplied.problems[0]?.message ?? "", /more steps/);
});

test("compileGeography refuses a database that names no place", () => {
  const result = compile([writeMmdb([["5.0.0.0/8", { threat: "high" }]])]);
  assert.ok(!result.ok);
  assert.match(result.problems[0]?.message ?? "", /names a place/);
});

test("compileGeography never throws on random damage", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(small.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      (damage) => {
        const bytes = small.slice();
        for (const [at_, value] of damage) bytes[at_] = value;
        compile([bytes]);
      },
    ),
    { numRuns: 300 },
  );
});
