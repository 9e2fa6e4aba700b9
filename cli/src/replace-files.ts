// Writes several files or none: each is prepared beside its place first, then moved there whole.

import { mkdir, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

interface FileChange {
  /** Absolute. */
  readonly path: string;
  /** Undefined: the file goes. */
  readonly text: string | undefined;
}

/** Nothing is replaced before every new text lies on the disk. */
export async function replaceFiles(changes: readonly FileChange[]): Promise<void> {
  const drafts: { readonly draft: string; readonly place: string }[] = [];
  try {
    for (const { path, text } of changes) {
      if (text === undefined) continue;
      await mkdir(dirname(path), { recursive: true });
      // A link stays a link: what it leads to is replaced.
      const place = await realpath(path).catch(() => path);
      const draft = `${place}.draft-${process.pid}`;
      drafts.push({ draft, place });
      const mode = await stat(place).then((found) => found.mode & 0o777, () => 0o666);
      await writeFile(draft, text, { flag: "wx", mode });
    }
    for (const { draft, place } of drafts) await rename(draft, place);
    for (const { path, text } of changes) if (text === undefined) await rm(path);
  } finally {
    for (const { draft } of drafts) await rm(draft, { force: true });
  }
}
