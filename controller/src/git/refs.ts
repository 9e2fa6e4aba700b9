// Refs on disk: reads loose and packed ones, and moves one ref by compare-and-swap through git's own `.lock` protocol.

import { mkdir, open, readFile, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AosError } from "@agentos/kernel";
import { syncFolder, systemCode, writeFailure } from "./durable.ts";
import { isOid } from "./oid.ts";
import type { Oid } from "./oid.ts";
import { git } from "./run.ts";

/** git follows no more symbolic refs than this in a row. */
const SYMBOLIC_DEPTH_MAX = 5;
const LOCK_TIMEOUT_MS = 1000;
const LOCK_RETRY_MS = 20;

/** The folder that all worktrees of a repository share: `gitDir` itself, or for a linked worktree what `commondir` names. */
export async function commonDirOf(gitDir: string): Promise<string> {
  const text = await readText(join(gitDir, "commondir"));
  return text === undefined ? gitDir : resolve(gitDir, text.trim());
}

/**
 * The object a ref points to, through symbolic refs; undefined when there is no such ref (or a branch without commits).
 * Loose before packed, so that a `git pack-refs` at the same moment hides nothing.
 *
 * @param ref - a full name: `HEAD` or `refs/…`
 * @throws AosError `git.refname`, `git.ref` for a file that is no ref
 */
export async function readRef(gitDir: string, ref: string): Promise<Oid | undefined> {
  let name = ref;
  for (let depth = 0; depth <= SYMBOLIC_DEPTH_MAX; depth++) {
    const value = await readOne(gitDir, name);
    if (value === undefined || value.kind === "oid") return value?.oid;
    name = value.target;
  }
  throw new AosError("git.ref", `${ref}: symbolic refs in a circle`, { class: "unverified" });
}

/** The ref a symbolic ref names, e.g. `refs/heads/main` for `HEAD`; undefined when it is none (a detached HEAD). */
export async function readSymbolicRef(gitDir: string, ref: string): Promise<string | undefined> {
  const value = await readOne(gitDir, ref);
  return value?.kind === "symbolic" ? value.target : undefined;
}

/** All refs whose full name starts with `prefix` (e.g. `refs/notes/`), by name in byte order; names that point nowhere are left out. */
export async function listRefs(gitDir: string, prefix: string): Promise<ReadonlyMap<string, Oid>> {
  const common = await commonDirOf(gitDir);
  const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1) || "refs/";
  const loose = new Set(await looseNames(common, folder));
  const packed = await readPackedRefs(common);
  const names = [...new Set([...loose, ...packed.keys()])].filter((name) => name.startsWith(prefix) && isRefName(name));
  const found = new Map<string, Oid>();
  for (const name of names.sort(byBytes)) {
    const oid = loose.has(name) ? await readRef(gitDir, name) : packed.get(name);
    if (oid !== undefined) found.set(name, oid);
  }
  return found;
}

/**
 * Moves a ref from `expectedOld` (null: it must not exist) to `next`, durably, or leaves it alone. Exactly one of several
 * writers with the same expectation wins, git's own commands among them. Writes no reflog and runs no hooks.
 *
 * @returns `stale` when the ref is not at `expectedOld`
 * @throws AosError `git.locked` (class outside) when another holds its lock for longer than `lockTimeoutMs` (1 s);
 *   `git.ref` for a symbolic ref, or a name that another ref's name makes impossible; `git.write`
 */
export async function casRef(
  gitDir: string,
  ref: string,
  expectedOld: Oid | null,
  next: Oid,
  options: { readonly lockTimeoutMs?: number } = {},
): Promise<"updated" | "stale"> {
  assertRefName(ref);
  const common = await commonDirOf(gitDir);
  const path = join(ref.startsWith("refs/") ? common : gitDir, ref);
  const lock = await takeLock(path, ref, options.lockTimeoutMs ?? LOCK_TIMEOUT_MS);
  let done = false;
  try {
    const current = await readOne(gitDir, ref);
    if (current?.kind === "symbolic") throw new AosError("git.ref", `${ref}: a symbolic ref; name the ref it points to`, { hint: current.target });
    if ((current?.oid ?? null) !== expectedOld) return "stale";
    if (current === undefined) await assertRoomFor(common, ref);
    await lock.file.writeFile(`${next}\n`);
    await lock.file.sync();
    await lock.file.close();
    await renameOver(lock.path, path);
    done = true;
    for (const folder of lock.createdIn) await syncFolder(folder);
    await syncFolder(dirname(path));
    return "updated";
  } catch (cause) {
    throw writeFailure(path, cause);
  } finally {
    if (!done) {
      await lock.file.close();
      await rm(lock.path, { force: true });
    }
  }
}

/**
 * Deletes a ref that is at `expected`; git does it, since the name may also stand in `packed-refs`.
 *
 * @returns `stale` when it is elsewhere or gone
 */
export async function deleteRef(gitDir: string, ref: string, expected: Oid): Promise<"deleted" | "stale"> {
  assertRefName(ref);
  try {
    await git(gitDir, ["update-ref", "--no-deref", "-d", ref, expected]);
    return "deleted";
  } catch (cause) {
    if ((await readRef(gitDir, ref)) !== expected) return "stale";
    throw cause;
  }
}

/** Git holds a ref's lock for milliseconds; one of this age was left by a process that died. */
export const STALE_LOCK_MS = 10_000;

/**
 * Removes lock files that a killed process left: `HEAD.lock`, `packed-refs.lock` and those below `refs`. For start-up, under the
 * controller's own exclusive lock. A push or a person's command may hold one right now, for milliseconds: only locks older than
 * `olderThanMs` go.
 *
 * @returns the paths removed, and those that were too young, both in byte order
 */
export async function cleanStaleLocks(
  gitDir: string,
  options: { readonly olderThanMs: number },
): Promise<{ readonly removed: readonly string[]; readonly kept: readonly string[] }> {
  const common = await commonDirOf(gitDir);
  const top = [...new Set([join(gitDir, "HEAD.lock"), join(common, "HEAD.lock"), join(common, "packed-refs.lock")])];
  const below = (await readdir(join(common, "refs"), { recursive: true })).filter((name) => name.endsWith(".lock"));
  const removed: string[] = [];
  const kept: string[] = [];
  for (const path of [...top, ...below.map((name) => join(common, "refs", name))].sort(byBytes)) {
    const age = await ageMs(path);
    if (age === undefined) continue;
    if (age < options.olderThanMs) {
      kept.push(path);
      continue;
    }
    await rm(path, { force: true });
    removed.push(path);
  }
  return { removed, kept };
}

async function ageMs(path: string): Promise<number | undefined> {
  try {
    return Date.now() - (await stat(path)).mtimeMs;
  } catch (cause) {
    if (isAbsence(cause)) return undefined;
    throw cause;
  }
}

/** May a ref be called so? The rules of `git check-ref-format`, for `HEAD` and names below `refs/`. */
export function isRefName(name: string): boolean {
  if (name === "HEAD") return true;
  if (!name.startsWith("refs/") || /[\p{Cc} ~^:?*[\\]|\.\.|@\{|\.$/u.test(name)) return false;
  return name.split("/").every((part) => part !== "" && !part.startsWith(".") && !part.endsWith(".lock"));
}

/** @throws AosError `git.refname` */
function assertRefName(name: string): void {
  if (!isRefName(name))
    throw new AosError("git.refname", `${JSON.stringify(name)}: not the full name of a ref`, { hint: "for example refs/heads/main" });
}

type RefValue = { readonly kind: "oid"; readonly oid: Oid } | { readonly kind: "symbolic"; readonly target: string };

async function readOne(gitDir: string, ref: string): Promise<RefValue | undefined> {
  assertRefName(ref);
  const common = await commonDirOf(gitDir);
  const text = await readText(join(ref.startsWith("refs/") ? common : gitDir, ref));
  if (text === undefined) {
    const oid = (await readPackedRefs(common)).get(ref);
    return oid === undefined ? undefined : { kind: "oid", oid };
  }
  const value = text.trimEnd();
  if (isOid(value)) return { kind: "oid", oid: value };
  const target = /^ref:\s*(\S+)$/.exec(value)?.[1];
  if (target !== undefined && isRefName(target)) return { kind: "symbolic", target };
  throw new AosError("git.ref", `${ref}: its file holds no object id`, { class: "unverified", hint: "a write was cut off; git fsck names what is reachable" });
}

const PACKED_LINE = /^([0-9a-f]{40}) (\S+)$/;

async function readPackedRefs(common: string): Promise<ReadonlyMap<string, Oid>> {
  const refs = new Map<string, Oid>();
  for (const line of (await readText(join(common, "packed-refs")))?.split("\n") ?? []) {
    const [, oid, name] = PACKED_LINE.exec(line) ?? [];
    if (oid !== undefined && name !== undefined) refs.set(name, oid as Oid);
  }
  return refs;
}

/** Names of the files below a folder of refs, locks left out. */
async function looseNames(common: string, folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(join(common, folder), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && !entry.name.endsWith(".lock"))
      .map((entry) => join(entry.parentPath, entry.name).slice(common.length + 1).replaceAll("\\", "/"));
  } catch (cause) {
    if (isAbsence(cause)) return [];
    throw cause;
  }
}

interface Lock {
  readonly path: string;
  readonly file: Awaited<ReturnType<typeof open>>;
  /** Folders that got a new folder on the way, from the top down. */
  readonly createdIn: readonly string[];
}

/** Creates `<path>.lock`, which by git's rule only one process can have. Waits a little for a holder to finish. */
async function takeLock(path: string, ref: string, timeoutMs: number): Promise<Lock> {
  const lockPath = `${path}.lock`;
  const createdIn: string[] = [];
  for (let waited = 0; ; waited += LOCK_RETRY_MS) {
    try {
      createdIn.push(...(await makeFolders(dirname(path))));
      return { path: lockPath, file: await open(lockPath, "wx", 0o644), createdIn };
    } catch (cause) {
      const code = systemCode(cause);
      if (code === "ENOTDIR" || (await isFile(dirname(path))))
        throw new AosError("git.ref", `${ref}: a ref whose name is the start of this one stands in the way`, { cause });
      // ENOENT: git removes folders of refs that have become empty, also between our two calls.
      if (code !== "EEXIST" && code !== "ENOENT") throw writeFailure(lockPath, cause);
      if (waited >= timeoutMs) throw lockedError(ref, lockPath);
      await sleep(LOCK_RETRY_MS);
    }
  }
}

async function makeFolders(path: string): Promise<readonly string[]> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return [];
  const parents: string[] = [];
  for (let made = path; made.length >= first.length; made = dirname(made)) parents.unshift(dirname(made));
  return parents;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (cause) {
    if (isAbsence(cause)) return false;
    throw cause;
  }
}

function lockedError(ref: string, lockPath: string): AosError {
  return new AosError("git.locked", `${ref}: another process holds its lock, ${lockPath}`, {
    class: "outside",
    hint: `if no git or aos process runs on this repository, it was left by a crash: rm '${lockPath}'`,
    data: { lock: lockPath },
  });
}

/** A new ref must not be the folder of an existing one, nor have one as its folder: packed refs have no folders to collide. */
async function assertRoomFor(common: string, ref: string): Promise<void> {
  const existing = [...(await readPackedRefs(common)).keys(), ...(await looseNames(common, `${ref}/`))];
  const clash = existing.find((name) => name.startsWith(`${ref}/`) || ref.startsWith(`${name}/`));
  if (clash !== undefined) throw new AosError("git.ref", `${ref}: cannot be made beside ${clash}`, { hint: "one name may not be the folder of the other" });
}

/** Renames, making way where git left empty folders of that name. */
async function renameOver(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (cause) {
    if (systemCode(cause) !== "EISDIR") throw cause;
    await removeEmptyFolders(to);
    await rename(from, to);
  }
}

async function removeEmptyFolders(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) if (entry.isDirectory()) await removeEmptyFolders(join(path, entry.name));
  await rmdir(path);
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (isAbsence(cause)) return undefined;
    throw cause;
  }
}

function isAbsence(cause: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "EISDIR"].includes(systemCode(cause) ?? "");
}

/** Order of names by their UTF-8 bytes, as git lists refs. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, "utf8"), Buffer.from(b, "utf8"));
}
