// SHA-256 of byte strings, by the platform.

import * as crypto from "node:crypto";
import type { Hash } from "../../air/value.ts";

/** The same hash as `hashBytes`, several times as fast. */
export function hashOf(bytes: Uint8Array): Hash {
  return `sha256:${crypto.hash("sha256", bytes, "hex")}` as Hash;
}
