// The double's repository: Git itself, and the refs that GitHub makes of pull requests.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { DoubleState, PullState } from "./state.ts";

const run = promisify(execFile);

const GITHUB = {
  PATH: process.env["PATH"] ?? "", GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", LC_ALL: "C",
  GIT_AUTHOR_NAME: "GitHub", GIT_AUTHOR_EMAIL: "noreply@github.com", GIT_COMMITTER_NAME: "GitHub", GIT_COMMITTER_EMAIL: "noreply@github.com",
};

/** Runs git in a bare repository, as an identity of GitHub's own that no principal has. @returns what it printed, without line ends */
export async function gitAt(gitDir: string, ...args: readonly string[]): Promise<string> {
  return (await run("git", ["--git-dir", gitDir, ...args], { env: GITHUB })).stdout.trim();
}

/** As gitAt; undefined when git says no. */
export async function gitOr(gitDir: string, ...args: readonly string[]): Promise<string | undefined> {
  return gitAt(gitDir, ...args).catch(() => undefined);
}

/** A merge commit that no ref has yet; undefined when it conflicts. */
export async function mergeOf(gitDir: string, of: { readonly base: string; readonly head: string; readonly message: string }): Promise<string | undefined> {
  const tree = await gitOr(gitDir, "merge-tree", "--write-tree", of.base, of.head);
  return tree === undefined ? undefined : gitAt(gitDir, "commit-tree", tree, "-p", of.base, "-p", of.head, "-m", of.message);
}

/**
 * Brings pull requests to where branches are: their heads, `refs/pull/N/head`, and `refs/pull/N/merge` while it merges. One whose
 * head main has is merged.
 *
 * @returns the numbers of those whose head moved
 */
export async function followBranches(state: DoubleState): Promise<readonly number[]> {
  const moved: number[] = [];
  const base = await gitOr(state.gitDir, "rev-parse", "--verify", "--quiet", "refs/heads/main");
  for (const pull of state.pulls.values()) {
    if (pull.state === "closed" || base === undefined) continue;
    const head = await headOf(state, pull);
    if (head === undefined) continue;
    await gitAt(state.gitDir, "update-ref", `refs/pull/${pull.number}/head`, head);
    if (head !== pull.head.sha) moved.push(pull.number);
    pull.head = { ...pull.head, sha: head };
    const inMain = (await gitOr(state.gitDir, "merge-base", "--is-ancestor", head, base)) !== undefined;
    if (inMain) Object.assign(pull, { state: "closed", merged: true, mergeCommit: base });
    else await testMerge(state, pull, base);
  }
  return moved;
}

/** Where a pull request's branch is; a fork's commits are brought over first. Undefined where there is no such branch. */
async function headOf(state: DoubleState, pull: PullState): Promise<string | undefined> {
  const { repo, ref } = pull.head;
  const fork = state.forks.find(({ id }) => id === repo);
  if (fork === undefined) return repo === state.repositoryId ? gitOr(state.gitDir, "rev-parse", "--verify", "--quiet", `refs/heads/${ref}`) : undefined;
  await gitOr(state.gitDir, "fetch", "--quiet", "--no-tags", fork.gitDir, `+refs/heads/${ref}:refs/pull/${pull.number}/head`);
  return gitOr(fork.gitDir, "rev-parse", "--verify", "--quiet", `refs/heads/${ref}`);
}

async function testMerge(state: DoubleState, pull: PullState, base: string): Promise<void> {
  const ref = `refs/pull/${pull.number}/merge`;
  const commit = await mergeOf(state.gitDir, { base, head: pull.head.sha, message: `Merge ${pull.head.sha} into ${base}` });
  pull.mergeCommit = commit ?? null;
  await (commit === undefined ? gitOr(state.gitDir, "update-ref", "-d", ref) : gitAt(state.gitDir, "update-ref", ref, commit));
}

/** The branches as one text, to see whether a push moved any. */
export async function branchesOf(gitDir: string): Promise<string> {
  return (await gitOr(gitDir, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads")) ?? "";
}
