// The merge commit of a proposal: what it holds, what its message says, and how to read that again.

import { AosError, isHash } from "@agentos/kernel";
import type { Hash } from "@agentos/kernel";
import type { SigningKey } from "../git/ed25519.ts";
import { commitObject } from "../git/objects.ts";
import type { Oid } from "../git/objects.ts";
import { decisionHash } from "../governance/decision-value.ts";
import { isSlug } from "../governance/review.ts";
import type { Answer, Local } from "./forge.ts";

interface MergeTrailers {
  readonly slug: string;
  /** Of the recorded decision. */
  readonly decision: Hash;
  readonly cid: Hash;
}

const TITLE_MAX = 200;

export function mergeMessage(trailers: MergeTrailers, title: string): string {
  const line = title.replaceAll(/\p{Cc}+/gu, " ").trim().slice(0, TITLE_MAX);
  return `Merge proposal '${trailers.slug}': ${line}\n\nProposal: ${trailers.slug}\nDecision: ${trailers.decision}\nCid: ${trailers.cid}\n`;
}

/** @returns what the message of a merge says of its proposal, or undefined when it is not one of ours */
export function parseMergeMessage(message: string): MergeTrailers | undefined {
  const trailers = new Map<string, string[]>();
  for (const line of message.trimEnd().slice(message.trimEnd().lastIndexOf("\n\n") + 2).split("\n")) {
    const [, name, value] = /^([A-Za-z-]+): (\S+)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) trailers.set(name, [...(trailers.get(name) ?? []), value]);
  }
  const only = (name: string): string => {
    const values = trailers.get(name) ?? [];
    return values.length === 1 ? (values[0] ?? "") : "";
  };
  const [slug, decision, cid] = [only("Proposal"), only("Decision"), only("Cid")];
  return isSlug(slug) && isHash(decision) && isHash(cid) ? { slug, decision, cid } : undefined;
}

/**
 * Builds and writes the signed merge commit of an approved proposal: parents base and head, the tree that was decided on. No
 * ref moves; the commit is safe from git's housekeeping until `release`.
 *
 * @throws AosError `merge.refused` (class refused) for a decision that is not "approved", with the reasons
 */
export async function mergeCommit(
  { store }: Local,
  answer: Answer,
  options: { readonly title: string; readonly key: SigningKey; readonly principal: string; readonly timeSeconds: number },
): Promise<{ readonly commit: Oid; release(): Promise<void> }> {
  const { inputs, decision, tree } = answer;
  if (decision.verdict !== "approved" || tree === null || decision.cid === null) throw refusal(answer);
  const parents = [inputs.base, inputs.head];
  const dates = (await Promise.all(parents.map((parent) => store.readCommit(parent)))).map(({ committer }) => committer.time);
  const identity = { name: options.principal, email: `${options.principal}@aos`, time: Math.max(options.timeSeconds, ...dates.map((date) => date + 1)), tz: "+0000" };
  const message = mergeMessage({ slug: inputs.proposal, decision: decisionHash(inputs, decision), cid: decision.cid }, options.title);
  const commit = commitObject({ tree, parents, author: identity, committer: identity, message }, options.key);
  const pack = await store.writePack([commit]);
  return { commit: commit.oid, release: () => pack.release() };
}

function refusal({ inputs, decision }: Answer): AosError {
  const reasons = decision.reasons.filter(({ holds }) => !holds).map(({ text }) => text);
  return new AosError("merge.refused", `proposal ${inputs.proposal}: not approved: ${reasons.join("; ")}`, { class: "refused", data: { reasons } });
}
