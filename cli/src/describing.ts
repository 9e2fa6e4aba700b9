// Gives a proposal its title and text: a signed commit on the branch at hand that changes no file and says them.

import { AosError } from "@agentos/kernel";
import { casRef, commitObject, describingMessage, readRules, type Oid, type SigningKey } from "@agentos/controller";
import { requirePrincipal } from "./signers.ts";
import type { Upstream } from "./upstream.ts";

interface Description {
  readonly slug: string;
  readonly text: string;
  /** The branch at hand, and where it is. */
  readonly branch: string;
  readonly head: Oid;
  readonly key: SigningKey;
  readonly timeSeconds: number;
}

/** @throws AosError `proposal.message` */
export function requireText(text: string): string {
  if (text.trim() === "") throw new AosError("proposal.message", "--message: it is empty", { hint: "a title; after an empty line, what else is to be said" });
  return text;
}

/**
 * Moves the branch to the commit; index and files are as they were. Said again, it is said once.
 *
 * @returns where the branch is then
 * @throws AosError `trust.stranger`, `proposal.raced`
 */
export async function describeProposal({ local: { repo, store }, main }: Upstream, { slug, text, branch, head, key, timeSeconds }: Description): Promise<Oid> {
  const { name } = requirePrincipal((await readRules(store, main)).trust, key);
  const before = await store.readCommit(head);
  const message = describingMessage(slug, text);
  if (before.message === message) return head;
  const identity = { name, email: `${name}@aos`, time: Math.max(timeSeconds, before.committer.time + 1), tz: "+0000" };
  const commit = commitObject({ tree: before.tree, parents: [head], author: identity, committer: identity, message }, key);
  const pack = await store.writePack([commit]);
  try {
    if ((await casRef(repo.commonDir, `refs/heads/${branch}`, head, commit.oid)) === "stale") throw new AosError("proposal.raced", `${branch}: it moved just now`, { class: "outside", hint: "try again" });
    return commit.oid;
  } finally {
    await pack.release();
  }
}
