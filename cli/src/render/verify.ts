// The verdict on a clone: what was looked at, what it came to, and what does not hold.

import type { VerifyReport } from "@agentos/controller";
import { count, short, shown, type Style } from "./style.ts";

/** The place by seq, commit and file, as far as it is known, then the sentence. */
export function problemText({ seq, commit, file, message }: VerifyReport["problems"][number]): string {
  const place = [seq === undefined ? "" : `seq ${seq}`, commit === undefined ? "" : `commit ${short(commit)}`, file ?? ""].filter((part) => part !== "");
  return place.length === 0 ? message : `${place.join(", ")}: ${message}`;
}

const PROBLEMS_SHOWN = 10;

export function verifyLines({ ok, checked, replayed, pending, reworded, problems }: VerifyReport, style: Style): readonly string[] {
  const counts = [count(checked.seals, "seal"), count(checked.records, "record"), count(checked.receipts, "receipt"), ...(checked.approvals === 0 ? [] : [count(checked.approvals, "approval")]), count(checked.decisions, "decision"), count(checked.reviews, "review")];
  const looked = `looked at ${counts.join(", ")}`;
  const failed = problems.slice(0, PROBLEMS_SHOWN).map((problem) => `${style.red("fails")} ${shown(problemText(problem))} ${style.dim(`(${problem.code})`)}`);
  const more = problems.length > PROBLEMS_SHOWN ? [`and ${problems.length - PROBLEMS_SHOWN} more`] : [];
  const verdict = ok ? `${style.green("verified")}  ${looked}` : `${style.red("not verified")}  ${looked}`;
  const root = replayed === undefined ? [] : [`replayed ${count(replayed.seq, "record")} alike, state root ${replayed.stateRoot}`];
  const waiting = pending.length === 0 ? [] : [`not in force yet: ${pending.map(short).join(", ")}`];
  const words = reworded.map((text) => `other words: ${shown(text)}`);
  return [...failed, ...more, verdict, ...(ok ? root : []), ...waiting, ...words];
}
