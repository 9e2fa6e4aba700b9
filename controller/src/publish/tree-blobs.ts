// Workspace trees among the blobs of a seal: a node that is published brings what it names, so that a clone has whole trees.

import { AosError, decodeAnnotations, decodeTree, type Hash } from "@agentos/kernel";

/** How the bytes of every tree node begin: a map of one or two fields, `entries` the first. */
const NODE_HEADS: readonly string[] = ["d9d9f7a167656e7472696573", "d9d9f7a267656e7472696573"];
const HEAD_BYTES = 12;

/**
 * All that is below a blob, if it is the node of a workspace tree: files, folders, annotations and their values.
 *
 * @param read - the bytes of a blob; undefined stops there: it is not stored, or was brought before and with it what is below it
 */
export async function blobsBelow(hash: Hash, read: (hash: Hash) => Promise<Uint8Array | undefined>): Promise<readonly Hash[]> {
  const found = new Set<Hash>();
  const open: Hash[] = [hash];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const bytes = await read(next);
    const tree = bytes === undefined ? undefined : nodeOf(bytes);
    if (tree === undefined) continue;
    const annotated = [tree.annotations_hash, ...tree.entries.map((entry) => entry.annotations_hash)].filter((one) => one !== undefined);
    for (const one of annotated) {
      found.add(one);
      for (const value of await valuesOf(one, read)) found.add(value);
    }
    for (const entry of tree.entries) {
      if (entry.kind === "dir" && !found.has(entry.hash)) open.push(entry.hash);
      found.add(entry.hash);
    }
  }
  return [...found];
}

/** Is this the node of a workspace tree? */
export function isTreeNode(bytes: Uint8Array): boolean {
  return nodeOf(bytes) !== undefined;
}

function nodeOf(bytes: Uint8Array): ReturnType<typeof decodeTree> | undefined {
  return NODE_HEADS.includes(Buffer.from(bytes.subarray(0, HEAD_BYTES)).toString("hex")) ? attempt(() => decodeTree(bytes)) : undefined;
}

async function valuesOf(annotations: Hash, read: (hash: Hash) => Promise<Uint8Array | undefined>): Promise<readonly Hash[]> {
  const bytes = await read(annotations);
  const found = bytes === undefined ? undefined : attempt(() => decodeAnnotations(bytes));
  return found === undefined ? [] : [...found.values()];
}

/** Bytes that only look like a node name nothing. */
function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof AosError) return undefined;
    throw error;
  }
}
