// Proposals, reviews and decisions with nothing but a Git repository and keys.

import type { Oid } from "../git/objects.ts";
import { gitIn } from "../git/repo.ts";
import { byName } from "../governance/order.ts";
import { isSlug } from "../governance/review.ts";
import { signerOf, trustInput } from "../governance/signer.ts";
import type { Local, Proposal, ProposalRef } from "./forge.ts";
import { commitsOf } from "./gather.ts";
import { proposalText } from "./proposal-text.ts";
import { readRules } from "./rules.ts";
import { commitSigner } from "./signatures.ts";

export const MAIN_REF = "refs/heads/main";
export const PROPOSALS_PREFIX = "refs/heads/proposals/";

/** All proposals with a well-formed name, by name. */
export async function listProposals({ repo, refs }: Local): Promise<readonly ProposalRef[]> {
  const main = await refs.read(MAIN_REF);
  const merged = main === undefined ? new Set<string>() : await mergedInto(repo, main);
  return [...(await refs.list(PROPOSALS_PREFIX))]
    .map(([ref, head]) => ({ slug: ref.slice(PROPOSALS_PREFIX.length), ref, head, state: merged.has(ref) ? ("merged" as const) : ("open" as const) }))
    .filter(({ slug }) => isSlug(slug));
}

async function mergedInto(repo: Local["repo"], main: Oid): Promise<ReadonlySet<string>> {
  const { stdout } = await gitIn(repo, ["for-each-ref", `--merged=${main}`, "--format=%(refname)", PROPOSALS_PREFIX]);
  return new Set(stdout.toString("utf8").split("\n").filter((line) => line !== ""));
}

/**
 * One proposal with its commits, judged by the keys that main trusts.
 *
 * @returns undefined when there is no such proposal, or no main
 * @throws AosError `trust.missing`, `trust.invalid`, `proposal.size`
 */
export async function readProposal(local: Local, slug: string): Promise<Proposal | undefined> {
  const { repo, store, refs } = local;
  const found = (await listProposals(local)).find((proposal) => proposal.slug === slug);
  const base = await refs.read(MAIN_REF);
  if (found === undefined || base === undefined) return undefined;
  const rules = await readRules(store, base);
  const trust = trustInput(rules.trust, rules.trustHash);
  const oids = await commitsOf(repo, base, found.head);
  const commits = await Promise.all(
    oids.map(async (commit) => {
      const signer = signerOf(trust, await commitSigner(store, commit));
      return { commit, author: signer.known ? signer.name : undefined, why: signer.known ? undefined : signer.why };
    }),
  );
  const messages = (await Promise.all((oids.length === 0 ? [found.head] : oids).map((oid) => store.readCommit(oid)))).map(({ message }) => message);
  const authors = [...new Set(commits.flatMap(({ author }) => (author === undefined ? [] : [author])))].sort(byName);
  return { ...found, base, ...proposalText(messages), commits, authors };
}
