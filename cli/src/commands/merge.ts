// aos merge: an approved proposal becomes part of main, by a signed commit that names its decision.

import { AosError } from "@agentos/kernel";
import {
  casRef, connectWorld, gatherDecision, gitIn, MAIN_REF, mergeCommit, push, readRules, readSuspension, readSymbolicRef, stateFolderAt, status, suspensionText, type Answer, type Oid, type Reason,
} from "@agentos/controller";
import { command } from "../command.ts";
import { mergedLines, refusedLines } from "../render/merge.ts";
import { shown } from "../render/style.ts";
import { requireMerger } from "../signers.ts";
import { openProposal, withUpstream, type Upstream } from "../upstream.ts";
import { personKey, worldId, worldRepo } from "../world.ts";

export default command({
  positionals: { slug: { type: "string", demandOption: true, describe: "The proposal's name" } },
  options: {},
  epilogue: "Exit code 3 when it may not be merged; each reason is on a line of its own.\nThe controller judges again before it applies: merging is not yet applying.",
  async run(cx, { slug }) {
    const repo = await worldRepo(cx);
    const key = await personKey(cx, repo);
    const done = await withUpstream(repo, { fetch: cx.out }, async (upstream) => {
      const { local, main } = upstream;
      const proposal = await openProposal(upstream, slug);
      const { trust } = await readRules(local.store, main);
      const principal = requireMerger(trust, key).name;
      const answer = await gatherDecision(local, { base: main, head: proposal.head, slug, world: await worldId(cx, repo, local.store) });
      const { verdict, reasons } = answer.decision;
      if (verdict !== "approved") return { refused: { slug, head: proposal.head, reasons } };
      const commit = await moveMain(upstream, answer, { title: proposal.title, key, principal, timeSeconds: Math.floor(Date.now() / 1000) });
      return { merged: { slug, head: proposal.head, base: main, commit, reasons, remote: upstream.remote, by: principal } };
    });
    if (done.refused !== undefined) {
      cx.out.result({ merged: false, ...done.refused }, refusedLines(done.refused, cx.out.style));
      const missing = done.refused.reasons.filter(({ holds }) => !holds);
      throw new AosError("merge.refused", `${slug}: not approved: ${missing.map(({ text }) => text).join("; ")}`, { class: "refused", hint: wayOut(slug, missing[0]?.rule) });
    }
    if (done.merged.remote === undefined) await (await connectWorld(repo))?.ask("POST", "/nudge");
    const suspended = await readSuspension(stateFolderAt(repo), Date.now());
    cx.out.result({ ...done.merged, merged: true }, mergedLines(done.merged, cx.out.style));
    if (suspended !== undefined) cx.out.notice(`it waits: suspended ${shown(suspensionText(suspended))}; aos resume ends it`);
  },
});

/** What helps against the first reason that does not hold. */
function wayOut(slug: string, rule: Reason["rule"] | undefined): string {
  switch (rule) {
    case "approvals":
      return `aos review ${slug} --approve, by somebody who is not its author`;
    case "shadow":
      return `aos shadow ${slug} --wait: the controller makes the report while it runs`;
    case "objections":
      return "solve it with whoever asks for changes: they approve, or take the review back with --dismiss";
    case "merge":
      return "rebase the proposal on main, then `aos propose --replace`";
    case "window":
      return "merge it when changes have their time: `aos policy explain` says when that is";
    case "policy":
      return `aos why ${slug}: it says what the rule asks for; \`aos policy explain\` says what all of them do`;
    default:
      return "the proposal's author must change it; `aos proposals` says what it lacks";
  }
}

/** Makes the merge commit and moves main to it, there or here. @throws AosError `git.dirty`, `git.rejected`, `merge.raced` */
async function moveMain({ local, main, remote }: Upstream, answer: Answer, options: Parameters<typeof mergeCommit>[2]): Promise<Oid> {
  const { repo } = local;
  const checkedOut = remote === undefined && repo.workTree !== undefined && (await readSymbolicRef(repo.gitDir, "HEAD")) === MAIN_REF;
  const { commit, release } = await mergeCommit(local, answer, options);
  try {
    if (checkedOut) await assertClean(local, commit);
    if (remote !== undefined) await push(repo, remote, [`${commit}:${MAIN_REF}`]);
    else if (checkedOut) await gitIn(repo, ["merge", "--quiet", "--ff-only", commit]);
    else if ((await casRef(repo.commonDir, MAIN_REF, main, commit)) === "stale") throw new AosError("merge.raced", "main: somebody moved it just now", { class: "outside", hint: "try again" });
  } finally {
    await release();
  }
  return commit;
}

/** The working tree goes along with main, so nothing in it may be lost; files that git does not know stand in the way only where main gets one. */
async function assertClean({ repo, store }: Pick<Upstream["local"], "repo" | "store">, commit: Oid): Promise<void> {
  const { changed, untracked, conflicted } = await status(repo);
  const files = [...conflicted, ...changed];
  for (const path of untracked) if ((await store.findPath(commit, path)) !== undefined) files.push(path);
  if (files.length === 0) return;
  throw new AosError("git.dirty", `${files.slice(0, 5).join(", ")}${files.length > 5 ? ` and ${files.length - 5} more` : ""}: not committed, and main is checked out here`, { hint: "commit or stash it, or git switch to another branch", data: { files } });
}
