// What it takes to give main the control plane back that it had at an earlier commit: a change forward, for a proposal.

import { AosError, compareText } from "@agentos/kernel";
import { filesOfCommit, firstParents, isRulesPath, isShallow, readSyncMap, resolveCommit, SYNC_FILE, treeChanges, type ObjectStore, type Oid, type PathChange, type Repo } from "@agentos/controller";
import { controlPaths } from "./control-paths.ts";
import type { Upstream } from "./upstream.ts";

export interface NamedCommit {
  readonly commit: Oid;
  readonly title: string;
}
export interface Rollback {
  /** Whose control plane it is. */
  readonly to: NamedCommit;
  /** What main was at since then, newest first. */
  readonly after: readonly NamedCommit[];
  readonly changes: ReadonlyMap<string, PathChange>;
  /** The files that become others, by path. */
  readonly files: readonly RolledFile[];
  /** Code that is another than it was and stays: a module's source may read it. By path. */
  readonly stays: readonly string[];
}
export interface RolledFile {
  readonly path: string;
  readonly act: "add" | "change" | "remove";
}

/**
 * @param typed - a commit that main was at; undefined: the last one whose control plane is another than main's
 * @throws AosError `rollback.commit` for a commit that main was never at, `rollback.nothing` where nothing would change, `rollback.shallow`
 */
export async function planRollback({ local: { repo, store }, main, remote }: Upstream, typed: string | undefined): Promise<Rollback> {
  const hint = `git log --first-parent ${remote === undefined ? "" : `${remote}/`}main: what main was at`;
  const line = (await firstParents(repo, null, main)).toReversed();
  const wanted = typed === undefined ? undefined : await commitOnLine(repo, { main, line, hint }, typed);
  for (const [at, commit] of line.entries()) {
    if (wanted === undefined ? at === 0 : commit !== wanted) continue;
    const changes = await changesBack(store, main, commit);
    if (changes === undefined) break;
    if (changes.size === 0 && wanted === undefined) continue;
    if (changes.size === 0) throw new AosError("rollback.nothing", `${commit.slice(0, 12)}: main has its control plane already`, { hint });
    const after = await Promise.all(line.slice(0, at).map((one) => named(store, one)));
    const files = await differing(repo, main, commit);
    const taken = (path: string): boolean => [...changes.keys()].some((one) => path === one || path.startsWith(`${one}/`));
    return { to: await named(store, commit), after, changes, files: files.filter(({ path }) => taken(path)), stays: files.map(({ path }) => path).filter((path) => !taken(path) && CODE.test(path)) };
  }
  if (wanted === undefined && (await isShallow(repo))) {
    throw new AosError("rollback.shallow", "main: this clone has only the end of its history", { hint: `git fetch --unshallow${remote === undefined ? "" : ` ${remote}`}, or name a commit` });
  }
  throw new AosError("rollback.nothing", wanted === undefined ? "main: it never had another control plane" : `${wanted.slice(0, 12)}: no ${SYNC_FILE} there, so it is no world`, { hint });
}

/** Files of these kinds are code, or data that code may import. */
const CODE = /\.(?:[cm]?[jt]sx?|json|wasm)$/;

async function commitOnLine(repo: Repo, { main, line, hint }: { readonly main: Oid; readonly line: readonly Oid[]; readonly hint: string }, typed: string): Promise<Oid> {
  // `main~2` is of the main that people share, wherever the branch of that name is here.
  const commit = await resolveCommit(repo, typed.replace(/^main(?=$|[~^])/, main));
  if (commit !== undefined && line.includes(commit)) return commit;
  throw new AosError("rollback.commit", commit === undefined ? `${typed}: no such commit here` : `${typed} (${commit.slice(0, 12)}): main was never at it`, { hint });
}

/** By path, folders as one; undefined where the earlier commit is no world. */
async function changesBack(store: ObjectStore, main: Oid, commit: Oid): Promise<ReadonlyMap<string, PathChange> | undefined> {
  if ((await store.findPath(commit, SYNC_FILE)) === undefined) return undefined;
  const both = await Promise.all([main, commit].map(async (one) => controlPaths(await readSyncMap(filesOfCommit(store, one)))));
  const changes = new Map<string, PathChange>();
  for (const path of outermost(new Set(both.flatMap(({ folders, files }) => [...folders, ...files])))) {
    const [is, was] = [await store.findPath(main, path), await store.findPath(commit, path)];
    if (is?.oid === was?.oid && is?.mode === was?.mode) continue;
    changes.set(path, was === undefined ? { kind: "remove" } : { kind: "link", oid: was.oid, mode: was.mode });
  }
  return changes;
}

/** Without those that lie in another of them. */
function outermost(paths: ReadonlySet<string>): readonly string[] {
  return [...paths].filter((path) => ![...paths].some((other) => path.startsWith(`${other}/`)));
}

/** All files but those of `.aos`, which no rollback touches. */
async function differing(repo: Repo, main: Oid, commit: Oid): Promise<readonly RolledFile[]> {
  const changes = (await treeChanges(repo, main, commit)).filter(({ path }) => !isRulesPath(path));
  const files = changes.map(({ path, was, now }): RolledFile => ({ path, act: now === null ? "remove" : was === "there" ? "change" : "add" }));
  return files.sort((a, b) => compareText(a.path, b.path));
}

async function named(store: ObjectStore, commit: Oid): Promise<NamedCommit> {
  return { commit, title: (await store.readCommit(commit)).message.split("\n")[0] ?? "" };
}

const LISTED_MAX = 20;

/** The proposal's text, for people, and the commit whose control plane it brings, for programs. */
export function rollbackMessage({ to, after }: Rollback, said: string | undefined): string {
  const lines = after.slice(0, LISTED_MAX).map(({ commit, title }) => `- ${commit.slice(0, 12)} ${title}`);
  const more = after.length > lines.length ? [`- and ${after.length - lines.length} more`] : [];
  const body = ["The control plane is what it was before", "", ...lines, ...more].join("\n");
  return `${said?.trim() ?? `Roll back to ${to.commit.slice(0, 12)}: ${to.title}\n\n${body}`}\n\nRolls-Back-To: ${to.commit}\n`;
}
