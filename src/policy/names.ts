/**
 * The label tree of the zones Rhumb answers for, as a hash table over owner names in wire form.
 * Built by compile.ts, read by fronts/dns/answer.ts without allocation.
 */
export interface NameTable {
  readonly zones: readonly { readonly apex: string }[];
}
