// The operations of GitHub's REST API that the forge uses, as its documentation describes them, over the double's state.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { isoTime, type Actor, type CheckState, type DoubleState, type Grants, type PullState, type Token } from "./state.ts";

const run = promisify(execFile);

export interface Asked {
  readonly state: DoubleState;
  readonly match: RegExpExecArray;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
  readonly token: Token;
}
export interface Answered {
  readonly status: number;
  readonly data: unknown;
  /** A list is cut into pages; `around` names the field of an object that holds it. */
  readonly paged?: true;
  readonly around?: string;
}
interface Route {
  readonly method: string;
  readonly path: RegExp;
  readonly needs: readonly [keyof Grants, "read" | "write"];
  /** Answers that only an App's or a workflow's token gets. */
  readonly appOnly?: true;
  answer(asked: Asked): Answered | Promise<Answered>;
}

const found = (data: unknown): Answered => ({ status: 200, data });
const created = (data: unknown): Answered => ({ status: 201, data });
export const problem = (status: number, message: string): Answered => ({ status, data: { message, documentation_url: "https://docs.github.com/rest", status: String(status) } });
const NOT_FOUND = problem(404, "Not Found");
const REPO = "^/repos/([^/]+)/([^/]+)";
const path = (rest: string): RegExp => new RegExp(`${REPO}${rest}$`);

export const ROUTES: readonly Route[] = [
  { method: "GET", path: path(""), needs: ["metadata", "read"], answer: ({ state, token }) => found({ id: state.repositoryId, name: state.name, full_name: `${state.owner}/${state.name}`, default_branch: "main", private: false, allow_merge_commit: true, ...(token.kind === "personal" && { permissions: { push: token.grants.contents === "write", admin: false, pull: true } }) }) },
  { method: "GET", path: /^\/user$/, needs: ["metadata", "read"], answer: ({ token }) => (token.kind === "personal" ? found(account(token.actor)) : problem(403, "Resource not accessible by integration")) },
  { method: "GET", path: /^\/users\/([^/]+)$/, needs: ["metadata", "read"], answer: ({ state, match }) => (decodeURIComponent(match[1] ?? "") === state.app.bot.login ? found(account(state.app.bot)) : NOT_FOUND) },
  { method: "GET", path: path("/pulls"), needs: ["pull_requests", "read"], answer: ({ state, query }) => list([...state.pulls.values()].reverse().filter((pull) => pull.state === (query.get("state") ?? "open") && (query.get("base") ?? pull.base.ref) === pull.base.ref).map((pull) => pullJson(state, pull))) },
  { method: "GET", path: path("/pulls/(\\d+)"), needs: ["pull_requests", "read"], answer: ({ state, match }) => withPull(state, match, (pull) => found({ ...pullJson(state, pull), mergeable: null, merge_commit_sha: null })) },
  { method: "GET", path: path("/pulls/(\\d+)/reviews"), needs: ["pull_requests", "read"], answer: ({ state, match, token }) => withPull(state, match, (pull) => list((state.reviews.get(pull.number) ?? []).filter((review) => review.state !== "PENDING" || review.user?.id === token.actor.id).map((review) => ({ ...review, user: review.user === null ? null : account(review.user) })))) },
  { method: "PUT", path: path("/pulls/(\\d+)/merge"), needs: ["contents", "write"], answer: (asked) => withPull(asked.state, asked.match, (pull) => merge(asked, pull)) },
  { method: "GET", path: path("/issues/(\\d+)/comments"), needs: ["issues", "read"], answer: ({ state, match }) => list((state.comments.get(Number(match[3])) ?? []).map((each) => ({ ...each, user: account(each.user) }))) },
  { method: "POST", path: path("/issues/(\\d+)/comments"), needs: ["issues", "write"], answer: comment },
  { method: "PATCH", path: path("/issues/comments/(\\d+)"), needs: ["issues", "write"], answer: editComment },
  { method: "GET", path: path("/commits/([0-9a-f]{40})/statuses"), needs: ["statuses", "read"], answer: ({ state, match }) => list([...(state.statuses.get(match[3] ?? "") ?? [])].reverse().map((each) => ({ ...each, creator: account(each.creator) }))) },
  { method: "GET", path: path("/commits/([0-9a-f]{40})/status"), needs: ["statuses", "read"], answer: ({ state, match }) => found(combined(state, match[3] ?? "")) },
  { method: "POST", path: path("/statuses/([0-9a-f]{40})"), needs: ["statuses", "write"], answer: status },
  { method: "GET", path: path("/commits/([0-9a-f]{40})/check-runs"), needs: ["checks", "read"], answer: checks },
  { method: "POST", path: path("/check-runs"), needs: ["checks", "write"], appOnly: true, answer: check },
  { method: "PATCH", path: path("/check-runs/(\\d+)"), needs: ["checks", "write"], appOnly: true, answer: editCheck },
  { method: "GET", path: path("/rules/branches/([^/]+)"), needs: ["metadata", "read"], answer: ({ state }) => list(state.rules) },
  { method: "GET", path: path("/collaborators/([^/]+)/permission"), needs: ["metadata", "read"], answer: () => found({ permission: "read", role_name: "read" }) },
];

function list(data: readonly unknown[]): Answered {
  return { status: 200, data, paged: true };
}

export function account({ id, login, type }: Actor): object {
  return { id, login, type, node_id: `U_${id}`, site_admin: false };
}

function pullJson(state: DoubleState, pull: PullState): object {
  const repo = (id: number | null): object | null => (id === null ? null : { id, full_name: id === state.repositoryId ? `${state.owner}/${state.name}` : `fork/${state.name}`, fork: id !== state.repositoryId });
  return {
    id: 10_000 + pull.number, number: pull.number, state: pull.state, title: pull.title, draft: false, user: account(pull.user), merged_at: null,
    head: { label: pull.head.ref, ref: pull.head.ref, sha: pull.head.sha, repo: repo(pull.head.repo) }, base: { label: "main", ref: pull.base.ref, repo: repo(pull.base.repo) },
  };
}

function withPull(state: DoubleState, match: RegExpExecArray, use: (pull: PullState) => Answered | Promise<Answered>): Answered | Promise<Answered> {
  const pull = state.pulls.get(Number(match[3]));
  return pull === undefined ? NOT_FOUND : use(pull);
}

const text = (value: unknown): value is string => typeof value === "string";

function comment({ state, match, body, token }: Asked): Answered {
  if (!text(body["body"]) || body["body"].length > 65_536) return problem(422, "Validation Failed: body is too long (maximum is 65536 characters)");
  const entry = { id: state.nextId++, user: token.actor, body: body["body"] };
  const number = Number(match[3]);
  state.comments.set(number, [...(state.comments.get(number) ?? []), entry]);
  return created({ ...entry, user: account(entry.user) });
}

function editComment({ state, match, body }: Asked): Answered {
  const entry = [...state.comments.values()].flat().find(({ id }) => id === Number(match[3]));
  if (entry === undefined) return NOT_FOUND;
  if (!text(body["body"]) || body["body"].length > 65_536) return problem(422, "Validation Failed: body is too long (maximum is 65536 characters)");
  entry.body = body["body"];
  return found({ ...entry, user: account(entry.user) });
}

const STATES: readonly unknown[] = ["error", "failure", "pending", "success"];

function status({ state, match, body, token }: Asked): Answered {
  const sha = match[3] ?? "";
  const { description = null, context = "default" } = body;
  if (!STATES.includes(body["state"]) || !text(context)) return problem(422, "Validation Failed");
  if (description !== null && (!text(description) || description.length > 140)) return problem(422, "Validation Failed: description is too long (maximum is 140 characters)");
  const before = state.statuses.get(sha) ?? [];
  if (before.filter((each) => each.context === context).length >= 1000) return problem(422, "Validation Failed: This SHA and context has reached the maximum number of statuses.");
  const entry = { context, state: String(body["state"]), description, created_at: isoTime(state.seconds), creator: token.actor };
  state.statuses.set(sha, [...before, entry]);
  return created({ ...entry, creator: account(entry.creator) });
}

/** Pending when there are none: a caller that reads this alone waits for ever. */
function combined(state: DoubleState, sha: string): object {
  const latest = new Map((state.statuses.get(sha) ?? []).map((each) => [each.context, each.state]));
  const states = [...latest.values()];
  const rolled = states.some((each) => each === "failure" || each === "error") ? "failure" : states.length === 0 || states.includes("pending") ? "pending" : "success";
  return { state: rolled, sha, total_count: latest.size, statuses: [] };
}

function checks({ state, match, query }: Asked): Answered {
  const name = query.get("check_name");
  const app = query.get("app_id");
  const runs = state.checks.filter((each) => each.head_sha === match[3] && (name === null || each.name === name) && (app === null || each.app === Number(app)));
  return { status: 200, data: runs.reverse().map(checkJson), paged: true, around: "check_runs" };
}

function checkJson({ id, head_sha, name, app, fields }: CheckState): object {
  // Of a fork's head there are no pull requests here.
  return { id, head_sha, name, app: { id: app }, conclusion: null, external_id: "", pull_requests: [], ...fields };
}

const CONCLUSIONS: readonly unknown[] = ["action_required", "cancelled", "failure", "neutral", "skipped", "success", "timed_out"];

function checkFault({ status: said, conclusion, output }: Readonly<Record<string, unknown>>): Answered | undefined {
  if (said === "completed" && !CONCLUSIONS.includes(conclusion)) return problem(422, "Invalid request: a completed check needs a conclusion");
  const { title, summary } = (output ?? {}) as Readonly<Record<string, unknown>>;
  if (output !== undefined && (!text(title) || !text(summary) || summary.length > 65_535)) return problem(422, "Invalid request: output");
  return undefined;
}

function check({ state, body }: Asked): Answered {
  const { name, head_sha, ...fields } = body;
  const fault = !text(name) || !text(head_sha) ? problem(422, "Invalid request: name and head_sha") : checkFault(body);
  if (fault !== undefined) return fault;
  const entry = { id: state.nextId++, head_sha: String(head_sha), name: String(name), app: state.app.id, fields: { status: "queued", ...fields } };
  state.checks.push(entry);
  return created(checkJson(entry));
}

function editCheck({ state, match, body }: Asked): Answered {
  const entry = state.checks.find(({ id }) => id === Number(match[3]));
  const fault = entry === undefined ? NOT_FOUND : checkFault(body);
  if (entry === undefined || fault !== undefined) return fault ?? NOT_FOUND;
  Object.assign(entry.fields, body);
  return found(checkJson(entry));
}

/** Merges in the real repository, as an account of GitHub's own that no principal is. */
async function merge({ state, body }: Asked, pull: PullState): Promise<Answered> {
  if (state.queue) return problem(405, "Changes must be made through the merge queue");
  if (pull.merged || pull.state === "closed") return problem(405, "Pull Request is not mergeable");
  if (body["sha"] !== undefined && body["sha"] !== pull.head.sha) return problem(409, "Head branch was modified. Review and try the merge again.");
  const git = async (...args: string[]): Promise<string> => (await run("git", ["--git-dir", state.gitDir, ...args], { env: MERGER })).stdout.trim();
  const base = await git("rev-parse", "refs/heads/main");
  let tree: string;
  try {
    tree = await git("merge-tree", "--write-tree", base, pull.head.sha);
  } catch {
    return problem(405, "Pull Request is not mergeable");
  }
  const message = `${String(body["commit_title"] ?? `Merge pull request #${pull.number}`)}\n\n${String(body["commit_message"] ?? pull.title)}\n`;
  const commit = await git("commit-tree", tree, "-p", base, "-p", pull.head.sha, "-m", message);
  await git("update-ref", "refs/heads/main", commit, base);
  pull.state = "closed";
  pull.merged = true;
  return found({ sha: commit, merged: true, message: "Pull Request successfully merged" });
}

const MERGER = {
  PATH: process.env["PATH"] ?? "", GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", LC_ALL: "C",
  GIT_AUTHOR_NAME: "GitHub", GIT_AUTHOR_EMAIL: "noreply@github.com", GIT_COMMITTER_NAME: "GitHub", GIT_COMMITTER_EMAIL: "noreply@github.com",
};
