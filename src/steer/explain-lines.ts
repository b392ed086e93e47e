/**
 * An explanation as lines that each say something alone: for places that know no paragraphs, such
 * as the strings of `TXT _why.NAME`. Their number is bounded by limits.explainLinesMax.
 */
import { limits } from "../limits.ts";
import type { Explanation } from "./explain.ts";

export function explanationLines(explanation: Explanation): readonly string[] {
  const { client, rule, pools, reasons, picked } = explanation;
  const lines = [
    `client ${client === "" ? "not known" : client}: ${explanation.location}`,
    `class ${explanation.class} by rule ${rule.index}, ${rule.when === "" ? "default" : rule.when}: ${rule.steer}`,
    `plan ${explanation.plan}`,
    `${explanation.outcome}, ttl ${explanation.ttlSeconds}s, the same for all of /${explanation.scope}`,
    ...(picked === null ? [] : [`this client keeps ${picked}`]),
    ...reasons.map(({ code, sentence }) => `because ${code}: ${sentence}`),
    ...pools.flatMap(({ pool, kilometres, share, endpoints }) => [
      `share ${percent(share)} ${pool}${kilometres === null ? "" : `, ${kilometres} km`}`,
      ...endpoints.map((each) => {
        return `share ${percent(each.share)} ${pool}/${each.endpoint}, ${each.condition}`;
      }),
    ]),
  ];
  if (lines.length <= limits.explainLinesMax) return lines;
  const more = lines.length - limits.explainLinesMax + 1;
  return [...lines.slice(0, limits.explainLinesMax - 1), `and ${more} lines more: rhumb explain`];
}

const percent = (share: number): string => `${((share * 100) / limits.shareTotal).toFixed(2)}%`;
