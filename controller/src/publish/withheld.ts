// The hashes of secrets in clear, which no seal may bring: kept beside the blobs, so that a restarted sealer knows them too.

import { constants } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { isHash, type Hash } from "@agentos/kernel";

export interface Withheld {
  has(hash: Hash): boolean;
  /** Adds hashes; durable when it resolves. */
  add(hashes: readonly Hash[]): Promise<void>;
}

const { O_APPEND, O_CREAT, O_WRONLY } = constants;

/**
 * Keeps them in a file, a line each; without a path, in memory only. A last line that was cut off is no hash and withholds nothing:
 * its seal was not written either.
 *
 * @throws Error of the file system
 */
export async function withheldHashes(path?: string): Promise<Withheld> {
  const text = path === undefined ? "" : await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  const known = new Set<Hash>(text.split("\n").filter(isHash));
  return {
    has: (hash) => known.has(hash),
    async add(hashes) {
      const fresh = [...new Set(hashes)].filter((hash) => !known.has(hash));
      if (fresh.length === 0) return;
      if (path !== undefined) await append(path, `\n${fresh.join("\n")}\n`);
      for (const hash of fresh) known.add(hash);
    },
  };
}

async function append(path: string, lines: string): Promise<void> {
  const file = await open(path, O_APPEND | O_CREAT | O_WRONLY, 0o600);
  try {
    await file.writeFile(lines);
    await file.datasync();
  } finally {
    await file.close();
  }
}
