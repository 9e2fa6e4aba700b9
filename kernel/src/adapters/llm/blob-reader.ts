// Reads the blobs of one call, within one budget of bytes.

import { AosError } from "../../air/error.ts";
import type { Hash } from "../../air/value.ts";
import type { Blobs } from "../../ports.ts";

/** Longest sum of all blobs of a call. */
const REQUEST_BYTES_MAX = 32 * 1024 * 1024;

export interface BlobReader {
  /**
   * @param at - the place that names the blob, for errors
   * @throws AosError `llm.blob_missing`, `llm.request_limit`
   */
  read(ref: Hash, at: string): Promise<Uint8Array>;
}

export function blobReader(blobs: Blobs): BlobReader {
  let left = REQUEST_BYTES_MAX;
  return {
    async read(ref, at) {
      const bytes = await blobs.get(ref);
      if (bytes === undefined) throw new AosError("llm.blob_missing", `${at}: ${ref} is not among the blobs`);
      left -= bytes.length;
      if (left < 0) throw new AosError("llm.request_limit", `${at}: messages and tools are longer than ${REQUEST_BYTES_MAX} bytes together`);
      return bytes;
    },
  };
}
