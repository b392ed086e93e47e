/**
 * The value of a text that may be wrong: what the parsers of wire/ return. A message is a phrase
 * for an operator ("a label is longer than 63 octets"), to be put in a Problem by the caller.
 */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string };

export const parsed = <T>(value: T): Parsed<T> => ({ ok: true, value });
export const refused = (message: string): Parsed<never> => ({ ok: false, message });
