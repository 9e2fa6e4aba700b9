// What it takes to give main the control plane back that it had at an earlier commit: a change forward, for a proposal.

import { AosError } from "@agentos/kernel";
import { filesOfCommit, firstParents, readSyncMap, resolveCommit, SYNC_FILE, type ObjectStore, type Oid, type PathChange } from "@agentos/controller";
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
  /** The files that differ, sorted. */
  readonly paths: readonly string[];
}

/**
 * @param typed - a commit that main was at; undefined: the last one whose control plane is another than main's
 * @throws AosError `rollback.commit` for a commit that main was never at, `rollback.nothing` where nothing would change
 */
export async function planRollback({ local: { repo, store }, main }: Upstream, typed: string | undefined): Promise<Rollback> {
  const line = (await firstParents(repo, null, main)).toReversed();
  const wanted = typed === undefined ? undefined : await commitOnLine(repo, line, typed);
  for (const [at, commit] of line.entries()) {
    if (wanted === undefined ? at === 0 : commit !== wanted) continue;
    const changes = await changesBack(store, main, commit);
    if (changes === undefined) break;
    if (changes.size === 0 && wanted === undefined) continue;
    if (changes.size === 0) throw new AosError("rollback.nothing", `${commit.slice(0, 12)}: main has its control plane already`, { hint: "name an earlier one: git log --first-parent main" });
    const after = await Promise.all(line.slice(0, at).map((one) => named(store, one)));
    return { to: await named(store, commit), after, changes, paths: await differing(store, [main, commit], [...changes.keys()]) };
  }
  throw new AosError("rollback.nothing", wanted === undefined ? "main: it never had another control plane" : `${wanted.slice(0, 12)}: no ${SYNC_FILE} there, so it is no world`, { hint: "git log --first-parent main: what main was at" });
}

async function commitOnLine(repo: Upstream["local"]["repo"], line: readonly Oid[], typed: string): Promise<Oid> {
  const commit = await resolveCommit(repo, typed);
  if (commit !== undefined && line.includes(commit)) return commit;
  throw new AosError("rollback.commit", commit === undefined ? `${typed}: no such commit here` : `${typed} (${commit.slice(0, 12)}): main was never at it`, { hint: "git log --first-parent main: what main was at" });
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

async function differing(store: ObjectStore, commits: readonly [Oid, Oid], within: readonly string[]): Promise<readonly string[]> {
  const [before, after] = await Promise.all(commits.map((commit) => filesIn(store, commit, within)));
  const paths = new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])]);
  return [...paths].filter((path) => before?.get(path) !== after?.get(path)).sort();
}

/** What is at these paths, and in them: mode and object by path. */
async function filesIn(store: ObjectStore, commit: Oid, paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const path of paths) {
    const entry = await store.findPath(commit, path);
    if (entry === undefined) continue;
    if (entry.mode !== "40000") files.set(path, `${entry.mode} ${entry.oid}`);
    else for (const below of await store.listTree(entry.oid, { depth: "all" })) files.set(`${path}/${below.path}`, `${below.mode} ${below.oid}`);
  }
  return files;
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
