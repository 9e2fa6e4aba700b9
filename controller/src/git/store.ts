// A repository's objects: reads through git, writes packs of its own that are durable before anything points to them.

import { randomBytes } from "node:crypto";
import { readFile, readdir, rename, rm, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AosError, assert } from "@agentos/kernel";
import { catFile } from "./cat-file.ts";
import { syncFolder, writeDurably, writeFailure } from "./durable.ts";
import { parseCommit, parseTree } from "./objects.ts";
import type { Commit, GitObject, Mode, ObjectType, Oid, TreeEntry } from "./objects.ts";
import { encodePack } from "./pack.ts";
import { commonDirOf } from "./refs.ts";

/** An entry with its path from the tree it was listed from. */
export interface ListedEntry {
  readonly path: string;
  readonly mode: Mode;
  readonly oid: Oid;
}

/** Packs just written. git may not drop them before `release`, although nothing points to their objects yet. */
export interface WrittenPack {
  /** `pack-<40 hex>` each; none when there was nothing to write. */
  readonly names: readonly string[];
  /** To be called once a ref points to the objects, or when none will. */
  release(): Promise<void>;
}

/** Reads fail with AosError `git.missing` where the object is not there, `git.object` where it is not what was asked for. */
export interface ObjectStore {
  readonly gitDir: string;
  read(oid: Oid): Promise<GitObject | undefined>;
  readCommit(oid: Oid): Promise<Commit>;
  /** The entries in git's order. Accepts a commit, whose tree it reads. */
  readTree(commitOrTree: Oid): Promise<readonly TreeEntry[]>;
  readBlob(oid: Oid): Promise<Uint8Array>;
  /** The entry at a path such as `a/b/c`, or undefined. */
  findPath(commitOrTree: Oid, path: string): Promise<TreeEntry | undefined>;
  /** The bytes of the file at a path, or undefined when there is no file. */
  readPath(commitOrTree: Oid, path: string): Promise<Uint8Array | undefined>;
  /** What the tree holds: its own entries, or with depth `all` every file below it. In git's order. */
  listTree(commitOrTree: Oid, options: { readonly depth: "one" | "all" }): Promise<readonly ListedEntry[]>;
  /** Writes objects as one pack, many bytes as several; they are durable and visible to every git process when it resolves. */
  writePack(objects: readonly GitObject[]): Promise<WrittenPack>;
  /** Ends the reading process; a later read starts another. */
  close(): Promise<void>;
}

/** How many parsed trees are kept; they never change. */
const TREES_MAX = 512;
/** Bytes of objects from which on a pack takes no more: it is made in memory, and its index has offsets up to 2 GiB. */
const PACK_BYTES = 256 << 20;

/**
 * @param options.env - inside a server hook: quarantine(), to see the objects of the push
 * @param options.packBytes - the bytes of objects from which on a pack takes no more, 256 MiB unless told
 */
export function openStore(gitDir: string, options: { readonly env?: Readonly<Record<string, string>>; readonly packBytes?: number } = {}): ObjectStore {
  const reader = catFile(gitDir, options.env);
  const trees = new Map<Oid, readonly TreeEntry[]>();

  async function readAs(oid: Oid, types: readonly ObjectType[]): Promise<GitObject> {
    const object = await reader.read(oid);
    if (object === undefined) throw new AosError("git.missing", `${gitDir}: object ${oid} is not there`, { class: "unverified", hint: "fetch, or run git fsck" });
    if (types.includes(object.type)) return object;
    throw new AosError("git.object", `${gitDir}: object ${oid} is a ${object.type}, expected a ${types.join(" or ")}`, { class: "unverified" });
  }

  async function readTree(oid: Oid): Promise<readonly TreeEntry[]> {
    const known = trees.get(oid);
    if (known !== undefined) return known;
    const object = await readAs(oid, ["tree", "commit"]);
    if (object.type === "commit") return readTree(parseCommit(object.bytes).tree);
    const entries = parseTree(object.bytes);
    remember(oid, entries);
    return entries;
  }

  function remember(oid: Oid, entries: readonly TreeEntry[]): void {
    trees.set(oid, entries);
    const [oldest] = trees.keys();
    if (trees.size > TREES_MAX && oldest !== undefined) trees.delete(oldest);
  }

  async function findPath(root: Oid, path: string): Promise<TreeEntry | undefined> {
    let entry: TreeEntry | undefined;
    for (const name of path.split("/")) {
      if (entry !== undefined && entry.mode !== "40000") return undefined;
      entry = (await readTree(entry?.oid ?? root)).find((candidate) => candidate.name === name);
      if (entry === undefined) return undefined;
    }
    return entry;
  }

  async function readBlob(oid: Oid): Promise<Uint8Array> {
    return (await readAs(oid, ["blob"])).bytes;
  }

  async function listAll(tree: Oid, prefix: string): Promise<readonly ListedEntry[]> {
    const lists = (await readTree(tree)).map(({ name, mode, oid }) =>
      mode === "40000" ? listAll(oid, `${prefix}${name}/`) : [{ path: `${prefix}${name}`, mode, oid }],
    );
    return (await Promise.all(lists)).flat();
  }

  return {
    gitDir,
    read: (oid) => reader.read(oid),
    readCommit: async (oid) => parseCommit((await readAs(oid, ["commit"])).bytes),
    readTree,
    readBlob,
    findPath,
    async readPath(root, path) {
      const entry = await findPath(root, path);
      return entry === undefined || entry.mode === "40000" || entry.mode === "160000" ? undefined : readBlob(entry.oid);
    },
    async listTree(root, { depth }) {
      if (depth === "all") return listAll(root, "");
      return (await readTree(root)).map(({ name, mode, oid }) => ({ path: name, mode, oid }));
    },
    async writePack(objects) {
      const written = await installPacks(await packDirOf(gitDir), packfuls(objects, options.packBytes ?? PACK_BYTES));
      for (const object of objects) if (object.type === "tree") remember(object.oid, parseTree(object.bytes));
      return written;
    },
    close: () => reader.close(),
  };
}

async function packDirOf(gitDir: string): Promise<string> {
  return join(await commonDirOf(gitDir), "objects", "pack");
}

/** Says in a `.keep` file whose it is, so that only our own are ever cleaned up. */
const KEEP_NOTE = "agentos: written, not yet referenced\n";

/** Runs of objects, each as many as fit into a pack, at least one. */
function packfuls(objects: readonly GitObject[], packBytes: number): readonly (readonly GitObject[])[] {
  const runs: GitObject[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const object of objects) {
    if (bytes + object.bytes.length > packBytes) {
      runs.push([]);
      bytes = 0;
    }
    runs.at(-1)?.push(object);
    bytes += object.bytes.length;
  }
  return runs;
}

/** All of them or none: what was written before one that fails may be dropped by git at once. */
async function installPacks(packDir: string, runs: readonly (readonly GitObject[])[]): Promise<WrittenPack> {
  const packs: Installed[] = [];
  const release = async (): Promise<void> => {
    for (const pack of packs) await pack.release();
  };
  try {
    for (const objects of runs) packs.push(await installPack(packDir, objects));
  } catch (error) {
    await release().catch(() => undefined);
    throw error;
  }
  return { names: packs.map(({ name }) => name), release };
}

interface Installed {
  readonly name: string;
  release(): Promise<void>;
}

/**
 * Pack and index under temporary names, both on disk, then `.keep`, then renamed: the index last, since by it git sees the
 * pack. The name is random, so it never meets a pack that a repack is just about to delete.
 */
async function installPack(packDir: string, objects: readonly GitObject[]): Promise<Installed> {
  const { pack, index } = encodePack(objects);
  const id = randomBytes(20).toString("hex");
  const name = `pack-${id}`;
  const temporary = { pack: join(packDir, `tmp_pack_${id}`), index: join(packDir, `tmp_idx_${id}`) };
  const keep = join(packDir, `${name}.keep`);
  try {
    await Promise.all([writeDurably(temporary.pack, pack, { mode: 0o444 }), writeDurably(temporary.index, index, { mode: 0o444 })]);
    await writeFile(keep, KEEP_NOTE, { flag: "wx" }); // guards against a repack running now; a power cut ends that too
    await rename(temporary.pack, join(packDir, `${name}.pack`));
    await rename(temporary.index, join(packDir, `${name}.idx`));
    await syncFolder(packDir);
  } catch (cause) {
    await Promise.allSettled([temporary.pack, temporary.index, keep].map((path) => rm(path, { force: true })));
    throw writeFailure(packDir, cause);
  }
  let released = false;
  return {
    name,
    async release() {
      assert(!released, "a pack is released once");
      released = true;
      await unlink(keep);
    },
  };
}

/**
 * Removes what a killed writer left among the packs: temporary files, and `.keep` files of ours. For start-up, when no other
 * writer of this program runs; only files older than `olderThanMs` are touched, because a push may be under way.
 *
 * @returns the paths removed, sorted
 */
export async function cleanStalePacks(gitDir: string, options: { readonly olderThanMs: number }): Promise<readonly string[]> {
  const packDir = await packDirOf(gitDir);
  const removed: string[] = [];
  for (const name of (await readdir(packDir)).sort()) {
    const path = join(packDir, name);
    if (!(await isLeftover(path, name))) continue;
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs < options.olderThanMs) continue;
    await unlink(path);
    removed.push(path);
  }
  return removed;
}

async function isLeftover(path: string, name: string): Promise<boolean> {
  if (/^tmp_(pack|idx)_[0-9a-f]{40}$/.test(name)) return true;
  return name.endsWith(".keep") && (await readFile(path, "utf8")) === KEEP_NOTE;
}
