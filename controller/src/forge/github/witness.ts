// What people say in reviews on GitHub is written into the repository, signed by the controller that saw it: from there on it is
// judged, recorded and derived again like any other review.

import { AosError, isHash, type Hash } from "@agentos/kernel";
import type { SigningKey } from "../../git/ed25519.ts";
import type { Oid } from "../../git/objects.ts";
import { mergeBase, mergeTree } from "../../git/repo.ts";
import { cidOf } from "../../governance/decision.ts";
import { policyHash } from "../../governance/policy.ts";
import type { Review } from "../../governance/review.ts";
import { keyId } from "../../governance/ssh-key.ts";
import type { Local, ShadowFound } from "../forge.ts";
import { readReviewLines, writeReview } from "../local-reviews.ts";
import { readRules } from "../rules.ts";
import type { GithubApi, GithubStatus, Pull } from "./api.ts";
import { collapse, type LastWord } from "./collapse.ts";

/** The context of the status that says what an approval given from then on binds to. */
export const REPORT_CONTEXT = "aos/report";
const BINDS = /^binds (sha256:[0-9a-f]{64})\b/;

/** @returns the description of a status that names a content id */
export function bindsText(cid: Hash): string {
  return `binds ${cid}`;
}

export interface Witness {
  readonly local: Local;
  readonly api: GithubApi;
  readonly key: SigningKey;
  /** The controller's principal. */
  readonly principal: string;
  readonly world: Hash;
  /** This controller's word on a merge that would stand behind others on main; undefined when it has none. @throws AosError for one that could not come into force */
  readonly foresee?: (merge: { readonly base: Oid; readonly head: Oid; readonly tree: Oid }) => Promise<ShadowFound | undefined>;
}
interface Witnessed {
  /** Lines that were written. */
  readonly written: number;
  /** Sentences about what cannot count. */
  readonly faults: readonly string[];
}

/**
 * Writes down the last word of every account on a pull request where it is not the one written down before. Accounts that no
 * principal of main has are named and not written down.
 */
export async function witnessReviews(witness: Witness, subject: { readonly pull: Pull; readonly slug: string; readonly main: Oid }): Promise<Witnessed> {
  const { local, api, world } = witness;
  const { pull, slug, main } = subject;
  const { words, faults } = collapse(await api.reviews(pull.number));
  const { trust } = await readRules(local.store, main);
  const known = await lastWitnessed(witness, slug);
  const problems = [...faults];
  let written = 0;
  for (const word of words) {
    const principal = trust.principals.find(({ github }) => github === word.user);
    if (principal === undefined) {
      problems.push(`${word.login} (account ${word.user}) is no principal of this world`);
      continue;
    }
    const before = known.get(word.user);
    if (before?.via?.review === word.review && before.verdict === word.verdict) continue;
    if (before === undefined && word.verdict === "dismiss") continue;
    const head = word.commit ?? before?.head;
    if (head === undefined) {
      problems.push(`${principal.name}: review ${word.review} names no commit`);
      continue;
    }
    const cid = word.verdict === "approve" ? await boundTo(witness, { word, head, main }) : (before?.cid ?? world);
    if (cid === undefined) {
      problems.push(`${principal.name}: review ${word.review} is of ${head.slice(0, 12)}, which does not merge into main`);
      continue;
    }
    const via = { forge: "github", user: word.user, review: word.review, principal: principal.name } as const;
    await writeReview(local, { world, proposal: slug, head, verdict: word.verdict, cid, message: word.message, via }, { key: witness.key, principal: witness.principal, timeSeconds: word.timeSeconds });
    written++;
  }
  return { written, faults: problems };
}

/** The last line of each account about a proposal, as far as this controller wrote it: anybody may write such a line into their notes. */
async function lastWitnessed({ local, key }: Witness, slug: string): Promise<ReadonlyMap<number, Review>> {
  const { lines } = await readReviewLines(local, { wanted: (review) => review.proposal === slug && review.via !== undefined });
  const own = keyId(key.publicKey);
  const last = new Map<number, Review>();
  for (const line of lines) if (line.review.via !== undefined && line.key === own && line.commitKey === own) last.set(line.review.via.user, line.review);
  return last;
}

/**
 * What an approval binds to: what this controller said on that commit, by GitHub's clock, before the reviewer spoke. Who
 * approves before there is a report approves the content and no consequences.
 *
 * @returns undefined when there is nothing that could be merged
 */
async function boundTo({ local, api }: Witness, { word, head, main }: { readonly word: LastWord; readonly head: Oid; readonly main: Oid }): Promise<Hash | undefined> {
  const { userId } = await api.self();
  const said = lastBinding(await statusesOf(api, head), { userId, beforeSeconds: word.timeSeconds });
  if (said !== undefined) return said;
  try {
    if ((await local.store.read(head)) === undefined || (await mergeBase(local.repo, main, head)) === undefined) return undefined;
    const { policy } = await readRules(local.store, main);
    return cidOf({ policyHash: policyHash(policy), tree: await mergeTree(local.repo, main, head), manifestHash: null, consequencesHash: null });
  } catch (error) {
    if (error instanceof AosError && error.code === "git.conflict") return undefined;
    throw error;
  }
}

/** A commit that GitHub has forgotten has no statuses. */
async function statusesOf(api: GithubApi, head: Oid): Promise<readonly GithubStatus[]> {
  try {
    return await api.statuses(head);
  } catch (error) {
    if (error instanceof AosError && (error.code === "github.missing" || error.code === "github.invalid")) return [];
    throw error;
  }
}

/** The content id that our own last status before a moment names. Anybody who may push may post a status: others' are not read. */
function lastBinding(statuses: readonly GithubStatus[], options: { readonly userId: number; readonly beforeSeconds: number }): Hash | undefined {
  const own = statuses
    .map((status, position) => ({ ...status, position, seconds: Math.floor(Date.parse(status.created_at) / 1000) }))
    .filter(({ context, creator, seconds }) => context === REPORT_CONTEXT && creator?.id === options.userId && seconds < options.beforeSeconds)
    .sort((a, b) => b.seconds - a.seconds || a.position - b.position);
  const cid = BINDS.exec(own[0]?.description ?? "")?.[1];
  return cid !== undefined && isHash(cid) ? cid : undefined;
}
