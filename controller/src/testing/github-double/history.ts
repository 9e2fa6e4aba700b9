// Plays a review history on GitHub: the same proposals and reports, the reviews by accounts, witnessed by the controller.

import { assert } from "@agentos/kernel";
import { gatherDecision } from "../../forge/gather.ts";
import { MAIN_REF, PROPOSALS_PREFIX } from "../../forge/local.ts";
import type { Decision } from "../../governance/decision.ts";
import type { Oid } from "../../git/objects.ts";
import type { Brings } from "../brings.ts";
import type { AtEnd } from "../at-end.ts";
import { principalNamed, type FileChanges, type KeyName } from "../governed-world.ts";
import type { ReviewHistory, Step } from "../review-histories.ts";
import type { Actor } from "./state.ts";
import { ACCOUNTS, githubTrust, githubWorld, type GithubWorld } from "./world.ts";

const SLUG = "raise-limit";
const NOBODYS = "f".repeat(40);
const STATES = { approve: "APPROVED", "request-changes": "CHANGES_REQUESTED", comment: "COMMENTED" } as const;

/** Keys and how they end are no matter of accounts: such histories are told by signed reviews alone. */
export function isAboutAccounts({ steps }: ReviewHistory): boolean {
  return steps.every((step) => step.do !== "retire" && step.do !== "remove" && step.do !== "rename");
}

interface Played {
  readonly here: GithubWorld;
  first: Oid | undefined;
  files: FileChanges;
  brings: Brings;
  reported: boolean;
  pull: number | undefined;
}

export async function playOnGithub(t: AtEnd, { policy, roles, at, steps }: ReviewHistory): Promise<Decision> {
  const here = await githubWorld(t, { ...(policy === undefined ? {} : { policy: `${JSON.stringify(policy)}\n` }), ...(roles === undefined ? {} : { trust: githubTrust({ roles }) }) });
  const { world } = here;
  const played: Played = { here, first: undefined, files: {}, brings: {}, reported: true, pull: undefined };
  for (const step of steps) await play(played, step);
  return (await gatherDecision(world.local, { base: await world.main(), head: await world.head(SLUG), slug: SLUG, world: world.world, ...(at === undefined ? {} : { timeSeconds: at }) })).decision;
}

async function play(played: Played, step: Step): Promise<void> {
  const { world } = played.here;
  switch (step.do) {
    case "propose":
      played.files = step.files ?? { "air/a.txt": "changed\n" };
      played.brings = step.brings ?? {};
      played.reported = step.reported ?? true;
      played.first = await world.propose(SLUG, played.files, { by: step.by });
      return show(played);
    case "push":
      played.brings = step.brings ?? played.brings;
      await world.setRef(PROPOSALS_PREFIX + SLUG, await world.commit({ parents: [await world.head(SLUG)], files: step.files, by: step.by ?? "author" }));
      return show(played);
    case "rebase":
      played.files = step.files ?? played.files;
      played.brings = step.brings ?? played.brings;
      await world.propose(SLUG, played.files, { by: "author" });
      return show(played);
    case "rerun":
      played.brings = step.brings;
      return show(played);
    case "main":
      await world.setRef(MAIN_REF, await world.commit({ parents: [await world.main()], files: step.files, by: "author" }));
      return show(played);
    case "review":
      return review(played, step);
    default:
      throw new Error(`${step.do}: no matter of accounts`);
  }
}

/** Reports on the proposal as it is, and shows it on its pull request. */
async function show(played: Played): Promise<void> {
  const { world, double, round } = played.here;
  const head = await world.head(SLUG);
  if (played.reported) await world.report(head, { by: "ctl", brings: played.brings });
  played.pull ??= double.openPull({ ref: `proposals/${SLUG}`, sha: head, by: ACCOUNTS.author });
  const pull = double.state.pulls.get(played.pull);
  assert(pull !== undefined, "the pull request is open");
  pull.head = { ...pull.head, sha: head };
  double.tick();
  await round();
  double.tick();
}

async function review({ here, first, pull }: Played, { by, verdict, of, times = 1 }: Extract<Step, { do: "review" }>): Promise<void> {
  const { double, round } = here;
  assert(pull !== undefined, "there is something to review");
  const actor = accountOf(by);
  for (let count = 0; count < times; count++) {
    double.tick();
    if (verdict === "dismiss") {
      const last = (double.state.reviews.get(pull) ?? []).findLast(({ user, state }) => user?.id === actor.id && (state === "APPROVED" || state === "CHANGES_REQUESTED"));
      if (last !== undefined) double.dismiss(pull, last.id);
    } else {
      double.review(pull, { by: actor, state: STATES[verdict], ...(of === "nothing" && { commit: NOBODYS }), ...(of === "first" && first !== undefined && { commit: first }) });
    }
  }
  await round();
}

/** Both keys of a person are one account; whoever has none there is somebody else. */
function accountOf(key: KeyName): Actor {
  const name = principalNamed(key);
  return Object.hasOwn(ACCOUNTS, name) ? ACCOUNTS[name as keyof typeof ACCOUNTS] : ACCOUNTS.outsider;
}
