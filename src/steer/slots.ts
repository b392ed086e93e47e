/**
 * Slots: shares in M cells, so that a pick is one modulo and one read. Called by slot-arena.ts for
 * shapes (over pools) and rows (over endpoints). What stands in the slots follows from (ids, base,
 * shares) alone, never from what stood there before, and keeps the promises of docs/steering.md,
 * "Keys and slots": `base` are the shares when all is well, and what they own moves only to make
 * room.
 */
import { assert } from "../errors.ts";
import { limits } from "../limits.ts";
import { ownBounds, type SlotFill, type Slots } from "./slot-bounds.ts";
import { lendSlots } from "./slot-lending.ts";
import { rendezvous } from "./slot-rendezvous.ts";

const slotCount = limits.slots;
const everySlot = Uint16Array.from({ length: slotCount }, (_, slot) => slot);
const chosen = new Uint16Array(slotCount);

/**
 * Writes the position of a member into each slot. `owners`, if known, is what this function wrote
 * for the same ids and base with shares as base.
 */
export function fillSlots(fill: SlotFill, out: Slots, owners?: Slots): void {
  assert(out.length === slotCount, "a row has limits.slots slots");
  const { ids, base, shares } = fill;
  if (owners === undefined) ownSlots(ids, base, out);
  else out.set(owners);
  if (shares.some((share, i) => share !== base[i])) lendSlots(fill, out);
}

/** Who has each slot when every member is whole. */
function ownSlots(ids: readonly number[], base: readonly number[], out: Slots): void {
  const taking: number[] = [];
  base.forEach((share, i) => {
    if (share > 0) taking.push(i);
  });
  const { least, most } = ownBounds(base);
  const members = {
    ids: taking.map((i) => ids[i]!),
    // A share below one slot counts as one, which it gets.
    weights: taking.map((i) => Math.max(base[i]!, limits.shareTotal / slotCount)),
    least: taking.map((i) => least[i]!),
    most: taking.map((i) => most[i]!),
  };
  rendezvous(members, everySlot, chosen);
  if (taking.length === ids.length) out.set(chosen);
  else for (let slot = 0; slot < slotCount; slot++) out[slot] = taking[chosen[slot]!]!;
}
