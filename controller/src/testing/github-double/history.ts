// Plays a review history on GitHub: the same proposals and reports, the reviews by accounts, witnessed by the controller.

import { assert } from "@agentos/kernel";
import type { Decision } from "../../governance/decision.ts";
import type { AtEnd } from "../at-end.ts";
import { principalNamed, type KeyName } from "../governed-world.ts";
import { beginPlay, judged, NOBODYS, playChange, SLUG, type Played } from "../history-play.ts";
import type { ReviewHistory, Step } from "../review-histories.ts";
import type { Actor } from "./state.ts";
import { ACCOUNTS, githubTrust, githubWorld, type GithubWorld } from "./world.ts";

const STATES = { approve: "APPROVED", "request-changes": "CHANGES_REQUESTED", comment: "COMMENTED" } as const;

/** Keys and how they end are no matter of accounts: such histories are told by signed reviews alone. */
export function isAboutAccounts({ steps }: ReviewHistory): boolean {
  return steps.every((step) => step.do !== "retire" && step.do !== "remove" && step.do !== "rename");
}

interface Shown {
  readonly here: GithubWorld;
  readonly played: Played;
  pull: number | undefined;
}

export async function playOnGithub(t: AtEnd, history: ReviewHistory): Promise<Decision> {
  const { policy, roles, steps } = history;
  const here = await githubWorld(t, { ...(policy === undefined ? {} : { policy: `${JSON.stringify(policy)}\n` }), ...(roles === undefined ? {} : { trust: githubTrust({ roles }) }) });
  const shown: Shown = { here, played: beginPlay(here.world), pull: undefined };
  for (const step of steps) await play(shown, step);
  return (await judged(here.world, history)).decision;
}

async function play(shown: Shown, step: Step): Promise<void> {
  switch (step.do) {
    case "review":
      return review(shown, step);
    case "retire": case "remove": case "rename":
      throw new Error(`${step.do}: no matter of accounts`);
    default:
      await playChange(shown.played, step);
      return show(shown);
  }
}

/** Reports on the proposal as it is, and shows it on its pull request. */
async function show(shown: Shown): Promise<void> {
  const { here: { world, double, round }, played } = shown;
  const head = await world.head(SLUG);
  if (played.reported) await world.report(head, { by: "ctl", brings: played.brings });
  shown.pull ??= double.openPull({ ref: `proposals/${SLUG}`, sha: head, by: ACCOUNTS.author });
  const pull = double.state.pulls.get(shown.pull);
  assert(pull !== undefined, "the pull request is open");
  pull.head = { ...pull.head, sha: head };
  double.tick();
  await round();
  double.tick();
}

async function review({ here, played: { first }, pull }: Shown, { by, verdict, of, times = 1 }: Extract<Step, { do: "review" }>): Promise<void> {
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
