/**
 * Counters of workers: each has a registry like the part's whose cells lie in shared memory; the
 * part sums them up before it is asked. Cells are handed out in the order of declaration, which is
 * the same in every thread.
 */
import { assert } from "../../errors.ts";
import { createRegistry, type Registry } from "../../lib/telemetry.ts";
import { createDnsCounters, type DnsCounters } from "./counters.ts";

/** Room for the rows of all families of counters.ts. */
const cellsMax = 256;

export function createWorkerCells(): Float64Array {
  return new Float64Array(new SharedArrayBuffer(cellsMax * 8));
}

export function workerCounters(cells: Float64Array): DnsCounters {
  return createDnsCounters(workerRegistry(cells));
}

function workerRegistry(cells: Float64Array): Registry {
  let at = 0;
  return createRegistry((count) => {
    const start = at;
    at += count;
    assert(at <= cells.length, "cells for every counter of a worker");
    return cells.subarray(start, at);
  });
}

/** Adds to `counters`, at each dump, what the workers have counted since the one before. */
export function sumWorkerCounters(
  registry: Registry,
  counters: DnsCounters,
  cells: readonly Float64Array[],
): void {
  const mirrors = cells.map(workerCounters);
  const names = Object.keys(counters) as (keyof DnsCounters)[];
  const summed = new Map<string, number>();
  registry.collect(() => {
    for (const name of names) {
      for (let row = 0; !Number.isNaN(counters[name].read(row)); row++) {
        const total = mirrors.reduce((sum, mirror) => sum + mirror[name].read(row), 0);
        const key = `${name} ${row}`;
        counters[name].add(row, total - (summed.get(key) ?? 0));
        summed.set(key, total);
      }
    }
  });
}
