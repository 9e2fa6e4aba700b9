// Random bytes of the operating system.

import { randomBytes, randomFillSync } from "node:crypto";
import type { Entropy } from "../ports.ts";

const POOL_BYTES = 4096;
/** More than that is asked of the system by itself. */
const POOLED_BYTES = 64;

/**
 * Entropy fit for keys. Short pieces are cut from a pool that is filled at once, since asking for each costs more than the turn it is
 * for; every byte is given away once, and not kept.
 */
export function systemEntropy(): Entropy {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  return {
    bytes(count) {
      if (count > POOLED_BYTES) return new Uint8Array(randomBytes(count));
      if (used + count > POOL_BYTES) {
        randomFillSync(pool);
        used = 0;
      }
      const bytes = pool.slice(used, used + count);
      pool.fill(0, used, used + count);
      used += count;
      return bytes;
    },
  };
}
