// Takes a blob away: for bytes that are to lie nowhere in clear any more.

import { rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseHash } from "../../air/hash.ts";
import type { Hash } from "../../air/value.ts";
import { except, outside, syncFolder } from "../durable.ts";
import { blobSegments } from "./segments.ts";

/**
 * Removes a blob of `fileBlobs` that has a file of its own; durable when it resolves. Nothing is asked of who still needs it.
 *
 * @param dir - the folder of `fileBlobs`
 * @returns `shared` when it stays in a file with others, which never changes
 * @throws AosError `blob.io`
 */
export async function forgetBlob(dir: string, hash: Hash): Promise<"removed" | "shared" | "absent"> {
  const digits = parseHash(hash).slice("sha256:".length);
  const path = join(dir, digits.slice(0, 2), digits.slice(2));
  const segments = blobSegments(dir);
  const there = (await stat(path).catch(except("ENOENT")).catch(outside("blob.io", path))) !== undefined;
  if (there) {
    await rm(path, { force: true }).catch(outside("blob.io", path));
    await syncFolder(dirname(path)).catch(outside("blob.io", path));
  }
  if (segments.find(hash) !== undefined) return "shared";
  return there ? "removed" : "absent";
}
