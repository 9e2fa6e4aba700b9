// SHA-256 by the host's own library: artifacts are large, and the sandbox is no part of the pure half.

import { createHash } from "node:crypto";
import type { Hash } from "../air/value.ts";

/** The hash of an artifact's bytes. */
export function digestOf(bytes: Uint8Array): Hash {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Hash;
}
