// A world on GitHub: its pull requests are proposals, their reviews are witnessed, and what is decided is said there.

import { AosError } from "@agentos/kernel";
import type { Oid } from "../../git/objects.ts";
import { isAncestor } from "../../git/repo.ts";
import { decisionHash } from "../../governance/decision-value.ts";
import { keyId } from "../../governance/ssh-key.ts";
import type { Answer } from "../forge.ts";
import { gatherDecision } from "../gather.ts";
import { MAIN_REF, PROPOSALS_PREFIX } from "../local.ts";
import { mergeMessage } from "../merge.ts";
import { ownReport } from "./own-report.ts";
import { APPLIED_CONTEXT, nothingPosted, postDecision, postStatus, postVerdict } from "./post.ts";
import { judgeGroup } from "./queue.ts";
import { pullRefspecs, subjectsOf, type Subject } from "./subjects.ts";
import { witnessReviews, type Witness } from "./witness.ts";

/** Branches that GitHub makes for groups of the merge queue. */
const QUEUE_PREFIX = "refs/heads/gh-readonly-queue/main/";

export interface GithubForge {
  /** Looks which pull requests are open; says what to fetch for them. */
  look(): Promise<readonly string[]>;
  /** Writes down reviews of what was fetched. @returns whether the notes of reviews moved, and what cannot count */
  witness(): Promise<{ readonly written: number; readonly faults: ReadonlyMap<string, readonly string[]> }>;
  /** Posts verdicts on all open pull requests and on the merge queue, as far as they changed. @returns the approved ones */
  post(): Promise<readonly string[]>;
  /** Posts on a commit of main what became of it. */
  postApplied(commit: Oid, outcome: { readonly state: "failure" | "success"; readonly text: string }): Promise<void>;
  /** Has GitHub merge what was decided. @throws AosError `merge.refused`, and as GithubApi.merge */
  merge(slug: string): Promise<Oid>;
}

export function githubForge(witness: Witness): GithubForge {
  const { api, local, world } = witness;
  const posted = nothingPosted();
  let subjects: readonly Subject[] = [];
  let faults: ReadonlyMap<string, readonly string[]> = new Map();

  async function main(): Promise<Oid | undefined> {
    return local.refs.read(MAIN_REF);
  }

  /** GitHub's answer and what was fetched are of different moments: a head that moved between them waits for the next look. */
  async function isHere({ pull, slug }: Subject): Promise<boolean> {
    return (await local.refs.read(PROPOSALS_PREFIX + slug)) === pull.head.sha;
  }

  async function decideOn(slug: string, { base, head }: { readonly base: Oid; readonly head: Oid }): Promise<Answer> {
    return gatherDecision(local, { base, head, slug, world });
  }

  return {
    async look() {
      subjects = subjectsOf(await api.openPulls("main"));
      return pullRefspecs(subjects);
    },
    async witness() {
      const at = await main();
      const found = new Map<string, readonly string[]>();
      let written = 0;
      for (const subject of at === undefined ? [] : subjects) {
        if (at === undefined || !(await isHere(subject))) continue;
        const seen = await witnessReviews(witness, { ...subject, main: at });
        written += seen.written;
        if (seen.faults.length > 0) found.set(subject.slug, seen.faults);
      }
      faults = found;
      return { written, faults };
    },
    async post() {
      const base = await main();
      if (base === undefined) return [];
      const approved: string[] = [];
      for (const subject of subjects) {
        const { pull, slug } = subject;
        if (!(await isHere(subject)) || (await isAncestor(local.repo, pull.head.sha, base))) continue;
        const answer = await decideOn(slug, { base, head: pull.head.sha });
        if (answer.decision.verdict === "approved") approved.push(slug);
        const report = await ownReport(local, keyId(witness.key.publicKey), { base, head: pull.head.sha, tree: answer.tree });
        await postDecision(api, posted, { pull: pull.number, head: pull.head.sha, world, decision: answer.decision, report, faults: [...answer.faults, ...(faults.get(slug) ?? [])] });
      }
      for (const [, head] of await local.refs.list(QUEUE_PREFIX)) await postQueued(base, head);
      return approved;
    },
    postApplied: (commit, { state, text }) => postStatus(api, posted, commit, { context: APPLIED_CONTEXT, state, description: text }),
    async merge(slug) {
      const subject = subjects.find((each) => each.slug === slug);
      const base = await main();
      if (subject === undefined || base === undefined) throw new AosError("proposal.missing", `${slug}: no open pull request is this proposal`, { hint: "aos proposals lists them" });
      const { pull } = subject;
      const { inputs, decision } = await decideOn(slug, { base, head: pull.head.sha });
      if (decision.verdict !== "approved" || decision.cid === null) {
        const reasons = decision.reasons.filter(({ holds }) => !holds).map(({ text }) => text);
        throw new AosError("merge.refused", `pull request ${pull.number}: not approved: ${reasons.join("; ")}`, { class: "refused", data: { reasons } });
      }
      const message = mergeMessage({ slug, decision: decisionHash(inputs, decision), cid: decision.cid }, pull.title);
      const cut = message.indexOf("\n\n");
      return api.merge(pull.number, { sha: pull.head.sha, title: message.slice(0, cut), message: message.slice(cut + 2).trimEnd() });
    },
  };

  /** Of an older main: the queue makes it anew. */
  async function postQueued(base: Oid, head: Oid): Promise<void> {
    if (base === head || !(await isAncestor(local.repo, base, head))) return;
    await postVerdict(api, posted, { head, decision: await judgeGroup(witness, { base, head, subjects }) });
  }
}
