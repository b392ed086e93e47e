/**
 * Plain data with its typed arrays moved to shared memory, so that handing it to another thread
 * copies none of them. Called once a policy by fronts/dns.
 */
type TypedArray = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

/** A copy of `value`; arrays that stood in several places are one array there as well. */
export function shareArrays<T>(value: T): T {
  return shareValue(value, new Map()) as T;
}

function shareValue(value: unknown, known: Map<object, unknown>): unknown {
  if (typeof value !== "object" || value === null) return value;
  const before = known.get(value);
  if (before !== undefined) return before;
  const made = ArrayBuffer.isView(value) ? shareArray(value as TypedArray) : undefined;
  if (made !== undefined) {
    known.set(value, made);
    return made;
  }
  if (Array.isArray(value)) return value.map((each) => shareValue(each, known));
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, shareValue(each, known)]),
  );
}

function shareArray(from: TypedArray): TypedArray {
  const made = sameKind(from, new SharedArrayBuffer(from.byteLength));
  made.set(from);
  return made;
}

function sameKind(from: TypedArray, memory: SharedArrayBuffer): TypedArray {
  if (from instanceof Uint16Array) return new Uint16Array(memory);
  if (from instanceof Uint32Array) return new Uint32Array(memory);
  if (from instanceof Int32Array) return new Int32Array(memory);
  if (from instanceof Float64Array) return new Float64Array(memory);
  return new Uint8Array(memory);
}
