// Writes to files that outlive a power cut: contents and names both reach the disk before the promise resolves.

import { open } from "node:fs/promises";
import { AosError } from "@agentos/kernel";

/** Creates a file (it must not exist) and forces its contents to disk. Its name is durable after syncFolder. */
export async function writeDurably(path: string, bytes: Uint8Array, options: { readonly mode: number }): Promise<void> {
  const file = await open(path, "wx", options.mode);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes new names and renames in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The `code` of an operating system error, e.g. `ENOENT`. */
export function systemCode(cause: unknown): string | undefined {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
}

/** What a full disk, a missing right or a broken drive looks like to the caller. Other errors pass as they are. */
export function writeFailure(path: string, cause: unknown): unknown {
  const code = cause instanceof AosError ? undefined : systemCode(cause);
  if (code === undefined) return cause;
  return new AosError("git.write", `${path}: cannot be written (${code})`, {
    class: "outside",
    hint: "check free space, rights and the drive",
    cause,
  });
}
