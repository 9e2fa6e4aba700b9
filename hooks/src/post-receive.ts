// After a push: the controller is told; where none answers, the pushed proposals are rehearsed here.

import { PROPOSALS_PREFIX, isSlug, openRepo } from "@agentos/controller";
import { nudge } from "./nudge.ts";
import type { PushedLine } from "./pre-receive.ts";
import { enqueue, startWorker } from "./shadow-queue.ts";

/**
 * A controller that answers makes the signed report of every proposal, so a second run would tell nothing. Nothing here can
 * undo the push or hold up whoever pushed.
 *
 * @param entry - the program that runs a hook by its name: the worker is one of them
 */
export async function postReceive(gitDir: string, lines: readonly PushedLine[], { entry }: { readonly entry: string }): Promise<{ readonly nudged: "answered" | "nobody"; readonly rehearsed: readonly string[] }> {
  const repo = await openRepo(gitDir);
  const nudged = await nudge(repo);
  const slugs = lines.flatMap(({ new: next, ref }) => (/^0+$/.test(next) || !ref.startsWith(PROPOSALS_PREFIX) ? [] : [ref.slice(PROPOSALS_PREFIX.length)])).filter(isSlug);
  if (nudged === "answered" || slugs.length === 0) return { nudged, rehearsed: [] };
  const rehearsed = await enqueue(repo, slugs);
  if (rehearsed.length > 0) startWorker(repo, entry);
  return { nudged, rehearsed };
}
