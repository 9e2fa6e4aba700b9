// aos propose: the branch at hand becomes a proposal, where the controller and the reviewers look.

import { AosError } from "@agentos/kernel";
import {
  casRef, commitSigner, commitsOf, connectWorld, gitIn, isAncestor, isSlug, push, readRules, signerOf, status, trustInput, type Oid, type Repo,
} from "@agentos/controller";
import { checkFolder } from "../check.ts";
import { command } from "../command.ts";
import { diagnosticLines } from "../render/diagnostics.ts";
import { proposedLines } from "../render/proposal.ts";
import { proposalRef, withUpstream, type Upstream } from "../upstream.ts";
import { worldRepo } from "../world.ts";

export default command({
  positionals: { slug: { type: "string", describe: "The proposal's name [default: the branch's]" } },
  options: { replace: { type: "boolean", default: false, describe: "Put this branch in the place of the proposal of that name, after a rebase" } },
  epilogue: "Offers the commits of this branch that main does not have. Reviewers see the first line of the oldest one as its title.",
  async run(cx, { slug: typed, replace }) {
    const repo = await worldRepo(cx);
    const { workTree } = repo;
    if (workTree === undefined) throw new AosError("propose.bare", `${repo.gitDir}: a bare repository has no branch at hand`, { hint: "propose from a clone with files" });
    const { branch, head } = await standing(repo);
    const slug = typed ?? slugOf(branch);
    if (!isSlug(slug)) throw new AosError("proposal.name", `${slug}: not a proposal's name`, { hint: "lower-case letters, digits and -, such as raise-limit" });
    const { diagnostics, errors } = await checkFolder(workTree);
    if (errors > 0) {
      if (cx.out.mode === "text") process.stderr.write(`${diagnosticLines(diagnostics, { style: cx.out.style, from: "" }).join("\n")}\n`);
      throw new AosError("check.failed", `${workTree}: ${errors === 1 ? "1 error" : `${errors} errors`} in the world's files`, { hint: "run `aos check`, correct them, and commit" });
    }
    const done = await withUpstream(repo, "fetch", async (upstream) => {
      const { commits, title } = await offerable(upstream, head);
      const outcome = await place(upstream, { slug, head, replace });
      return { slug, head, base: upstream.main, commits: commits.length, title, outcome, remote: upstream.remote };
    });
    if (done.remote === undefined) await (await connectWorld(repo))?.ask("POST", "/nudge");
    cx.out.result(done, proposedLines(done, cx.out.style));
  },
});

/** The branch at hand. @throws AosError `git.main`, `git.dirty`, `git.detached`, `git.unborn` */
async function standing(repo: Repo): Promise<{ readonly branch: string; readonly head: Oid }> {
  const { branch, head, clean, changed, untracked, conflicted } = await status(repo);
  if (head === undefined) throw new AosError("git.unborn", "HEAD: this branch has no commits", { hint: "commit your change first" });
  if (branch === undefined) throw new AosError("git.detached", `HEAD (${head.slice(0, 12)}): not on a branch`, { hint: "git switch -c NAME" });
  if (branch === "main") throw new AosError("git.main", "main: proposals are made from a branch of their own", { hint: "git switch -c NAME, commit there, then `aos propose`" });
  if (!clean) {
    const files = [...conflicted, ...changed, ...untracked];
    throw new AosError("git.dirty", `${files.slice(0, 5).join(", ")}${files.length > 5 ? ` and ${files.length - 5} more` : ""}: not committed`, { hint: "git add -A && git commit, or git stash", data: { files } });
  }
  return { branch, head };
}

/** `feature/Raise_Limit` → `raise-limit`. */
function slugOf(branch: string): string {
  const last = branch.split("/").at(-1) ?? branch;
  return last.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 64);
}

/** The commits to offer. @throws AosError `git.diverged`, `git.nothing`, `git.unsigned` */
async function offerable({ local, main, remote }: Upstream, head: Oid): Promise<{ readonly commits: readonly Oid[]; readonly title: string }> {
  const { repo, store } = local;
  const base = remote === undefined ? "main" : `${remote}/main`;
  if (await isAncestor(repo, head, main)) throw new AosError("git.nothing", `HEAD (${head.slice(0, 12)}): ${base} has it already`, { hint: "commit a change on this branch first" });
  if (!(await isAncestor(repo, main, head))) {
    throw new AosError("git.diverged", `HEAD (${head.slice(0, 12)}): it does not contain ${base} (${main.slice(0, 12)})`, { hint: `git rebase ${base}, then \`aos propose\` again` });
  }
  const commits = await commitsOf(repo, main, head);
  const rules = await readRules(store, main);
  const trust = trustInput(rules.trust, rules.trustHash);
  for (const commit of commits) {
    const signer = signerOf(trust, await commitSigner(store, commit));
    if (!signer.known) {
      throw new AosError("git.unsigned", `commit ${commit.slice(0, 12)}: ${signer.why}, so nobody could approve it`, {
        hint: `sign with a key of .aos/trust.json: git rebase ${base} --exec 'git commit --amend --no-edit -S'`,
      });
    }
  }
  const { message } = await store.readCommit(commits[0] ?? head);
  return { commits, title: message.split("\n")[0] ?? "" };
}

/** Moves the proposal's branch. @throws AosError `proposal.diverged`, `git.rejected`, `git.remote` */
async function place({ local, remote }: Upstream, offer: { readonly slug: string; readonly head: Oid; readonly replace: boolean }): Promise<"made" | "moved" | "replaced" | "unchanged"> {
  const { slug, head, replace } = offer;
  const { repo, refs } = local;
  const ref = proposalRef(slug);
  const before = await refs.read(ref);
  if (before === head) return "unchanged";
  const forward = before === undefined || (await isAncestor(repo, before, head));
  if (!forward && !replace) {
    throw new AosError("proposal.diverged", `${slug}: the proposal is at ${before.slice(0, 12)}, which this branch does not contain`, { hint: `\`aos propose ${slug} --replace\` after a rebase, or another name` });
  }
  if (remote === undefined) {
    if ((await casRef(repo.commonDir, ref, before ?? null, head)) === "stale") throw new AosError("proposal.raced", `${slug}: somebody moved it just now`, { class: "outside", hint: "try again" });
  } else {
    // What is not a step forward is taken away first: a shared repository refuses to be forced.
    if (!forward) await push(repo, remote, [`:${ref}`]);
    await push(repo, remote, [`${head}:${ref}`]);
    await gitIn(repo, ["update-ref", ref.replace("refs/heads/", `refs/remotes/${remote}/`), head]);
  }
  return before === undefined ? "made" : forward ? "moved" : "replaced";
}
