// What every player of a review history does alike: the world it plays in, and the steps that change the proposal or main.

import { gatherDecision } from "../forge/gather.ts";
import type { Answer } from "../forge/forge.ts";
import { MAIN_REF, PROPOSALS_PREFIX } from "../forge/local.ts";
import type { Oid } from "../git/objects.ts";
import type { Brings } from "./brings.ts";
import type { FileChanges, GovernedWorld } from "./governed-world.ts";
import type { ReviewHistory, Step } from "./review-histories.ts";

/** The proposal that a history is about. */
export const SLUG = "raise-limit";
/** A commit that nobody has. */
export const NOBODYS = "f".repeat(40);

/** A history that is being played. */
export interface Played {
  readonly world: GovernedWorld;
  /** The proposal's first head. */
  first: Oid | undefined;
  files: FileChanges;
  brings: Brings;
  reported: boolean;
}

export function beginPlay(world: GovernedWorld): Played {
  return { world, first: undefined, files: {}, brings: {}, reported: true };
}

/** Changes the proposal, what it brings, or main. The report on it is the player's. */
export async function playChange(played: Played, step: Extract<Step, { do: "propose" | "push" | "rebase" | "rerun" | "main" }>): Promise<void> {
  const { world } = played;
  switch (step.do) {
    case "propose":
      played.files = step.files ?? { "air/a.txt": "changed\n" };
      played.brings = step.brings ?? {};
      played.reported = step.reported ?? true;
      played.first = await world.propose(SLUG, played.files, { by: step.by });
      return;
    case "push":
      played.brings = step.brings ?? played.brings;
      return world.setRef(PROPOSALS_PREFIX + SLUG, await world.commit({ parents: [await world.head(SLUG)], files: step.files, by: step.by ?? "author" }));
    case "rebase":
      played.files = step.files ?? played.files;
      played.brings = step.brings ?? played.brings;
      await world.propose(SLUG, played.files, { by: "author" });
      return;
    case "rerun":
      played.brings = step.brings;
      return;
    case "main":
      return moveMain(world, step.files);
  }
}

export async function moveMain(world: GovernedWorld, files: FileChanges): Promise<void> {
  await world.setRef(MAIN_REF, await world.commit({ parents: [await world.main()], files, by: "author" }));
}

/** What becomes of the proposal. */
export async function judged(world: GovernedWorld, { at }: Pick<ReviewHistory, "at">): Promise<Answer> {
  return gatherDecision(world.local, { base: await world.main(), head: await world.head(SLUG), slug: SLUG, world: world.world, ...(at === undefined ? {} : { timeSeconds: at }) });
}
