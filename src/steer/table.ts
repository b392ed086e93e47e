/**
 * Table: the fast path, in two levels. (service, class) -> shape, the shares over pool ordinals,
 * interned across services; pool -> one row of endpoint slots, the same for every class. Built from
 * decide.ts's own functions, so that it can only say what the specification says.
 */
export {};
