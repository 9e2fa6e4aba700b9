// A repository as people see it: opening one, its state, its history, its configuration, and merges that touch no files.

import { mkdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { AosError, assert } from "@agentos/kernel";
import { isOid, parseOid } from "./oid.ts";
import type { Oid } from "./oid.ts";
import { plainRepo } from "./plain-repo.ts";
import { firstComplaint, git } from "./run.ts";
import type { RunOptions, RunResult } from "./run.ts";

export interface Repo {
  /** Absolute; for a linked worktree its own folder below the common one. */
  readonly gitDir: string;
  /** Absolute; where refs and objects are. Equals `gitDir` but for linked worktrees. */
  readonly commonDir: string;
  /** Absolute; undefined for a bare repository. */
  readonly workTree: string | undefined;
  readonly bare: boolean;
  /** Added to the environment of its git commands: a server hook's quarantine(), otherwise empty. */
  readonly env: Readonly<Record<string, string>>;
}

/** Runs git in a repository, as git() does: in its working tree, or in a bare one's own folder. */
export function gitIn(repo: Repo, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return git(repo.workTree ?? repo.gitDir, args, { ...options, env: { ...repo.env, ...options.env } });
}

/**
 * Opens the repository that `path` is in.
 *
 * @param options.env - inside a server hook: quarantine(), to see the objects of the push
 * @throws AosError `git.norepo`; `git.format` for one with SHA-256 object ids or refs that are not files
 */
export async function openRepo(path: string, options: { readonly env?: Readonly<Record<string, string>> } = {}): Promise<Repo> {
  const plain = await plainRepo(path);
  if (plain !== undefined) return { gitDir: plain.gitDir, commonDir: plain.gitDir, workTree: plain.workTree, bare: false, env: options.env ?? {} };
  const found = await git(path, ["rev-parse", "--path-format=absolute", "--absolute-git-dir", "--git-common-dir", "--is-bare-repository", "--is-inside-work-tree", "--show-object-format", "--show-toplevel"], {
    allowExit: [128],
  });
  // Where there is no working tree, git fails at the last question only.
  const [gitDir = "", commonDir = "", bare, inside, format, topFolder] = lines(found.stdout);
  if (format === undefined) throw notOpened(path, found.stderr);
  const refFormat = await refFormatOf(commonDir);
  if (format !== "sha1" || refFormat !== "files")
    throw new AosError("git.format", `${path}: a repository with ${format} object ids and refs as ${refFormat} is not supported`, {
      hint: "make it with git init --object-format=sha1 --ref-format=files",
    });
  return { gitDir, commonDir, workTree: inside === "true" ? topFolder : undefined, bare: bare === "true", env: options.env ?? {} };
}

/** How refs are kept. It stands in the repository's own configuration, never in a file that it includes. */
async function refFormatOf(commonDir: string): Promise<string> {
  const text = await readFile(join(commonDir, "config"), "utf8").catch(() => "");
  return /^[^#;\n]*\brefstorage\s*=\s*"?(\w+)/im.exec(text)?.[1] ?? "files";
}

function notOpened(path: string, stderr: string): AosError {
  if (/dubious ownership/.test(stderr))
    return new AosError("git.norepo", `${path}: the repository belongs to another user, so git does not open it`, {
      hint: `git config --global --add safe.directory ${resolve(path)}`,
    });
  if (/not a git repository/.test(stderr))
    return new AosError("git.norepo", `${path}: not in a Git repository`, { hint: "git init there, or name another folder" });
  return new AosError("git.norepo", `${path}: git does not open it: ${firstComplaint(stderr)}`);
}

/** Makes an empty repository with the branch `main`. An existing one stays as it is. */
export async function initRepo(path: string, options: { readonly kind: "bare" | "worktree" }): Promise<Repo> {
  await mkdir(path, { recursive: true });
  await git(path, ["init", "--quiet", "--initial-branch=main", "--object-format=sha1", ...(options.kind === "bare" ? ["--bare"] : [])]);
  return openRepo(path);
}

/**
 * Settings of the repository that a controller writes to. Its own writer is durable by itself; `core.fsync` is for pushes.
 * Packs of pushes stay packs and are checked. Segments are bigger than `core.bigFileThreshold`, so that no repack searches
 * deltas between them (minutes instead of seconds), and repacking is the controller's business.
 */
const AUTHORITATIVE_CONFIG: readonly (readonly [string, string])[] = [
  ["core.fsync", "all"],
  ["core.bigFileThreshold", "4k"],
  ["gc.auto", "0"],
  ["receive.unpackLimit", "1"],
  ["receive.fsckObjects", "true"],
  ["uploadpack.allowFilter", "true"],
];

export async function configureAuthoritative(repo: Repo): Promise<void> {
  for (const [key, value] of AUTHORITATIVE_CONFIG) await configSet(repo, key, value);
}

/** The last value of a setting, from all levels of configuration; undefined when it is not set. */
export async function configGet(repo: Repo, key: string): Promise<string | undefined> {
  const { stdout, code } = await gitIn(repo, ["config", "--null", "--get", key], { allowExit: [1] });
  return code === 0 ? stdout.toString("utf8").replace(/\0$/, "") : undefined;
}

/** Sets a value in the repository's own configuration, in place of all it had. */
export async function configSet(repo: Repo, key: string, value: string): Promise<void> {
  await gitIn(repo, ["config", "--local", "--replace-all", key, value]);
}

/** Adds one value to a setting that may have many (such as `remote.origin.fetch`), unless it is there. */
export async function configAdd(repo: Repo, key: string, value: string): Promise<void> {
  const { stdout } = await gitIn(repo, ["config", "--null", "--local", "--get-all", key], { allowExit: [1] });
  if (!stdout.toString("utf8").split("\0").includes(value)) await gitIn(repo, ["config", "--local", "--add", key, value]);
}

interface Status {
  /** The branch's short name; undefined when HEAD is detached. */
  readonly branch: string | undefined;
  /** undefined on a branch without commits. */
  readonly head: Oid | undefined;
  /** Nothing changed, nothing untracked, nothing in conflict. */
  readonly clean: boolean;
  /** Paths that differ from HEAD, in the index or on disk. */
  readonly changed: readonly string[];
  readonly untracked: readonly string[];
  readonly conflicted: readonly string[];
}

/** The state of a working tree; ignored files say nothing. */
export async function status(repo: Repo): Promise<Status> {
  assert(repo.workTree !== undefined, "status is asked of a working tree");
  const { stdout } = await gitIn(repo, ["status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all"]);
  const changed: string[] = [];
  const untracked: string[] = [];
  const conflicted: string[] = [];
  let branch: string | undefined;
  let head: Oid | undefined;
  const records = stdout.toString("utf8").split("\0");
  for (let at = 0; at < records.length; at++) {
    const record = records[at] ?? "";
    const words = record.split(" ");
    if (record.startsWith("# branch.head ") && words[2] !== "(detached)") branch = words[2];
    else if (record.startsWith("# branch.oid ") && isOid(words[2] ?? "")) head = parseOid(words[2] ?? "");
    else if (record.startsWith("1 ")) changed.push(words.slice(8).join(" "));
    else if (record.startsWith("2 ")) {
      changed.push(words.slice(9).join(" "));
      at++; // a renamed file's old path is a record of its own
    } else if (record.startsWith("u ")) conflicted.push(words.slice(10).join(" "));
    else if (record.startsWith("? ")) untracked.push(record.slice(2));
  }
  return { branch, head, clean: changed.length + untracked.length + conflicted.length === 0, changed, untracked, conflicted };
}

/** The commit that a revision names (`main`, `HEAD~2`, an id), or undefined when there is none. */
export async function resolveCommit(repo: Repo, revision: string): Promise<Oid | undefined> {
  const { stdout, code } = await gitIn(repo, ["rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`], { allowExit: [1, 128] });
  return code === 0 ? parseOid(stdout.toString("latin1").trim()) : undefined;
}

/** Settings that decide a merge's outcome, fixed so that every clone computes the same tree. */
const MERGE_CONFIG: readonly string[] = [
  "core.bare=true",
  "core.attributesFile=/dev/null",
  "merge.default=text",
  "merge.directoryRenames=conflict",
  "merge.renameLimit=7000",
  "merge.renames=true",
  "merge.renormalize=false",
];

/**
 * Merges two commits without touching any files or refs; the tree is written to the repository. The result depends on the two
 * commits and their histories: not on the working tree, its attributes, or anybody's configuration. (Only a merge attribute in
 * the repository's own `info/attributes`, which nothing here writes, could still sway it.)
 *
 * @throws AosError `git.conflict` (class refused) with the files in `data.files`; `git.failed` for unrelated histories
 */
export async function mergeTree(repo: Repo, ours: Oid, theirs: Oid): Promise<Oid> {
  const config = MERGE_CONFIG.flatMap((setting) => ["-c", setting]);
  const { stdout, code } = await git(repo.commonDir, [...config, "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs], {
    allowExit: [1],
    env: { ...repo.env, GIT_DIR: repo.commonDir, GIT_ATTR_NOSYSTEM: "1" },
  });
  const [tree = "", ...files] = stdout.toString("utf8").split("\0").filter((field) => field !== "");
  if (code === 0) return parseOid(tree.trim());
  throw new AosError("git.conflict", `${ours.slice(0, 12)} and ${theirs.slice(0, 12)} do not merge: ${files.join(", ")}`, {
    class: "refused",
    hint: "rebase the proposal on its base, or merge the base into it, and solve the conflict there",
    data: { files },
  });
}

/** The best common ancestor, or undefined for unrelated histories. */
export async function mergeBase(repo: Repo, a: Oid, b: Oid): Promise<Oid | undefined> {
  const { stdout, code } = await gitIn(repo, ["merge-base", a, b], { allowExit: [1] });
  return code === 0 ? parseOid(stdout.toString("latin1").trim()) : undefined;
}

/** Is `ancestor` reachable from `descendant`? A commit is its own ancestor. */
export async function isAncestor(repo: Repo, ancestor: Oid, descendant: Oid): Promise<boolean> {
  return (await gitIn(repo, ["merge-base", "--is-ancestor", ancestor, descendant], { allowExit: [1] })).code === 0;
}

/** Does the history here end before it began? */
export async function isShallow(repo: Repo): Promise<boolean> {
  return (await gitIn(repo, ["rev-parse", "--is-shallow-repository"])).stdout.toString("latin1").trim() === "true";
}

/** The commits after `from` (null: from the root) up to `to` along first parents, oldest first. */
export async function firstParents(repo: Repo, from: Oid | null, to: Oid): Promise<readonly Oid[]> {
  const { stdout } = await gitIn(repo, ["rev-list", "--first-parent", "--reverse", to, ...(from === null ? [] : [`^${from}`])]);
  return lines(stdout).map(parseOid);
}

function lines(bytes: Buffer): readonly string[] {
  return bytes.toString("utf8").split("\n").filter((line) => line !== "");
}
