/** A proof as text and as JSON. Called by `rhumb prove`. */
import type { Place } from "../errors.ts";
import { commandFor } from "./counter-example.ts";
import type { Proof, Verdict } from "./prove.ts";
import { formatCount } from "./states.ts";

/** What a proof does not speak of, whatever it says. */
export const notCovered: readonly string[] = [
  "resolvers that do not send the client's subnet (ECS): their clients are steered as the resolver is",
  "clients whose place the geography database has wrong",
  "static records, and answers still in caches when a revision changes",
  "load: an endpoint is taken to carry what it is given, but for `capacity survives`, and there all else is well",
];

export function formatProof(proof: Proof, source: string): string {
  const { verdicts, states, geographyDigest, engine } = proof;
  return `${[
    ...verdicts.flatMap((verdict) => formatVerdict(verdict, source)),
    "",
    `${formatCount(states)} states of endpoints, over all services and classes`,
    `assumed: geography ${geographyDigest.slice(0, 16)}, engine ${engine}`,
    ...notCovered.map((text) => `not covered: ${text}`),
  ].join("\n")}\n`;
}

function formatVerdict(verdict: Verdict, source: string): readonly string[] {
  const { assertion, outcome, detail, counterExample } = verdict;
  const effort = `${verdict.subjects} classes, ${verdict.distinct} distinct, ${verdict.decisions} decisions`;
  const more = detail === "" ? effort : `${detail}; ${effort}`;
  const lines = [`${outcome.padEnd(10)} ${assertion.text} (${more})`];
  if (counterExample === undefined) return lines;
  const { service, client, sentence, changes } = counterExample;
  const who = client === "" ? "clients of no known address" : `clients such as ${client}`;
  const count = `${changes} change${changes === 1 ? "" : "s"} from a good day`;
  return [
    ...lines,
    `  ${placeText(assertion.place)}for ${service} and ${who}, with ${count}, ${sentence}`,
    `  ${commandFor(counterExample, source)}`,
  ];
}

function placeText(place: Place | undefined): string {
  return place === undefined ? "" : `${place.file}:${place.line}:${place.column} `;
}

export function proofJson(proof: Proof, source: string): unknown {
  const { verdicts, states, ...rest } = proof;
  return {
    ...rest,
    states: states.toString(),
    notCovered,
    verdicts: verdicts.map(({ assertion, counterExample, ...verdict }) => ({
      assertion: assertion.text,
      place: assertion.place ?? null,
      ...verdict,
      counterExample:
        counterExample === undefined
          ? null
          : { ...counterExample, command: commandFor(counterExample, source) },
    })),
  };
}
