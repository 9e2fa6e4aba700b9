// Pull requests and their reviews, as GitHub's documentation describes them.

import { account, created, found, gone, invalid, list, NOT_FOUND, problem, pullJson, text, withPull, type Answered, type Asked, type Routes } from "./answers.ts";
import { followBranches, gitAt, gitOr, mergeOf } from "./git.ts";
import { isoTime, type DoubleState, type PullState, type ReviewState } from "./state.ts";

const READ = [["pull_requests", "read"]] as const;
const WRITE = [["pull_requests", "write"]] as const;

export const PULL_ROUTES: Routes = {
  "pulls/list": { needs: READ, answer: ({ state, query }) => list([...state.pulls.values()].reverse().filter((pull) => (query.get("state") ?? "open") === pull.state && (query.get("base") ?? pull.base.ref) === pull.base.ref).map((pull) => pullJson(state, pull))) },
  // Whether it can be merged is computed when somebody asks, so whoever asks first is told null.
  "pulls/get": { needs: READ, answer: (asked) => withPull(asked, (pull) => found({ ...pullJson(asked.state, pull), merged: pull.merged, mergeable: mergeable(pull) })) },
  "pulls/create": { needs: WRITE, answer: create },
  "pulls/update": {
    needs: WRITE,
    answer: (asked) => withPull(asked, (pull) => {
      const { title, state } = asked.body;
      if (text(title)) pull.title = title;
      if (state === "open" || state === "closed") pull.state = state;
      return found(pullJson(asked.state, pull));
    }),
  },
  "pulls/check-if-merged": { needs: READ, answer: (asked) => withPull(asked, ({ merged }) => (merged ? gone : NOT_FOUND)) },
  "pulls/merge": { needs: [["contents", "write"]], answer: (asked) => withPull(asked, (pull) => merge(asked, pull)) },
  "pulls/list-reviews": { needs: READ, answer: (asked) => withPull(asked, (pull) => list((asked.state.reviews.get(pull.number) ?? []).filter((review) => review.state !== "PENDING" || review.user?.id === asked.token.actor.id).map(reviewJson))) },
  "pulls/get-review": { needs: READ, answer: (asked) => withReview(asked, (review) => found(reviewJson(review))) },
  "pulls/create-review": { needs: WRITE, answer: (asked) => withPull(asked, (pull) => createReview(asked, pull)) },
  "pulls/submit-review": {
    needs: WRITE,
    answer: (asked) => withReview(asked, (review, pull) => {
      const state = EVENTS[String(asked.body["event"])];
      if (review.state !== "PENDING" || state === undefined) return invalid("the review was submitted before");
      if (pull.user.id === asked.token.actor.id && state !== "COMMENTED") return OWN;
      Object.assign(review, { state, submitted_at: isoTime(asked.state.seconds) });
      return found(reviewJson(review));
    }),
  },
  "pulls/dismiss-review": {
    needs: WRITE,
    answer: (asked) => withReview(asked, (review) => {
      if (review.state !== "APPROVED" && review.state !== "CHANGES_REQUESTED") return invalid("Can not dismiss a commented pull request review");
      // Its id and its time stay as they were.
      review.state = "DISMISSED";
      return found(reviewJson(review));
    }),
  },
};

const EVENTS: Readonly<Record<string, ReviewState["state"]>> = { APPROVE: "APPROVED", REQUEST_CHANGES: "CHANGES_REQUESTED", COMMENT: "COMMENTED" };
const OWN = problem(422, "Unprocessable Entity: Can not approve your own pull request");

function reviewJson(review: ReviewState): object {
  const { submitted_at: time, ...rest } = review;
  return { ...rest, user: review.user === null ? null : account(review.user), ...(time !== undefined && { submitted_at: time }) };
}

function withReview(asked: Asked, use: (review: ReviewState, pull: PullState) => Answered): Answered | Promise<Answered> {
  return withPull(asked, (pull) => {
    const review = asked.state.reviews.get(pull.number)?.find(({ id }) => id === Number(asked.params["review_id"]));
    return review === undefined ? NOT_FOUND : use(review, pull);
  });
}

const asksLater = new WeakSet<PullState["head"]>();

function mergeable(pull: PullState): boolean | null {
  if (pull.merged || !asksLater.has(pull.head)) {
    asksLater.add(pull.head);
    return null;
  }
  return pull.mergeCommit === undefined ? null : pull.mergeCommit !== null;
}

/** `head` is a branch, or `owner:branch` of a fork. */
async function create({ state, body, token }: Asked): Promise<Answered> {
  const [, owner, ref = ""] = /^(?:([^:]+):)?(.+)$/.exec(String(body["head"])) ?? [];
  const fork = owner === undefined || owner === state.owner ? undefined : state.forks.find((each) => each.owner.login === owner);
  if (owner !== undefined && owner !== state.owner && fork === undefined) return invalid("head: invalid");
  const sha = await gitOr(fork?.gitDir ?? state.gitDir, "rev-parse", "--verify", "--quiet", `refs/heads/${ref}`);
  if (sha === undefined || body["base"] !== "main") return invalid("head or base: invalid");
  const pull = addPull(state, { ref, sha, by: token.actor, title: String(body["title"] ?? ref), repo: fork?.id ?? state.repositoryId });
  await followBranches(state);
  return created(pullJson(state, pull));
}

export function addPull(state: DoubleState, { ref, sha, by, title, repo }: { readonly ref: string; readonly sha: string; readonly by: PullState["user"]; readonly title: string; readonly repo: number }): PullState {
  const number = state.pulls.size + 1;
  const pull: PullState = { number, title, state: "open", merged: false, user: by, head: { ref, sha, repo }, base: { ref: "main", repo: state.repositoryId } };
  state.pulls.set(number, pull);
  return pull;
}

function createReview({ state, body, token }: Asked, pull: PullState): Answered {
  const said = body["event"] === undefined ? "PENDING" : EVENTS[String(body["event"])];
  if (said === undefined) return invalid("event");
  if (pull.user.id === token.actor.id && (said === "APPROVED" || said === "CHANGES_REQUESTED")) return OWN;
  // A review that names no commit is of the head of now, whatever its writer has looked at.
  const commit = text(body["commit_id"]) ? body["commit_id"] : pull.head.sha;
  return found(reviewJson(addReview(state, pull.number, { by: token.actor, state: said, commit, body: String(body["body"] ?? "") })));
}

export function addReview(state: DoubleState, pull: number, said: { readonly by: ReviewState["user"]; readonly state: ReviewState["state"]; readonly commit: string | null; readonly body: string }): ReviewState {
  const review: ReviewState = { id: state.nextId++, user: said.by, state: said.state, commit_id: said.commit, submitted_at: said.state === "PENDING" ? undefined : isoTime(state.seconds), body: said.body };
  state.reviews.set(pull, [...(state.reviews.get(pull) ?? []), review]);
  return review;
}

/** Merges in the real repository, as an account of GitHub's own that no principal is. */
async function merge({ state, body }: Asked, pull: PullState): Promise<Answered> {
  if (state.queue) return problem(405, "Changes must be made through the merge queue");
  if (pull.merged || pull.state === "closed") return problem(405, "Pull Request is not mergeable");
  if (body["sha"] !== undefined && body["sha"] !== pull.head.sha) return problem(409, "Head branch was modified. Review and try the merge again.");
  const base = await gitAt(state.gitDir, "rev-parse", "refs/heads/main");
  const message = `${String(body["commit_title"] ?? `Merge pull request #${pull.number}`)}\n\n${String(body["commit_message"] ?? pull.title)}\n`;
  const commit = await mergeOf(state.gitDir, { base, head: pull.head.sha, message });
  if (commit === undefined) return problem(405, "Pull Request is not mergeable");
  await gitAt(state.gitDir, "update-ref", "refs/heads/main", commit, base);
  Object.assign(pull, { state: "closed", merged: true, mergeCommit: commit });
  await followBranches(state);
  return found({ sha: commit, merged: true, message: "Pull Request successfully merged" });
}
