/**
 * What slots are filled from, and how many slots each member may have. Used by slots.ts and
 * slot-lending.ts; the bounds are those docs/steering.md, "Keys and slots", promises.
 */
import { limits } from "../limits.ts";

export interface SlotFill {
  /** One number a member, from its name: what its slots hang on. */
  readonly ids: readonly number[];
  /** Shares when every member is whole. */
  readonly base: readonly number[];
  /** Shares now. Both sum to limits.shareTotal. */
  readonly shares: readonly number[];
}

export type Slots = Uint8Array | Uint16Array;

const slotCount = limits.slots;

/** How far from its part of the slots a member may be when every one is whole. */
const ownSlack = 0.6;

/**
 * As `slotBounds`, but nearer to the shares (which need be no integers), so that there is room for
 * what lending rounds: the two whole numbers around, of which the sum may need either, only where
 * they are near.
 */
export function ownBounds(shares: readonly number[]): SlotBounds {
  const { least, most } = slotBounds(shares);
  const quotas = shares.map((share) => (share * slotCount) / limits.shareTotal);
  const near = {
    least: least.map((bound, i) => Math.max(bound, Math.ceil(quotas[i]! - ownSlack))),
    most: most.map((bound, i) => Math.min(bound, Math.max(1, Math.floor(quotas[i]! + ownSlack)))),
  };
  const sum = (bounds: readonly number[]) => bounds.reduce((all, bound) => all + bound, 0);
  return {
    least: sum(near.least) <= slotCount ? near.least : least,
    most: sum(near.most) >= slotCount ? near.most : most,
  };
}

export interface SlotBounds {
  readonly least: readonly number[];
  readonly most: readonly number[];
}

/**
 * How many slots a share may have: at most one more or one less than its part of them, but none for
 * none, and for any other at least one. Where these ones are too many, what is missing comes from
 * the greatest, which end up alike.
 */
export function slotBounds(shares: readonly number[]): SlotBounds {
  const least: number[] = [];
  const most: number[] = [];
  let needed = 0;
  for (const share of shares) {
    const slots = (share * slotCount) / limits.shareTotal;
    const floor = share === 0 ? 0 : Math.max(1, Math.ceil(slots) - 1);
    least.push(floor);
    most.push(share === 0 ? 0 : Math.max(1, Math.floor(slots) + 1));
    needed += floor;
  }
  if (needed <= slotCount) return { least, most };
  const capped = cutToFit(least);
  return { least: capped, most: capped };
}

/** The greatest are cut to one height, so that all together are the number of slots. */
function cutToFit(least: readonly number[]): readonly number[] {
  const sumTo = (height: number) => least.reduce((sum, slots) => sum + Math.min(slots, height), 0);
  let height = 1;
  for (let above: number = slotCount; above - height > 1; ) {
    const middle = (height + above) >> 1;
    if (sumTo(middle) > slotCount) above = middle;
    else height = middle;
  }
  let left = slotCount - sumTo(height);
  return least.map((slots) => (slots <= height ? slots : left-- > 0 ? height + 1 : height));
}
