/**
 * The words of unsupported.ts as parts of a schema: they parse to nothing but a refusal. Used by
 * schema.ts alone.
 */
import { z } from "zod";
import {
  offeredPrefix,
  type UnsupportedWord,
  unsupported,
  unsupportedMessage,
  unsupportedParams,
} from "./unsupported.ts";

/** The place of a key that is refused whatever its value. */
export function later(word: UnsupportedWord) {
  return z
    .unknown()
    .superRefine((_, context) => refuse(word, context, "key"))
    .optional()
    .describe(`Not supported yet. ${unsupported[word]}`);
}

/** One of several words, some of which are refused. */
export function oneOf<const Now extends readonly string[], const Later extends readonly string[]>(
  now: Now,
  refused: Later,
  path: string,
) {
  const error = () => `${offeredPrefix}${now.join(" ")}`;
  return z.enum([...now, ...refused], { error }).superRefine((value, context) => {
    if (refused.includes(value)) refuse(`${path}=${value}` as UnsupportedWord, context);
  });
}

/** `at` says whether the word is the key or its value. */
export function refuse(word: UnsupportedWord, context: z.core.$RefinementCtx, at?: "key"): void {
  context.addIssue({
    code: "custom",
    message: unsupportedMessage(word),
    params: { ...unsupportedParams, ...(at === undefined ? {} : { at }) },
  });
}
