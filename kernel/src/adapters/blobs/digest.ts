// SHA-256 of large byte strings, by the platform.

import { createHash } from "node:crypto";
import type { Hash } from "../../air/value.ts";

/** The same hash as `hashBytes`, several times as fast on blobs of megabytes. */
export function hashOf(bytes: Uint8Array): Hash {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Hash;
}
