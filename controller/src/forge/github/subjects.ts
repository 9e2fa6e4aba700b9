// The proposals among pull requests: what each is called here, and what to fetch of it.

import { isSlug } from "../../governance/review.ts";
import { PROPOSALS_PREFIX } from "../local.ts";
import type { Pull } from "./api.ts";

/** Of branches in the repository; `pr-<number>` is a pull request from any other branch or from a fork. */
const BRANCH = /^proposals\/(.+)$/;
/** More open pull requests than that are not looked at, newest first. */
const PULLS_MAX = 500;

export interface Subject {
  readonly pull: Pull;
  readonly slug: string;
}

/** The proposals among pull requests, and how the head of each is called as a proposal. */
export function subjectsOf(pulls: readonly Pull[]): readonly Subject[] {
  return pulls.slice(0, PULLS_MAX).map((pull) => {
    const branch = pull.head.repo !== null && pull.head.repo.id === pull.base.repo?.id ? BRANCH.exec(pull.head.ref)?.[1] : undefined;
    const own = branch !== undefined && isSlug(branch) && !/^pr-\d+$/.test(branch);
    return { pull, slug: own ? branch : `pr-${pull.number}` };
  });
}

/**
 * What to fetch beside the branches: the heads of pull requests that are no branch `proposals/*` here. Names `pr-*` are theirs,
 * so that nobody's branch passes for a pull request.
 */
export function pullRefspecs(subjects: readonly Subject[]): readonly string[] {
  const foreign = subjects.filter(({ pull, slug }) => slug === `pr-${pull.number}`);
  return [`^${PROPOSALS_PREFIX}pr-*`, ...foreign.map(({ pull, slug }) => `+refs/pull/${pull.number}/head:${PROPOSALS_PREFIX}${slug}`)];
}
