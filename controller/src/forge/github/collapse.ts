// Reviews as GitHub lists them become one last word an account.

import type { Oid } from "../../git/objects.ts";
import type { ReviewVerdict } from "../../governance/review.ts";
import type { GithubReview } from "./api.ts";

/** The review that speaks for an account now. */
export interface LastWord {
  readonly user: number;
  readonly login: string;
  readonly review: number;
  readonly verdict: Exclude<ReviewVerdict, "comment">;
  /** Null: GitHub has forgotten what was looked at. */
  readonly commit: Oid | null;
  /** Seconds since 1970, by GitHub's clock. */
  readonly timeSeconds: number;
  readonly message: string;
}
interface Collapsed {
  /** By account, in order of time. */
  readonly words: readonly LastWord[];
  /** Sentences about reviews that can be nobody's word. */
  readonly faults: readonly string[];
}

const VERDICTS: Readonly<Record<string, LastWord["verdict"]>> = { APPROVED: "approve", CHANGES_REQUESTED: "request-changes", DISMISSED: "dismiss" };

/**
 * The last of approve, request-changes and dismissed counts, by time and then by id. A comment withdraws nothing and a pending
 * review is not said yet; a dismissed one revives nothing that was said before it. Accounts are known by id: logins change
 * hands. What a bot says is nobody's word. The API writes states in capitals, webhooks in small letters.
 */
export function collapse(reviews: readonly GithubReview[]): Collapsed {
  const faults: string[] = [];
  const last = new Map<number, LastWord>();
  const said = reviews.flatMap((review) => {
    const verdict = VERDICTS[review.state.toUpperCase()];
    const timeMs = Date.parse(review.submitted_at ?? "");
    return verdict === undefined || Number.isNaN(timeMs) ? [] : [{ ...review, verdict, timeSeconds: Math.floor(timeMs / 1000) }];
  });
  said.sort((a, b) => a.timeSeconds - b.timeSeconds || a.id - b.id);
  for (const { id, user, verdict, commit_id: commit, timeSeconds, body } of said) {
    if (user === null) faults.push(`review ${id}: its account is gone`);
    else if (user.type !== undefined && user.type !== "User") faults.push(`review ${id}: by ${user.login}, which is no person's account (${user.type})`);
    else last.set(user.id, { user: user.id, login: user.login, review: id, verdict, commit, timeSeconds, message: (body ?? "").slice(0, MESSAGE_MAX) });
  }
  return { words: [...last.values()].sort((a, b) => a.timeSeconds - b.timeSeconds || a.review - b.review), faults };
}

const MESSAGE_MAX = 500;
