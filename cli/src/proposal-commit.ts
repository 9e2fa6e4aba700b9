// Offers a change as a proposal by a signed commit of its own. The branch at hand, the index and the files stay as they are.

import { commitObject, editTree, type Commit, type Oid, type PathChange, type SigningKey } from "@agentos/controller";
import { placeProposal } from "./offering.ts";
import { requireTakeable } from "./takeable.ts";
import { proposalRef, type Upstream } from "./upstream.ts";

export interface CommitToOffer {
  readonly slug: string;
  /** The first is what the changes are made to. */
  readonly parents: readonly [Oid, ...Oid[]];
  readonly changes: ReadonlyMap<string, PathChange>;
  readonly message: string;
  /** Whoever signs. */
  readonly name: string;
  readonly key: SigningKey;
  /** Since 1970; it is later than its parents all the same. */
  readonly timeSeconds: number;
  readonly replace: boolean;
  /** The command that puts it in the place of another, for what is told. */
  readonly again?: string;
  /** Told of the commit before it leaves. */
  readonly onMade?: (commit: Oid) => Promise<void>;
}
export interface Offered {
  readonly head: Oid;
  readonly outcome: Awaited<ReturnType<typeof placeProposal>>;
}

/** What is offered already is not offered again. @throws AosError as requireTakeable() and placeProposal() */
export async function offerCommit(upstream: Upstream, offer: CommitToOffer): Promise<Offered> {
  const { local: { refs, store } } = upstream;
  const { slug, parents, changes, message, name, key, replace, again } = offer;
  const edited = await editTree(store, (await store.readCommit(parents[0])).tree, changes);
  const tip = await refs.read(proposalRef(slug));
  if (tip !== undefined && isSame(await store.readCommit(tip), { tree: edited.tree, parents, message })) return { head: tip, outcome: "unchanged" };
  const times = await Promise.all(parents.map(async (parent) => (await store.readCommit(parent)).committer.time));
  const identity = { name, email: `${name}@aos`, time: Math.max(offer.timeSeconds, ...times.map((time) => time + 1)), tz: "+0000" };
  const commit = commitObject({ tree: edited.tree, parents, author: identity, committer: identity, message }, key);
  const pack = await store.writePack([...edited.objects, commit]);
  try {
    await requireTakeable(upstream, { slug, head: commit.oid });
    await offer.onMade?.(commit.oid);
    return { head: commit.oid, outcome: await placeProposal(upstream, { slug, head: commit.oid, replace, ...(again === undefined ? {} : { again }) }) };
  } finally {
    await pack.release();
  }
}

function isSame(there: Commit, made: Pick<Commit, "tree" | "parents" | "message">): boolean {
  return there.tree === made.tree && there.message === made.message && there.parents.join() === made.parents.join();
}
