// Offers commits as a proposal: which ones may be offered, and the branch that is moved, on the remote or here.

import { AosError } from "@agentos/kernel";
import { casRef, commitSigner, commitsOf, gitIn, isAncestor, proposalText, push, readRules, signerOf, trustInput, type Oid, type Repo } from "@agentos/controller";
import { proposalRef, type Upstream } from "./upstream.ts";

/** The commits to offer. @throws AosError `git.diverged`, `git.nothing`, `git.unsigned` */
export async function offerable(upstream: Upstream, head: Oid): Promise<{ readonly commits: readonly Oid[]; readonly title: string }> {
  const { local: { repo, store }, main } = upstream;
  if (await isAncestor(repo, head, main)) throw new AosError("git.nothing", `HEAD (${head.slice(0, 12)}): ${baseOf(upstream)} has it already`, { hint: "commit a change on this branch first" });
  const commits = await requireOfferable(upstream, [head], { head, again: "aos propose" });
  const messages = (await Promise.all(commits.map((commit) => store.readCommit(commit)))).map(({ message }) => message);
  return { commits, title: proposalText(messages).title };
}

/**
 * May a commit with these parents, or the one there is, be offered?
 *
 * @param said.head - the commit at hand, `again` the command that offers it: for what is told
 * @returns the commits that main does not have
 * @throws AosError `git.diverged`, `git.unsigned`
 */
export async function requireOfferable(upstream: Upstream, tips: readonly Oid[], said: { readonly head: Oid; readonly again: "aos propose" | "aos push" }): Promise<readonly Oid[]> {
  const { local: { repo, store }, main } = upstream;
  const base = baseOf(upstream);
  const holding = await Promise.all(tips.map((tip) => isAncestor(repo, main, tip)));
  if (!holding.includes(true)) {
    throw new AosError("git.diverged", `HEAD (${said.head.slice(0, 12)}): it does not contain ${base} (${main.slice(0, 12)})`, { hint: `${said.again === "aos push" ? "git rebase --autostash" : "git rebase"} ${base}, then \`${said.again}\` again` });
  }
  const commits = [...new Set((await Promise.all(tips.map((tip) => commitsOf(repo, main, tip)))).flat())];
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
  return commits;
}

function baseOf({ remote }: Upstream): string {
  return remote === undefined ? "main" : `${remote}/main`;
}

/**
 * Moves the proposal's branch; where the remote says no, it is as it was.
 *
 * @param offer.again - the command that puts it in the place of what it does not go on from, for what is told
 * @throws AosError `proposal.diverged`, `proposal.lost`, `git.rejected`, `git.remote`
 */
export async function placeProposal({ local, remote }: Upstream, offer: { readonly slug: string; readonly head: Oid; readonly replace: boolean; readonly again?: string }): Promise<"made" | "moved" | "replaced" | "unchanged"> {
  const { slug, head, replace, again = `aos propose ${slug} --replace` } = offer;
  const { repo, refs } = local;
  const ref = proposalRef(slug);
  const before = await refs.read(ref);
  if (before === head) return "unchanged";
  const forward = before === undefined || (await isAncestor(repo, before, head));
  if (!forward && !replace) {
    throw new AosError("proposal.diverged", `${slug}: the proposal is at ${before.slice(0, 12)}, and what is offered does not go on from there`, { hint: `\`${again}\` puts this in its place; or give it another name` });
  }
  if (remote === undefined) {
    if ((await casRef(repo.commonDir, ref, before ?? null, head)) === "stale") throw new AosError("proposal.raced", `${slug}: somebody moved it just now`, { class: "outside", hint: "try again" });
  } else {
    // What is not a step forward is taken away first: a shared repository refuses to be forced.
    if (!forward) await push(repo, remote, [`:${ref}`]);
    try {
      await push(repo, remote, [`${head}:${ref}`]);
    } catch (cause) {
      if (!forward) await putBack(repo, remote, { slug, ref, before });
      throw cause;
    }
    await gitIn(repo, ["update-ref", ref.replace("refs/heads/", `refs/remotes/${remote}/`), head]);
  }
  return before === undefined ? "made" : forward ? "moved" : "replaced";
}

async function putBack(repo: Repo, remote: string, at: { readonly slug: string; readonly ref: string; readonly before: Oid }): Promise<void> {
  await push(repo, remote, [`${at.before}:${at.ref}`]).catch((cause: unknown) => {
    throw new AosError("proposal.lost", `${at.slug}: taken away from ${remote}, and neither the new commit nor the old one was taken`, { cause, class: "outside", hint: `git push ${remote} ${at.before}:${at.ref}` });
  });
}
