// Writes a tree to disk: names first, all of them, then the files; nothing outside of the directory, nothing over a link.

import { chmodSync, createWriteStream, lstatSync, mkdirSync, renameSync, rmSync, type Stats } from "node:fs";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AosError, decodePath, trees, type Hash } from "@agentos/kernel";
import { gitNameOf, type Workspaces } from "@agentos/controller";
import { draftIn } from "./sync/drafts.ts";
import { writeNew } from "./sync/new-file.ts";

interface Checkout {
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
  refuseTaken(dir, places, over);
  mkdirSync(dir, { recursive: true });
  const folders = new Set<string>([dir]);
  let bytes = 0;
  for (const { entry, place } of places) {
    const folder = entry.kind === "dir" ? place : dirname(place);
    if (!folders.has(folder)) mkdirSync(folder, { recursive: true });
    folders.add(folder);
    if (entry.kind === "file") {
      await writeFile(workspaces, entry, place);
      bytes += entry.size;
    }
    onEntry?.(places.length);
  }
  return { files: entries.filter(({ kind }) => kind === "file").length, bytes };
}

/** Links are never followed; files are replaced only where that is asked for. */
function refuseTaken(dir: string, places: readonly { readonly entry: trees.PathEntry; readonly place: string }[], over: Checkout["over"]): void {
  const taken: string[] = [];
  if (lookAt(dir) === undefined) return;
  for (const { entry, place } of places) {
    const found = lookAt(place);
    if (found === undefined || (entry.kind === "dir" && found.isDirectory())) continue;
    if (over === "refuse" || !found.isFile() || entry.kind === "dir") taken.push(place);
  }
  if (taken.length > 0) throw new AosError("checkout.taken", `${list(taken)}: there already`, { hint: over === "refuse" ? "use --force to write over files, or name an empty directory" : "links and directories in the way are not replaced: move them away" });
}

function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Larger files are never in memory whole. */
const STREAM_BYTES = 4 << 20;

/** Under another name first, so that a file is whole or as it was. */
async function writeFile(workspaces: Pick<Workspaces, "blobs" | "pieces">, { hash, mode, size }: trees.PathEntry, place: string): Promise<void> {
  const draft = draftIn(dirname(place));
  try {
    if (size <= STREAM_BYTES) writeNew(draft, await trees.readBlob(workspaces.blobs, hash), mode);
    else {
      await pipeline(Readable.from(workspaces.pieces(hash)), createWriteStream(draft, { flags: "wx", mode }));
      chmodSync(draft, mode);
    }
    renameSync(draft, place);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

function list(paths: readonly string[]): string {
  return paths.length <= SHOWN_MAX ? paths.join(", ") : `${paths.slice(0, SHOWN_MAX).join(", ")} and ${paths.length - SHOWN_MAX} more`;
}
