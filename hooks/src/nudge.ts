// Tells the controller of a repository that something was pushed.

import { AosError } from "@agentos/kernel";
import { configGet, connectWorld, openRepo } from "@agentos/controller";
import type { Repo } from "@agentos/controller";

/** Setting of a repository that names the one of the controller beside it. */
export const CONTROLLER_SETTING = "aos.controller";

/** A controller that is busy answers late, and nobody waits for this: the hook runs it in the background. */
const ANSWER_TIMEOUT_MS = 10_000;

/**
 * A nudge says "look now" and nothing else. Who does not answer looks by itself, later.
 *
 * @returns whether a controller answered: the one of this repository, or the one that it names
 */
export async function nudge(repo: Repo): Promise<"answered" | "nobody"> {
  const beside = await configGet(repo, CONTROLLER_SETTING);
  for (const place of [repo, ...(beside === undefined ? [] : [beside])]) if (await withinTime(ask(place))) return "answered";
  return "nobody";
}

async function ask(place: Repo | string): Promise<boolean> {
  try {
    const client = await connectWorld(typeof place === "string" ? await openRepo(place) : place);
    if (client === undefined) return false;
    await client.ask("POST", "/nudge");
    return true;
  } catch (cause) {
    if (cause instanceof AosError) return false;
    throw cause;
  }
}

function withinTime(answer: Promise<boolean>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(false), ANSWER_TIMEOUT_MS);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
