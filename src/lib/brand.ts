/**
 * Branded numbers. An index into one column is not an index into another: mixing them up is a type
 * error instead of a wrong answer. A brand exists at compile time only and costs nothing at run
 * time.
 */
declare const brand: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
