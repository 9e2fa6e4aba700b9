// A look at the remote: what is there is fetched, what it lacks is pushed, and who else writes there is found.

import { AosError } from "@agentos/kernel";
import { REVIEWS_PREFIX } from "../forge/local-reviews.ts";
import { SHADOW_REF } from "../forge/local-shadow.ts";
import { readRef } from "../git/refs.ts";
import { NOTES_REF } from "../publish/published.ts";
import type { Parts } from "./controller.ts";
import { adoptShadows, fetchAll, publishedElsewhere, trackingRef } from "./remote.ts";
import { keepUnpushed, unpushedBranches } from "./unpushed.ts";

/**
 * Fetches, takes over the reviews of the service where there is one, and has what the remote lacks or lost pushed. Where somebody
 * else has published, the publisher is fenced.
 *
 * @returns whether the shadow notes here were replaced: reports in them may have to be made again
 * @throws AosError `git.*` when the remote does not answer
 */
export async function lookAtRemote({ options, publisher, hosting, principal }: Pick<Parts, "options" | "publisher" | "hosting" | "principal">, remote: string): Promise<"shadows moved" | "shadows kept"> {
  const { repo } = options;
  // A branch that a plan made here and the remote does not have yet would be pruned.
  const made = await unpushedBranches(repo);
  const reviews = `${REVIEWS_PREFIX}${principal}`;
  await fetchAll(repo, remote, { also: [...((await hosting?.refspecs()) ?? []), ...[...made.keys()].map((branch) => `^${branch}`)], isOwn: (ref) => ref === reviews });
  await keepUnpushed(repo, (branch) => publisher.unpushed.includes(branch) || !made.has(branch));
  await hosting?.witness();
  const there = (ref: string): ReturnType<typeof readRef> => readRef(repo.commonDir, trackingRef(remote, ref));
  if ((await readRef(repo.commonDir, reviews)) !== (await there(reviews))) publisher.pushAlso(reviews);
  const elsewhere = await publishedElsewhere(repo, remote);
  if (elsewhere !== undefined) {
    publisher.fence(new AosError("world.fenced", `${remote} has ${elsewhere.theirs.slice(0, 12)} on refs/notes/aos, which this controller did not write`, { class: "refused", hint: "another controller writes this world: stop one of them" }));
  }
  await publisher.remoteHas(await there(NOTES_REF));
  const shadows = await adoptShadows(repo, remote);
  // Where it was taken over there is nothing to push; a push that was rejected for it is settled by one.
  if (shadows !== "same") publisher.pushAlso(SHADOW_REF);
  return shadows === "moved" ? "shadows moved" : "shadows kept";
}
