// The verdict on a clone: what was looked at, what it came to, and what does not hold.

import { count, short, shown, type Style } from "./style.ts";

export interface VerifyView {
  readonly ok: boolean;
  readonly checked: { readonly seals: number; readonly records: number; readonly receipts: number; readonly decisions: number; readonly reviews: number };
  readonly replayed?: { readonly stateRoot: string; readonly seq: number };
  /** Merges on main that are not applied yet. */
  readonly pending: readonly string[];
  readonly problems: readonly { readonly seq?: number; readonly commit?: string; readonly file?: string; readonly code: string; readonly message: string }[];
}

const PROBLEMS_SHOWN = 10;

export function verifyLines({ ok, checked, replayed, pending, problems }: VerifyView, style: Style): readonly string[] {
  const counts = [count(checked.seals, "seal"), count(checked.records, "record"), count(checked.receipts, "receipt"), count(checked.decisions, "decision"), count(checked.reviews, "review")];
  const looked = `looked at ${counts.join(", ")}`;
  const failed = problems.slice(0, PROBLEMS_SHOWN).map((problem) => {
    const place = [problem.seq === undefined ? "" : `seq ${problem.seq}`, problem.commit === undefined ? "" : `commit ${short(problem.commit)}`, problem.file ?? ""].filter((part) => part !== "");
    return `${style.red("fails")} ${place.length === 0 ? "" : `${place.map(shown).join(", ")}: `}${shown(problem.message)} ${style.dim(`(${problem.code})`)}`;
  });
  const more = problems.length > PROBLEMS_SHOWN ? [`and ${problems.length - PROBLEMS_SHOWN} more`] : [];
  const verdict = ok ? `${style.green("verified")}  ${looked}` : `${style.red("not verified")}  ${looked}`;
  const root = replayed === undefined ? [] : [`replayed ${count(replayed.seq, "record")} alike, state root ${replayed.stateRoot}`];
  const waiting = pending.length === 0 ? [] : [`not in force yet: ${pending.map(short).join(", ")}`];
  return [...failed, ...more, verdict, ...(ok ? root : []), ...waiting];
}
