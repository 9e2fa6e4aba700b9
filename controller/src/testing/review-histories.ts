// Histories of proposals and their reviews, and what becomes of each: a table for every forge. The names are those of governed-world.

import type { Brings } from "./brings.ts";
import type { FileChanges, KeyName } from "./governed-world.ts";
import type { ReviewVerdict } from "../governance/review.ts";

/** What somebody does. Whatever changes the proposal or main is followed by a controller's report, unless `reported` says no. */
export type Step =
  | { readonly do: "propose"; readonly by: KeyName; readonly files?: FileChanges; readonly brings?: Brings; readonly reported?: false }
  /** One more commit on the proposal. */
  | { readonly do: "push"; readonly by?: KeyName; readonly files: FileChanges; readonly brings?: Brings }
  /** The same change once more, as one commit on main as it is now; `files` take the place of the ones proposed first. */
  | { readonly do: "rebase"; readonly files?: FileChanges; readonly brings?: Brings }
  /** The world's state moved on, and the same proposal would bring something else. */
  | { readonly do: "rerun"; readonly brings: Brings }
  /** Somebody else's change lands on main. */
  | { readonly do: "main"; readonly files: FileChanges }
  /** A review, `times` over. Of the head as it is, as it was first (`first`), or of a commit that nobody has (`nothing`). */
  | { readonly do: "review"; readonly by: KeyName; readonly verdict: ReviewVerdict; readonly of?: "first" | "nothing"; readonly times?: number }
  /** Main's trust file changes: a key counts no more, a principal goes, or is called otherwise by the outside. */
  | { readonly do: "retire"; readonly key: KeyName; readonly principal: string }
  | { readonly do: "remove"; readonly principal: string }
  | { readonly do: "rename"; readonly principal: string; readonly to: string };

export interface ReviewHistory {
  readonly name: string;
  /** Of main; by default one approval and a shadow report. */
  readonly policy?: object;
  readonly roles?: Readonly<Record<string, readonly string[]>>;
  /** When it is judged, in seconds since 1970. */
  readonly at?: number;
  readonly steps: readonly Step[];
  readonly expect: "approved" | "refused";
  /** A piece of what the decision says: a reason, or why an approval was kept or not counted. */
  readonly says: string;
}

/** What "any APPROVED counts" makes of a history: the rule of many a script. */
export function naiveVerdict({ steps }: ReviewHistory): "approved" | "refused" {
  return steps.some((step) => step.do === "review" && step.verdict === "approve") ? "approved" : "refused";
}

const BASE = { version: 1, approvals: 1, shadow: "required" } as const;
const TWO = { ...BASE, approvals: 2 };
const WIDENING = { ...BASE, widening: { approvals: 2, alone: true } };
const rule = (one: object): object => ({ ...BASE, rules: [{ name: "ours", ...one }] });
const OFFICE = { ...BASE, windows: [{ days: ["mon", "tue", "wed", "thu", "fri"], from: "08:00", to: "17:00" }] };
/** 2026-01-05 was a Monday. */
const MONDAY_NOON = Date.UTC(2026, 0, 5, 12) / 1000;
const SATURDAY_NOON = Date.UTC(2026, 0, 10, 12) / 1000;

type StepOf<W extends Step["do"]> = Extract<Step, { readonly do: W }>;
const proposed: StepOf<"propose"> = { do: "propose", by: "author" };
const byAgent: Step = { do: "propose", by: "helper" };
const says = (by: KeyName, verdict: ReviewVerdict): StepOf<"review"> => ({ do: "review", by, verdict });
const approve = says("reviewer", "approve");
const object = says("reviewer", "request-changes");
const comment = says("reviewer", "comment");
const dismiss = says("reviewer", "dismiss");
const other = says("second", "approve");
const bringing = (brings: Brings): StepOf<"propose"> => ({ do: "propose", by: "author", brings });
const MAIL = "http.request POST https://mail.test";
const PAY = "http.request POST https://pay.test";
const GRANT = "grant `cap_http`: `http.out` may now reach pay.test";
const LIMIT = "policy `demo/p@1`: pay.test is denied to reducers";
const TWO_FILES: FileChanges = { "air/one.txt": "1\n", "air/two.txt": "2\n" };
const policyText = (policy: object): string => `${JSON.stringify(policy)}\n`;

export const reviewHistories: readonly ReviewHistory[] = [
  { name: "nobody has reviewed", steps: [proposed], expect: "refused", says: "0 of 1 approvals" },
  { name: "approved", steps: [proposed, approve], expect: "approved", says: "1 of 1 approvals: reviewer" },
  { name: "approved, then changes asked for", steps: [proposed, approve, object], expect: "refused", says: "reviewer asks for changes" },
  { name: "changes asked for, then approved", steps: [proposed, object, approve], expect: "approved", says: "1 of 1 approvals" },
  { name: "approved, then a comment", steps: [proposed, approve, comment], expect: "approved", says: "1 of 1 approvals" },
  { name: "a comment alone", steps: [proposed, comment], expect: "refused", says: "has only commented" },
  { name: "approved, then taken back", steps: [proposed, approve, dismiss], expect: "refused", says: "has withdrawn the review" },
  { name: "an objection is taken back: the approval before it does not come back", steps: [proposed, approve, object, dismiss], expect: "refused", says: "0 of 1 approvals" },
  { name: "an objection is taken back, and another approves", steps: [proposed, object, dismiss, other], expect: "approved", says: "1 of 1 approvals: second" },
  { name: "one approves, another asks for changes", steps: [proposed, other, object], expect: "refused", says: "reviewer asks for changes" },
  { name: "one approves, another's objection is taken back", steps: [proposed, other, object, dismiss], expect: "approved", says: "1 of 1 approvals" },
  { name: "an objection to an older head stands", steps: [proposed, object, { do: "push", files: { "air/more.txt": "m\n" } }, other], expect: "refused", says: "reviewer asks for changes" },

  { name: "other content is pushed after the approval", steps: [proposed, approve, { do: "push", files: { "air/more.txt": "m\n" } }], expect: "refused", says: "voided: air/more.txt changed since" },
  { name: "pushed while it was read: the approval is of the head before", steps: [proposed, { do: "push", files: { "air/more.txt": "m\n" } }, { ...approve, of: "first" }], expect: "refused", says: "voided: air/more.txt changed since" },
  { name: "pushed, and approved once more", steps: [proposed, approve, { do: "push", files: { "air/more.txt": "m\n" } }, approve], expect: "approved", says: "1 of 1 approvals" },
  { name: "another proposal takes its name after the approval", steps: [proposed, approve, { do: "rebase", files: { "air/other.txt": "o\n" } }], expect: "refused", says: "voided: air/other.txt changed since" },
  { name: "a rebase that changes nothing", steps: [proposed, approve, { do: "rebase" }], expect: "approved", says: "1 of 1 approvals" },
  { name: "a rebase on a main that moved", steps: [proposed, approve, { do: "main", files: { "air/main.txt": "m\n" } }, { do: "rebase" }], expect: "approved", says: "kept: the same changes with the same consequences" },
  { name: "main moved, the branch did not", steps: [proposed, approve, { do: "main", files: { "air/main.txt": "m\n" } }], expect: "approved", says: "kept: the same changes with the same consequences" },
  { name: "a file is taken out after the approval", steps: [{ ...proposed, files: TWO_FILES }, approve, { do: "push", files: { "air/two.txt": null } }], expect: "approved", says: "kept: only takes away air/two.txt" },
  { name: "an effect is taken out after the approval", steps: [{ ...bringing({ adds: [MAIL, PAY] }), files: TWO_FILES }, approve, { do: "push", files: { "air/two.txt": null }, brings: { adds: [MAIL] } }], expect: "approved", says: `kept: only takes away air/two.txt, effect ${PAY}` },
  { name: "the world moved on, and the same files would do more", steps: [bringing({ adds: [MAIL] }), approve, { do: "rerun", brings: { adds: [MAIL, PAY] } }], expect: "refused", says: `voided: adds effect ${PAY}` },
  { name: "the world moved on, and the same files would do less", steps: [bringing({ adds: [MAIL, PAY] }), approve, { do: "rerun", brings: { adds: [MAIL] } }], expect: "approved", says: `kept: only takes away effect ${PAY}` },
  { name: "a limit is taken out after the approval", steps: [{ ...bringing({ widens: [GRANT], narrows: [LIMIT] }), files: TWO_FILES }, approve, { do: "push", files: { "air/two.txt": null }, brings: { widens: [GRANT] } }], expect: "refused", says: "voided: no longer has policy `demo/p@1`" },
  { name: "the policy of main changes after the approval", steps: [proposed, approve, { do: "main", files: { ".aos/policy.json": policyText({ ...BASE, rules: [] }) } }], expect: "refused", says: "has approved something else" },

  { name: "the author approves", steps: [proposed, says("author", "approve")], expect: "refused", says: "is an author of the proposal" },
  { name: "a reviewer adds a commit: an author now", steps: [proposed, { do: "push", by: "reviewer", files: { "air/more.txt": "m\n" } }, approve], expect: "refused", says: "is an author of the proposal" },
  { name: "an agent approves", steps: [proposed, says("helper", "approve")], expect: "refused", says: "is an agent, whose review weighs nothing" },
  { name: "CI approves", steps: [proposed, says("runner", "approve")], expect: "refused", says: "is a CI, whose review weighs nothing" },
  { name: "the controller approves", steps: [proposed, says("ctl", "approve")], expect: "refused", says: "is a controller, whose review weighs nothing" },
  { name: "an agent asks for changes, a person approves", steps: [proposed, says("helper", "request-changes"), approve], expect: "approved", says: "1 of 1 approvals" },
  { name: "an agent's proposal, approved by a person", steps: [byAgent, approve], expect: "approved", says: "1 of 1 approvals" },
  { name: "an agent's proposal, approved by itself", steps: [byAgent, says("helper", "approve")], expect: "refused", says: "weighs nothing" },
  { name: "a key that nobody has", steps: [proposed, says("stranger", "approve")], expect: "refused", says: "a key that nobody here has" },
  { name: "an approval of a commit that nobody has", steps: [proposed, { ...approve, of: "nothing" }], expect: "refused", says: "has approved something else" },

  { name: "two needed, two keys of one person", policy: TWO, steps: [proposed, approve, says("reviewer-laptop", "approve")], expect: "refused", says: "1 of 2 approvals: reviewer" },
  { name: "two keys of one person disagree: the last word counts", steps: [proposed, approve, says("reviewer-laptop", "request-changes")], expect: "refused", says: "reviewer asks for changes" },
  { name: "two needed, two given", policy: TWO, steps: [proposed, approve, other], expect: "approved", says: "2 of 2 approvals: reviewer, second" },
  { name: "a key that was retired before", steps: [proposed, { do: "retire", key: "reviewer", principal: "reviewer" }, approve], expect: "refused", says: "a retired key of reviewer" },
  { name: "a key that was retired after", steps: [proposed, approve, { do: "retire", key: "reviewer", principal: "reviewer" }], expect: "refused", says: "a retired key of reviewer" },
  { name: "a key that was retired, the person's other one approves", steps: [proposed, { do: "retire", key: "reviewer", principal: "reviewer" }, says("reviewer-laptop", "approve")], expect: "approved", says: "1 of 1 approvals" },
  { name: "a person who is gone had approved", steps: [proposed, approve, { do: "remove", principal: "reviewer" }], expect: "refused", says: "a key that nobody here has" },
  { name: "a person who is gone had objected", steps: [proposed, object, other, { do: "remove", principal: "reviewer" }], expect: "approved", says: "1 of 1 approvals: second" },
  { name: "a person is called otherwise since the approval", steps: [proposed, approve, { do: "rename", principal: "reviewer", to: "reviewer-of-old" }], expect: "approved", says: "1 of 1 approvals" },
  { name: "130 reviews, the objection on the last page", steps: [proposed, other, approve, { ...comment, times: 128 }, object], expect: "refused", says: "reviewer asks for changes" },
  { name: "130 reviews, the approval on the last page", steps: [proposed, { ...comment, times: 129 }, approve], expect: "approved", says: "1 of 1 approvals" },
  { name: "nothing was reported", steps: [{ ...proposed, reported: false }, approve], expect: "refused", says: "no shadow report on this head" },

  { name: "enough only under the rules that it brings", steps: [{ do: "propose", by: "author", files: { ".aos/policy.json": policyText({ ...BASE, approvals: 0 }) } }, approve], expect: "refused", says: "1 of 2 approvals: reviewer (a change of .aos" },
  { name: "a change of the rules that enough persons approve", steps: [{ do: "propose", by: "author", files: { ".aos/policy.json": policyText({ ...BASE, approvals: 0 }) } }, approve, other], expect: "approved", says: "2 of 2 approvals" },
  { name: "a change of the rules among other files", steps: [{ do: "propose", by: "author", files: { ".aos/policy.json": policyText(TWO), "air/one.txt": "1\n" } }, approve, other], expect: "refused", says: "a change of the rules stands alone" },
  { name: "an agent proposes that nothing needs approval", steps: [{ do: "propose", by: "helper", files: { ".aos/policy.json": policyText({ ...BASE, approvals: 0, shadow: "optional" }) } }, says("helper", "approve")], expect: "refused", says: "0 of 2 approvals" },
  { name: "wider authority, one of two approvals", policy: WIDENING, steps: [bringing({ widens: [GRANT] }), approve], expect: "refused", says: "1 of 2 approvals: reviewer (the policy asks for 2" },
  { name: "wider authority, two approvals", policy: WIDENING, steps: [bringing({ widens: [GRANT] }), approve, other], expect: "approved", says: "makes more possible for grant `cap_http` and nothing else" },
  { name: "wider authority together with a plan", policy: WIDENING, steps: [bringing({ widens: [GRANT], changes: ["defplan demo/pay@1"] }), approve, other], expect: "refused", says: "together with 1 other definition (demo/pay@1): that stands alone" },
  { name: "nothing wider under a policy that asks for more then", policy: WIDENING, steps: [bringing({ narrows: [LIMIT] }), approve], expect: "approved", says: "1 of 1 approvals" },

  { name: "an effect that the policy forbids", policy: rule({ when: { effects_added: ["* https://pay.test*"] }, deny: "nothing pays from here" }), steps: [bringing({ adds: [PAY] }), approve, other], expect: "refused", says: `rule ours (adds ${PAY}): nothing pays from here` },
  { name: "a role's word is needed, another approves", policy: rule({ when: { kinds: ["defplan"] }, require: { from: [{ role: "security", count: 1 }] } }), roles: { security: ["second"] }, steps: [bringing({ changes: ["defplan demo/pay@1"] }), approve], expect: "refused", says: "0 of 1 from role security" },
  { name: "a role's word is needed and given", policy: rule({ when: { kinds: ["defplan"] }, require: { from: [{ role: "security", count: 1 }] } }), roles: { security: ["second"] }, steps: [bringing({ changes: ["defplan demo/pay@1"] }), other], expect: "approved", says: "1 of 1 from role security: second" },
  { name: "an agent's proposal needs two", policy: rule({ when: { proposer: "agent" }, require: { approvals: 2 } }), steps: [byAgent, approve], expect: "refused", says: "rule ours (proposed by an agent): 1 of 2 approvals" },
  { name: "a person's proposal does not", policy: rule({ when: { proposer: "agent" }, require: { approvals: 2 } }), steps: [proposed, approve], expect: "approved", says: "1 of 1 approvals" },
  { name: "a clean run is needed, and a step failed", policy: rule({ when: {}, require: { shadow: "clean" } }), steps: [bringing({ failures: 1 }), approve], expect: "refused", says: "needs a clean shadow run, and this one has 1 failure" },
  { name: "a clean run is needed, and was", policy: rule({ when: {}, require: { shadow: "clean" } }), steps: [bringing({ adds: [MAIL] }), approve], expect: "approved", says: "its shadow run is clean" },
  { name: "on a Saturday", policy: OFFICE, at: SATURDAY_NOON, steps: [proposed, approve], expect: "refused", says: "sat 12:00 UTC is no time for changes" },
  { name: "on a Monday", policy: OFFICE, at: MONDAY_NOON, steps: [proposed, approve], expect: "approved", says: "mon 12:00 UTC is a time for changes" },
];
