// Random bytes of the operating system.

import { randomBytes } from "node:crypto";
import type { Entropy } from "../ports.ts";

/** Entropy fit for keys. */
export function systemEntropy(): Entropy {
  return { bytes: (count) => new Uint8Array(randomBytes(count)) };
}
