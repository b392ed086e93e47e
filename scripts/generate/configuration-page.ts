/** docs/configuration.md: every key, from the schema itself, with the words around it from here. */

import { unsupported } from "../../src/config/unsupported.ts";
import { limits } from "../../src/limits.ts";
import {
  code,
  isLater,
  type JsonSchema,
  keysAt,
  nodeAt,
  requiredAt,
  typeText,
} from "./json-schema.ts";
import { generatedNote, table } from "./markdown.ts";

interface Section {
  readonly heading: string;
  /** Path in the schema of the mapping whose keys are listed. */
  readonly path: string;
  readonly intro?: string;
  readonly after?: string;
}

const sections: readonly Section[] = [
  {
    heading: "The top of the file",
    path: "",
    intro:
      "`regions` and `services` are what it is about; one of `zone` and `zones` says where their names are.",
  },
  {
    heading: "regions.NAME",
    path: "regions.*",
    intro: "A place where applications run. Its name is used everywhere else.",
  },
  {
    heading: "regions.NAME.ramp",
    path: "regions.*.ramp",
    intro: 'A duration stands for `over`. [health.md](health.md), "Coming back".',
  },
  {
    heading: "safety.removals",
    path: "safety.removals",
    intro: 'Off unless written. [health.md](health.md), "Too much at once".',
  },
  {
    heading: "services.NAME",
    path: "services.*",
    intro: "An application: where it runs, how it is checked, and how clients are steered to it.",
  },
  {
    heading: "services.NAME.check",
    path: "services.*.check",
    intro: `One of \`http\`, \`https\` and \`tcp\` says what is asked; [health.md](health.md) says what follows from the answers.
\`host\`, \`status\` and \`body\` are for \`http\` and \`https\`, \`sni\` and \`verify\` for \`https\` only. \`timeout\` is at most \`interval\`.`,
  },
  {
    heading: "services.NAME.endpoints",
    path: "services.*.endpoints.*",
    intro: `For each region its pool: one endpoint, a list of them, or named *colours* of the pool, each an endpoint or a list. An endpoint is a text or a
mapping:

\`\`\`yaml
endpoints:
  fra: 192.0.2.10                               # an address
  iad: [198.51.100.10:8443, "[2001:db8::1]:8443"]   # several, with the port that is checked
  nrt: {ipv4: 203.0.113.7, ipv6: "2001:db8::7"} # one machine with two addresses
  syd: shop.elb.example.net                     # a host name, resolved ahead
  ams: {blue: 192.0.2.20, green: 192.0.2.21}    # colours share by their endpoints' weights
\`\`\`

A mapping needs \`ipv4\`, \`ipv6\` or both, or else \`host\`:`,
  },
  {
    heading: "services.NAME.steer",
    path: "services.*.steer",
    intro: `| form | means |
|---|---|
| \`nearest\` | the nearest region that can carry, by great-circle distance |
| \`{nearest: {candidates: 3, of: [fra, iad], bias: {fra: 25}}}\` | the same, with its settings |
| \`[fra, [ams, iad]]\` or \`{order: [...]}\` | in this order; a list inside the list shares equally |
| \`{weights: {fra: 3, iad: 1}}\` | shared by weight |
| \`{weights: [{weight: 3, steer: [fra, ams]}, {weight: 1, steer: iad}]}\` | the same, of ways of steering |
| \`{policy: NAME}\` | what stands under \`policies\` |
| \`latency\`, or \`{latency: {candidates: 3, of: [fra, iad]}}\` | the quickest region by measured round trips, by distance where nothing is measured |
| \`{rules: [{when: ..., steer: ...}, {steer: ...}]}\` | the first rule whose condition holds; the last has none |
| \`{rules: [{when: ..., steer: ..., fronts: [dns], else: ...}, {steer: ...}]}\` | a rule for some fronts, and how the others steer instead |

A form in braces may stand wherever a region may in a list, so ways of steering nest: \`[{weights: {fra: 3, ams: 1}}, {nearest: {}}]\`.
[steering.md](steering.md) says exactly what each does. The keys of \`nearest\`:`,
    after: `A condition is a subset of [CEL](https://cel.dev), evaluated when the configuration is compiled:

| in a condition | example |
|---|---|
| \`country\`, \`continent\`, \`subdivision\` | \`country == "DE"\`, \`subdivision != "US-CA"\` |
| \`asn\`, a number, with \`geo.asn\` | \`asn == 3320\`, \`asn in [3320, 64500]\` |
| \`jurisdiction\`, of which a client may have several | \`"EU" in jurisdiction\` |
| \`front\`: \`dns\` or \`redirect\` | \`front == "redirect"\` |
| \`in\` | \`country in ["DE", "AT", "CH"]\` |
| \`startsWith\` | \`subdivision.startsWith("US-")\` |
| \`inCidr\` | \`inCidr(["192.0.2.0/24", "2001:db8::/32"])\` |
| \`&&\`, \`\\|\\|\`, \`!\`, parentheses | \`continent == "EU" && !(country == "CH")\` |`,
  },
  {
    heading: "services.NAME.standby",
    path: "services.*.standby",
    intro: "A region of last resort, behind everything `steer` says; `steer` does not name it.",
  },
  {
    heading: "services.NAME.canary",
    path: "services.*.canary",
    intro:
      'With `key: client` the same clients stay in it; [steering.md](steering.md), "Colours". `shares` says the same of every colour at once.',
  },
  {
    heading: "services.NAME.cohorts.NAME",
    path: "services.*.cohorts.*",
    intro:
      'Clients steered apart, by their address; one of `colour` and `steer`. [steering.md](steering.md), "Cohorts".',
  },
  {
    heading: "services.NAME.dependencies",
    path: "services.*.dependencies.*",
    intro: '[health.md](health.md), "Services that need others". A name stands for `service`.',
  },
  {
    heading: "services.NAME.residency",
    path: "services.*.residency",
    intro:
      'No plan, no fallback and no override leads outside. [steering.md](steering.md), "Residency by client", says what `clients` and `dns` do.',
  },
  {
    heading: "services.NAME.fallback",
    path: "services.*.fallback.fixed",
    intro: `When nothing is left. \`serve-all\`: every endpoint that may serve, whatever its health. \`last-good\`: those that were the last to
be usable. \`refuse\`: refuse the query. \`{fixed: {...}}\`: other endpoints, such as a page that says sorry:`,
  },
  { heading: "services.NAME.failback", path: "services.*.failback" },
  {
    heading: "services.NAME.ttl",
    path: "services.*.ttl",
    intro: "A duration stands for both bounds.",
  },
  {
    heading: "records",
    path: "zones.*.records.*",
    intro:
      "Static records, under a zone or under a service, where `@` is each of the service's names.",
  },
  {
    heading: "zones.NAME",
    path: "zones.*",
    intro: "A part of DNS that is delegated to Rhumb.",
  },
  { heading: "zones.NAME.soa", path: "zones.*.soa" },
  { heading: "listen", path: "listen" },
  {
    heading: "geo",
    path: "geo",
    intro:
      "The bundled database knows countries and is for starting; name a current one for real traffic.",
  },
  {
    heading: "latency",
    path: "latency",
    intro:
      'For `steer: latency`. [steering.md](steering.md), "Latency", says how samples become an order of regions.',
  },
  {
    heading: "geo.overrides",
    path: "geo.overrides.*",
    intro: "Each needs `country`, `subdivision` or `at`.",
  },
];

const head = `${generatedNote}

# Configuration

\`\`\`yaml
version: 1
zones: {gslb.example.com: {ns: [ns1.example.com, ns2.example.com]}}
regions:
  fra: {at: FRA, in: EU}
  iad: {at: IAD, in: US}
services:
  shop:
    check: {https: /healthz, host: shop.example.com}
    endpoints:
      fra: 192.0.2.10
      iad: [198.51.100.10, 198.51.100.11]
    steer: nearest
\`\`\`

One YAML 1.2 file, or a folder: all its \`*.yaml\` and \`*.yml\` in the order of their names, as if they were one. The entries of \`regions\`, \`services\` and
\`zones\` may be spread over the files, \`version\` may stand in each; every other key stands in one of them. Anchors and aliases work, merge keys (\`<<\`) do not.

\`rhumb check -c FILE\` reports every mistake with its line and what to do ([errors.md](errors.md)); \`rhumb check --effective\` prints every value in
effect. For an editor, \`# yaml-language-server: $schema=.../schema/rhumb.schema.json\` on the first line brings completion. [examples/](../examples/) has
configurations to start from.

A **duration** is a number with \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`: \`250ms\`, \`1.5m\`. A **name** has lower-case letters, digits and inner hyphens. "or a list"
means that one value needs no brackets. Keys without a default may be left out unless they are marked *required*.
`;

const bounds: readonly (readonly [string, number])[] = [
  ["regions", limits.regionsMax],
  ["services", limits.servicesMax],
  ["endpoints", limits.endpointsMax],
  ["endpoints of a pool", limits.endpointsPerPoolMax],
  ["endpoints of a service", limits.endpointsPerServiceMax],
  ["pools of a service", limits.poolsPerServiceMax],
  ["rules of a service", limits.rulesPerServiceMax],
  ["bytes of a file", limits.configFileBytesMax],
  ["bytes of all files", limits.configBytesMax],
];

export function configurationPage(schema: JsonSchema): string {
  const parts = sections.map((section) => sectionText(schema, section));
  const later = Object.entries(unsupported).map(([word, meaning]) => [code(word), meaning]);
  return `${head}
${parts.join("\n\n")}

## Not supported yet

These words have their place and are refused with \`config.unsupported\`, never ignored. \`*\` stands for any name, \`when:\` for a word of conditions.

${table(["word", "will mean"], later)}

## Bounds

${table(
  ["at most", ""],
  bounds.map(([what, most]) => [what, most.toLocaleString("en")]),
)}
`;
}

function sectionText(schema: JsonSchema, section: Section): string {
  const { heading, path, intro, after } = section;
  const required = requiredAt(schema, path);
  const keys = keysOf(schema, path).filter(([, node]) => !isLater(node));
  const rows = keys.map(([key, node]) => [
    code(key),
    typeText(node, `${path.split(".").at(-1) ?? ""}.${key}`),
    defaultText(node, required.has(key)),
    node.description ?? "",
  ]);
  const list = table(["key", "type", "default", ""], rows);
  return [`## ${heading}`, intro, list, after].filter((part) => part !== undefined).join("\n\n");
}

function keysOf(schema: JsonSchema, path: string): readonly (readonly [string, JsonSchema])[] {
  // Of the ways of steering only `nearest` has keys that a table helps with.
  if (path.endsWith(".steer")) return keysAt(nodeAt(steerOf(schema), "nearest"), "");
  return keysAt(schema, path);
}

/** `steer` refers to itself, so its schema stands apart. */
export function steerOf(schema: JsonSchema): JsonSchema {
  const definitions = (schema as { readonly $defs?: Readonly<Record<string, JsonSchema>> }).$defs;
  const steer = Object.values(definitions ?? {}).find((each) =>
    each.anyOf?.some((form) => form.enum?.includes("nearest")),
  );
  if (steer === undefined) throw new Error("the schema defines no way of steering");
  return steer;
}

function defaultText(node: JsonSchema, required: boolean): string {
  if (required) return "*required*";
  const { default: value } = node;
  if (value === undefined || (typeof value === "object" && JSON.stringify(value) === "{}"))
    return "";
  return code(value);
}
