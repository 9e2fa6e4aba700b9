// Before a commit: the AIR that is staged is brought into its layout and checked, as it stands in the index; so are policy and keys.

import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { AosError, formatAir, fromUtf8, utf8 } from "@agentos/kernel";
import type { Diagnostic } from "@agentos/kernel";
import { POLICY_PATH, SYNC_FILE, TRUST_PATH, filesOfCommit, gitIn, loadWorld, openStore, parseOid, parsePolicy, parseTrust, readSyncMap, resolveCommit } from "@agentos/controller";
import type { ObjectStore, Oid, Repo, WorldFiles } from "@agentos/controller";
import { fieldsOf } from "./client-repo.ts";
import type { Verdict } from "./pre-receive.ts";

/** The verdict, and what was done that a person should know. */
type CommitVerdict = Verdict & { readonly notes: readonly string[] };

const FINE: CommitVerdict = { ok: true, notes: [] };
const ERRORS_SHOWN = 20;

/**
 * Looks at the index alone. A staged AIR file that is not in its layout is replaced in the index, and on disk as well where
 * the disk holds just what is staged; a file with changes that are not staged stays as it is on disk. Nothing is done
 * where no part of a world is staged.
 *
 * @returns errors that the commit would bring: those in staged files, and those that HEAD does not have
 */
export async function preCommit(repo: Repo): Promise<CommitVerdict> {
  const staged = await fieldsOf(repo, ["diff", "--cached", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=dirty"], { end: "\0" });
  if (staged.length === 0 || !(await isWorld(repo))) return FINE;
  const store = openStore(repo.commonDir, { env: repo.env });
  try {
    const files = await indexFiles(repo, store);
    for (const [path, parse] of [[POLICY_PATH, parsePolicy], [TRUST_PATH, parseTrust]] as const) {
      const bytes = staged.includes(path) ? await files.read(path) : undefined;
      if (bytes !== undefined) parse(bytes, path);
    }
    const { airDir, modulesDir } = await readSyncMap(files);
    const relevant = staged.filter((path) => path === SYNC_FILE || [airDir, modulesDir, "shadow"].some((folder) => path.startsWith(`${folder}/`)));
    if (relevant.length === 0) return FINE;
    const laidOut = await layOut(repo, store, relevant.filter((path) => path.startsWith(`${airDir}/`) && path.endsWith(".json")));
    if (!laidOut.ok) return laidOut;
    const errors = await newErrors(repo, store, { files: await indexFiles(repo, store), staged: new Set(staged) });
    return errors.length === 0 ? laidOut : { ok: false, notes: laidOut.notes, messages: told(errors) };
  } catch (cause) {
    if (cause instanceof AosError && cause.class === "input") return { ok: false, notes: [], messages: [cause.message] };
    throw cause;
  } finally {
    await store.close();
  }
}

async function isWorld(repo: Repo): Promise<boolean> {
  return (await gitIn(repo, ["ls-files", "--error-unmatch", "--", SYNC_FILE], { allowExit: [1] })).code === 0;
}

async function indexFiles(repo: Repo, store: ObjectStore): Promise<WorldFiles> {
  const [tree = ""] = await fieldsOf(repo, ["write-tree"]);
  return { ...filesOfCommit(store, parseOid(tree)), place: "what is staged" };
}

interface Entry {
  readonly mode: string;
  readonly oid: Oid;
  readonly path: string;
}

/** The plain files among these paths, as they are in the index. */
async function entriesOf(repo: Repo, paths: readonly string[]): Promise<readonly Entry[]> {
  if (paths.length === 0) return [];
  const lines = await fieldsOf(repo, ["--literal-pathspecs", "ls-files", "--stage", "-z", "--", ...paths], { end: "\0" });
  return lines.flatMap((line) => {
    const [, mode = "", oid = "", path = ""] = /^(\d+) ([0-9a-f]{40}) 0\t([^]*)$/.exec(line) ?? [];
    return mode.startsWith("100") ? [{ mode, oid: parseOid(oid), path }] : [];
  });
}

/** Brings staged AIR files into their layout. What cannot be read is left to the check. */
async function layOut(repo: Repo, store: ObjectStore, paths: readonly string[]): Promise<CommitVerdict> {
  const changed: (Entry & { readonly text: string })[] = [];
  for (const entry of await entriesOf(repo, paths)) {
    const before = await store.readBlob(entry.oid);
    const text = layoutOf(before, entry.path);
    if (text !== undefined && Buffer.compare(before, utf8(text)) !== 0) changed.push({ ...entry, text });
  }
  if (changed.length === 0) return FINE;
  const names = changed.map(({ path }) => path);
  // Commits of named files have an index of their own: what is put there would be missing from the other one.
  if (basename(repo.env["GIT_INDEX_FILE"] ?? "").startsWith("next-index")) return { ok: false, notes: [], messages: [`${names.join(", ")}: not in the layout of \`aos fmt\`: run it, then commit`] };
  const dirty = new Set(await fieldsOf(repo, ["--literal-pathspecs", "diff", "--name-only", "-z", "--no-ext-diff", "--", ...names], { end: "\0" }));
  const lines: string[] = [];
  for (const { mode, text, path } of changed) {
    const [oid = ""] = await fieldsOf(repo, ["hash-object", "-w", "--stdin"], { stdin: text });
    lines.push(`${mode} ${oid} 0\t${path}\0`);
  }
  await gitIn(repo, ["update-index", "-z", "--index-info"], { stdin: lines.join("") });
  const same: string[] = [];
  for (const path of names) if (!dirty.has(path) && (await isThere(repo, path))) same.push(path);
  if (same.length > 0) await gitIn(repo, ["checkout-index", "--force", "--index", "-z", "--stdin"], { stdin: same.map((path) => `${path}\0`).join("") });
  const left = names.filter((path) => dirty.has(path));
  return { ok: true, notes: [`laid out: ${names.join(", ")}`, ...(left.length === 0 ? [] : [`left as they are on disk, with changes that are not staged: ${left.join(", ")}`])] };
}

function layoutOf(bytes: Uint8Array, path: string): string | undefined {
  try {
    return formatAir(fromUtf8(bytes), path);
  } catch (cause) {
    if (cause instanceof AosError) return undefined;
    throw cause;
  }
}

async function isThere(repo: Repo, path: string): Promise<boolean> {
  return repo.workTree !== undefined && (await stat(join(repo.workTree, path)).catch(() => undefined))?.isFile() === true;
}

interface Index {
  readonly files: WorldFiles;
  readonly staged: ReadonlySet<string>;
}

async function newErrors(repo: Repo, store: ObjectStore, { files, staged }: Index): Promise<readonly Diagnostic[]> {
  const errors = (await loadWorld(files)).diagnostics.filter(({ severity }) => severity === "error");
  if (errors.every(({ file }) => staged.has(file))) return errors;
  const head = await resolveCommit(repo, "HEAD");
  const before = new Set(head === undefined ? [] : (await errorsOf(filesOfCommit(store, head))).map(fingerprint));
  return errors.filter((error) => staged.has(error.file) || !before.has(fingerprint(error)));
}

async function errorsOf(files: WorldFiles): Promise<readonly Diagnostic[]> {
  try {
    return (await loadWorld(files)).diagnostics;
  } catch (cause) {
    if (cause instanceof AosError) return [];
    throw cause;
  }
}

function fingerprint({ file, pointer, code, message }: Diagnostic): string {
  return JSON.stringify([file, pointer, code, message]);
}

function told(errors: readonly Diagnostic[]): readonly string[] {
  const lines = errors.slice(0, ERRORS_SHOWN).map(({ file, line, column, message, hint }) => `${file}:${line}:${column}: ${message}${hint === undefined ? "" : ` (${hint})`}`);
  return errors.length > ERRORS_SHOWN ? [...lines, `and ${errors.length - ERRORS_SHOWN} more: see \`aos check\``] : lines;
}
