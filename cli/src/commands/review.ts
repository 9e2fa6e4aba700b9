// aos review: a person's signed word on a proposal, bound to what it would bring.

import { AosError, ZERO_HASH } from "@agentos/kernel";
import {
  casRef, deleteRef, gatherDecision, push, readRef, readRules, REVIEWS_PREFIX, writeReview, type Answer, type Proposal, type ReviewVerdict,
} from "@agentos/controller";
import { command } from "../command.ts";
import { reviewedLines } from "../render/review.ts";
import { requirePrincipal } from "../signers.ts";
import { openProposal, withUpstream } from "../upstream.ts";
import { personKey, worldId, worldRepo } from "../world.ts";

const VERDICTS = ["approve", "request-changes", "comment", "dismiss"] as const satisfies readonly ReviewVerdict[];

export default command({
  positionals: { slug: { type: "string", demandOption: true, describe: "The proposal's name" } },
  options: {
    approve: { type: "boolean", default: false, describe: "It may be merged" },
    "request-changes": { type: "boolean", default: false, describe: "It may not be merged as it is" },
    comment: { type: "boolean", default: false, describe: "A word that decides nothing" },
    dismiss: { type: "boolean", default: false, describe: "Take back what you said before" },
    message: { alias: "m", type: "string", requiresArg: true, default: "", describe: "Why" },
  },
  epilogue: "An approval binds to what the proposal would bring (its files merged into main, and the consequences of the shadow report),\nnot to a commit: it survives a rebase, and a push that only takes something away. Whatever is added voids it; `aos why` says which.",
  async run(cx, { slug, message, ...flags }) {
    const verdict = verdictOf(flags);
    const repo = await worldRepo(cx);
    const key = await personKey(cx, repo);
    const done = await withUpstream(repo, { fetch: cx.out }, async (upstream) => {
      const { local, main } = upstream;
      const proposal = await openProposal(upstream, slug);
      const { trust } = await readRules(local.store, main);
      const principal = requirePrincipal(trust, key).name;
      const world = await worldId(cx, repo, local.store);
      const answer = await gatherDecision(local, { base: main, head: proposal.head, slug, world });
      const cid = answer.decision.cid ?? ZERO_HASH;
      if (verdict === "approve") assertReady(proposal, answer);
      const ref = `${REVIEWS_PREFIX}${principal}`;
      const before = await readRef(repo.commonDir, ref);
      const { commit } = await writeReview(local, { world, proposal: slug, head: proposal.head, verdict, cid, message }, { key, principal, timeSeconds: Math.floor(Date.now() / 1000) });
      if (upstream.remote !== undefined) {
        await push(repo, upstream.remote, [`${ref}:${ref}`]).catch(async (error: unknown) => {
          // What nobody else has is taken back, so that the review can be given again.
          if (before === undefined) await deleteRef(repo.commonDir, ref, commit);
          else await casRef(repo.commonDir, ref, commit, before);
          throw error;
        });
      }
      const { decision } = await gatherDecision(local, { base: main, head: proposal.head, slug, world });
      const ignored = decision.ignored.filter((one) => one.principal === principal).map(({ why }) => why);
      return { slug, head: proposal.head, verdict, cid, by: principal, note: commit, ref, ignored, decision: { verdict: decision.verdict, reasons: decision.reasons } };
    });
    cx.out.result(done, reviewedLines(done, cx.out.style));
    if (verdict === "approve") for (const why of done.ignored) cx.out.notice(`your approval does not count: ${done.by} ${why}`);
  },
});

/** @throws AosError `cli.verdict` unless exactly one is chosen */
function verdictOf(flags: Readonly<Record<(typeof VERDICTS)[number], boolean>>): ReviewVerdict {
  const [chosen, ...others] = VERDICTS.filter((verdict) => flags[verdict]);
  if (chosen !== undefined && others.length === 0) return chosen;
  throw new AosError("cli.verdict", `aos review: say one of ${VERDICTS.map((verdict) => `--${verdict}`).join(", ")}`, { hint: "such as aos review SLUG --approve" });
}

/** Whoever approves must have been able to see what they approve. @throws AosError `review.early`, `review.conflict` (class refused) */
function assertReady(proposal: Proposal, { inputs, decision }: Answer): void {
  if (inputs.tree === null) throw new AosError("review.conflict", `${proposal.slug}: it does not merge into main: ${inputs.mergeProblem ?? "unknown"}`, { class: "refused", hint: "ask the author to rebase it" });
  const shadow = decision.reasons.find(({ rule }) => rule === "shadow");
  if (shadow?.holds === false) throw new AosError("review.early", `${proposal.slug}: ${shadow.text}, so there is nothing to approve yet`, { class: "refused", hint: `aos shadow ${proposal.slug} --wait, then look at it` });
}
