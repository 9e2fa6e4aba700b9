// A group of the merge queue: a line of merges on main. Every pull request in it is judged, each on the main that it would stand on.

import { AosError } from "@agentos/kernel";
import type { Oid } from "../../git/objects.ts";
import { firstParents } from "../../git/repo.ts";
import type { Decision, Reason } from "../../governance/decision.ts";
import { gatherDecision } from "../gather.ts";
import { parseMergeMessage } from "../merge.ts";
import type { Subject } from "./subjects.ts";
import type { Witness } from "./witness.ts";

/** GitHub puts no more pull requests into a group. */
const GROUP_MAX = 100;

interface Group {
  /** Main. */
  readonly base: Oid;
  /** The last merge of the group, which descends from main. */
  readonly head: Oid;
  readonly subjects: readonly Subject[];
}

/**
 * The verdict on a group: approved when each of its merges is, by the rules of the commit before it and with what the control
 * plane of its own tree would do there. The reasons name the pull request that they are about.
 */
export async function judgeGroup(witness: Witness, { base, head, subjects }: Group): Promise<Decision> {
  const line = await firstParents(witness.local.repo, base, head);
  if (line.length > GROUP_MAX) return refused("merge", `the group holds ${line.length} commits, more than ${GROUP_MAX}`);
  const decisions: Decision[] = [];
  let before = base;
  for (const commit of line) {
    decisions.push(await judgeMerge(witness, { before, commit, subjects }));
    before = commit;
  }
  const all = <T>(list: (decision: Decision) => readonly T[]): readonly T[] => decisions.flatMap(list);
  return {
    verdict: decisions.every(({ verdict }) => verdict === "approved") ? "approved" : "refused",
    cid: decisions.at(-1)?.cid ?? null,
    authors: [...new Set(all(({ authors }) => authors))],
    required: Math.max(0, ...decisions.map(({ required }) => required)),
    reasons: all(({ reasons }) => reasons), counted: all(({ counted }) => counted), ignored: all(({ ignored }) => ignored),
  };
}

interface Place {
  readonly before: Oid;
  readonly commit: Oid;
  readonly subjects: readonly Subject[];
}

async function judgeMerge(witness: Witness, { before, commit, subjects }: Place): Promise<Decision> {
  const { local, world } = witness;
  const { parents, message, tree } = await local.store.readCommit(commit);
  const [first, head, ...others] = parents;
  if (first !== before || head === undefined || others.length > 0) return refused("merge", `commit ${commit.slice(0, 12)} of the group merges no pull request into main: the queue's merge method must be a merge commit`);
  const subject = subjects.find(({ pull }) => pull.head.sha === head);
  const name = subject === undefined ? `commit ${head.slice(0, 12)}` : `pull request ${subject.pull.number}`;
  const slug = subject?.slug ?? parseMergeMessage(message)?.slug ?? "unnamed";
  try {
    const foreseen = await witness.foresee?.({ base: before, head, tree });
    const { decision, tree: decided } = await gatherDecision(local, { base: before, head, slug, world, ...(foreseen !== undefined && { foreseen }) });
    const reasons = decision.reasons.map((reason) => ({ ...reason, text: `${name}: ${reason.text}` }));
    if (decided === tree) return { ...decision, reasons };
    return { ...decision, verdict: "refused", reasons: [...reasons, { rule: "merge", holds: false, text: `${name}: the queue's commit is not the merge of its parents` }] };
  } catch (error) {
    // What the merge would bring cannot come into force, or the commit before it has left no rules to judge by.
    if (!(error instanceof AosError) || error.class === "outside") throw error;
    return refused("merge", `${name}: ${error.message}`);
  }
}

function refused(rule: Reason["rule"], text: string): Decision {
  const reason = { rule, holds: false, text };
  return { verdict: "refused", cid: null, authors: [], required: 0, reasons: [reason], counted: [], ignored: [] };
}
