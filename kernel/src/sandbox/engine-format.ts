// The JavaScript engine's own binary form of values (version 5), which it reads and writes natively: no script code runs for it.

import { AosError } from "../air/error.ts";

export const FORMAT = 5;

/** The byte before each value. */
export const Tag = {
  null: 1, undefined: 2, false: 3, true: 4, int32: 5, float64: 6, string: 7, object: 8, array: 9, bigInt: 10, typedArray: 14,
  arrayBuffer: 15, date: 17, boxed: 18, reference: 19,
} as const;

/** Which typed array: Uint8Array is the only one that is data. */
export const UINT8_ARRAY = 2;

/**
 * In the wrapped form each list, object and map is an array that starts with its kind. It carries what the engine's form has not:
 * maps with keys that are not texts.
 */
export const Wrap = { list: 0, object: 1, map: 2 } as const;

/** A value cannot pass the border. */
export function refuseValue(why: string): never {
  throw new AosError("js.value", why);
}
