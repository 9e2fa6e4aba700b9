// Writes a tree to disk: names first, all of them, then the files; nothing outside of the directory, nothing over a link.

import { createWriteStream } from "node:fs";
import { chmod, lstat, mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AosError, decodePath, trees, type Hash } from "@agentos/kernel";
import { gitNameOf, type Workspaces } from "@agentos/controller";

export interface Checkout {
  readonly root: Hash;
  /** The directory of the tree; undefined: all of it. */
  readonly path: string | undefined;
  readonly dir: string;
  /** What becomes of files that are there and have other bytes. */
  readonly over: "refuse" | "replace";
  /** A file or folder is there, of so many. */
  readonly onEntry?: (total: number) => void;
}

const SHOWN_MAX = 10;

/** @throws AosError `checkout.names` (no file can be called so here), `checkout.taken` (files are there): nothing is written then; as trees.walkTree */
export async function checkOut(workspaces: Pick<Workspaces, "blobs" | "pieces">, { root, path, dir, over, onEntry }: Checkout): Promise<{ readonly files: number; readonly bytes: number }> {
  const entries: trees.PathEntry[] = [];
  for await (const entry of trees.walkTree(workspaces.blobs, root, { scope: "subtree", ...(path === undefined ? {} : { path }) })) entries.push(entry);
  const below = (entry: trees.PathEntry): string => (path === undefined ? entry.path : entry.path.slice(path.length + 1));
  const bad = entries.filter((entry) => gitNameOf(entry.name).startsWith("~aos-") || gitNameOf(entry.name) === "");
  if (bad.length > 0) throw new AosError("checkout.names", `${list(bad.map((entry) => entry.path))}: no file may be called so`, { hint: "they can be read with `aos ws cat`" });
  const places = entries.map((entry) => ({ entry, place: join(dir, ...decodePath(below(entry)).split("/")) }));
  await refuseTaken(dir, places, over);
  await mkdir(dir, { recursive: true });
  let bytes = 0;
  for (const { entry, place } of places) {
    if (entry.kind === "dir") await mkdir(place, { recursive: true });
    else {
      await writeFile(workspaces, entry, place);
      bytes += entry.size;
    }
    onEntry?.(places.length);
  }
  return { files: entries.filter(({ kind }) => kind === "file").length, bytes };
}

/** Links are never followed; files are replaced only where that is asked for. */
async function refuseTaken(dir: string, places: readonly { readonly entry: trees.PathEntry; readonly place: string }[], over: Checkout["over"]): Promise<void> {
  const taken: string[] = [];
  if ((await lstat(dir).catch(() => undefined)) === undefined) return;
  for (const { entry, place } of places) {
    const found = await lstat(place).catch(() => undefined);
    if (found === undefined || (entry.kind === "dir" && found.isDirectory())) continue;
    if (over === "refuse" || !found.isFile() || entry.kind === "dir") taken.push(place);
  }
  if (taken.length > 0) throw new AosError("checkout.taken", `${list(taken)}: there already`, { hint: over === "refuse" ? "use --force to write over files, or name an empty directory" : "links and directories in the way are not replaced: move them away" });
}

/** Under another name first, so that a file is whole or as it was. */
async function writeFile(workspaces: Pick<Workspaces, "pieces">, { hash, mode }: trees.PathEntry, place: string): Promise<void> {
  await mkdir(dirname(place), { recursive: true });
  const draft = join(dirname(place), `.aos-draft-${process.pid}`);
  try {
    await pipeline(Readable.from(workspaces.pieces(hash)), createWriteStream(draft, { flags: "w", mode }));
    await chmod(draft, mode);
    await rename(draft, place);
  } finally {
    await rm(draft, { force: true });
  }
}

function list(paths: readonly string[]): string {
  return paths.length <= SHOWN_MAX ? paths.join(", ") : `${paths.slice(0, SHOWN_MAX).join(", ")} and ${paths.length - SHOWN_MAX} more`;
}
