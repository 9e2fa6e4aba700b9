// aos propose: the branch at hand becomes a proposal, where the controller and the reviewers look.

import { AosError } from "@agentos/kernel";
import { connectWorld, isSlug, status, type Oid, type Repo } from "@agentos/controller";
import { checkFolder } from "../check.ts";
import { command } from "../command.ts";
import { describeProposal, requireText } from "../describing.ts";
import { offerable, placeProposal } from "../offering.ts";
import { proposedLines } from "../render/proposal.ts";
import { requireSound } from "../require-sound.ts";
import { requireTakeable } from "../takeable.ts";
import { withUpstream } from "../upstream.ts";
import { personKey, worldRepo } from "../world.ts";

export default command({
  positionals: { slug: { type: "string", describe: "The proposal's name [default: the branch's]" } },
  options: {
    message: { alias: "m", type: "string", requiresArg: true, describe: "Its title, and after an empty line what else is to be said: in a signed commit on this branch that changes no file" },
    replace: { type: "boolean", default: false, describe: "Put this branch in the place of the proposal of that name, after a rebase" },
  },
  epilogue: "Offers the commits of this branch that main does not have. Reviewers see what -m said last; without it, the message of the oldest commit.",
  async run(cx, { slug: typed, message, replace }) {
    const repo = await worldRepo(cx);
    const { workTree } = repo;
    if (workTree === undefined) throw new AosError("propose.bare", `${repo.gitDir}: a bare repository has no branch at hand`, { hint: "propose from a clone with files" });
    const text = message === undefined ? undefined : requireText(message);
    const { branch, head: found } = await standing(repo);
    const slug = typed ?? slugOf(branch);
    if (!isSlug(slug)) {
      const why = typed === undefined ? `${branch}: the branch's name gives no name for a proposal` : `${slug}: not a proposal's name`;
      throw new AosError("proposal.name", why, { hint: `lower-case letters, digits and -, such as ${typed === undefined ? "`aos propose raise-limit`" : "raise-limit"}` });
    }
    requireSound(cx, workTree, { ...(await checkFolder(workTree)), hint: "run `aos check`, correct them, and commit" });
    const done = await withUpstream(repo, { fetch: cx.out }, async (upstream) => {
      // What may not be offered, or no server would take, is not described either.
      if (text !== undefined) await offerable(upstream, found);
      if (text !== undefined) await requireTakeable(upstream, { slug, head: found });
      const head = text === undefined ? found : await describeProposal(upstream, { slug, text, branch, head: found, key: await personKey(cx, repo), timeSeconds: Math.floor(Date.now() / 1000) });
      const { commits, title } = await offerable(upstream, head);
      await requireTakeable(upstream, { slug, head });
      const outcome = await placeProposal(upstream, { slug, head, replace });
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
