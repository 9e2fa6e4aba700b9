// Cells as they are listed: those of one reducer page by page, and an order for any of them.

import { AosError } from "../air/error.ts";
import { compareBytes, hex, unhex } from "../air/hash.ts";
import { compareText } from "../air/text.ts";
import { trieGroup } from "./trie.ts";
import type { Cell, World } from "./world.ts";

export interface CellPage {
  readonly cells: readonly Cell[];
  /** Where the next page begins; undefined when this is the last. */
  readonly next: string | undefined;
}

const CURSOR = /^[0-9a-f]{64}$/;

/**
 * A page of a reducer's cells, in an order that is stable but not that of the keys. Of other cells none is read.
 *
 * @param options.after - `next` of an earlier page, also of an earlier world: cells that stood before it are not shown again
 * @throws AosError `cells.cursor` (input)
 */
export function cellsOf(world: World, reducer: string, options: { readonly after?: string; readonly limit: number }): CellPage {
  const { after, limit } = options;
  if (after !== undefined && !CURSOR.test(after)) throw new AosError("cells.cursor", `after: expected the cursor of an earlier page, got ${JSON.stringify(after.slice(0, 80))}`);
  const cells: Cell[] = [];
  let last: Uint8Array | undefined;
  for (const [path, , cell] of trieGroup(world.cells, reducer, after === undefined ? undefined : unhex(after))) {
    if (cells.length >= limit) return { cells, next: last === undefined ? undefined : hex(last) };
    cells.push(cell);
    last = path;
  }
  return { cells, next: undefined };
}

/** By reducer, the cell without a key first, then by the bytes of the key. */
export function compareCells(a: Pick<Cell, "reducer" | "key">, b: Pick<Cell, "reducer" | "key">): number {
  return compareText(a.reducer, b.reducer) || compareBytes(a.key ?? new Uint8Array(0), b.key ?? new Uint8Array(0));
}
