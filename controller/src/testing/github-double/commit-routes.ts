// What is said on commits and below pull requests: statuses, check runs, comments.

import { account, created, found, gone, invalid, list, NOT_FOUND, problem, text, type Answered, type Asked, type Routes } from "./answers.ts";
import { isoTime, type CheckState, type CommentState, type DoubleState } from "./state.ts";

/** A comment on a pull request may be written with either right. */
const COMMENTS_READ = [["issues", "read"], ["pull_requests", "read"]] as const;
const COMMENTS_WRITE = [["issues", "write"], ["pull_requests", "write"]] as const;

export const COMMIT_ROUTES: Routes = {
  "issues/list-comments": { needs: COMMENTS_READ, answer: ({ state, params }) => list((state.comments.get(Number(params["issue_number"])) ?? []).map(commentJson)) },
  "issues/get-comment": { needs: COMMENTS_READ, answer: (asked) => withComment(asked, (entry) => found(commentJson(entry))) },
  "issues/create-comment": { needs: COMMENTS_WRITE, answer: comment },
  "issues/update-comment": {
    needs: COMMENTS_WRITE,
    answer: (asked) => withComment(asked, (entry) => {
      const body = String(asked.body["body"]);
      if (body.length > BODY_MAX) return TOO_LONG;
      entry.body = body;
      return found(commentJson(entry));
    }),
  },
  "issues/delete-comment": {
    needs: COMMENTS_WRITE,
    answer: (asked) => withComment(asked, (entry) => {
      for (const [number, entries] of asked.state.comments) asked.state.comments.set(number, entries.filter((each) => each !== entry));
      return gone;
    }),
  },
  "repos/list-commit-statuses-for-ref": { needs: [["statuses", "read"]], answer: ({ state, params }) => list([...(state.statuses.get(params["ref"] ?? "") ?? [])].reverse().map((each) => ({ ...each, updated_at: each.created_at, creator: account(each.creator) }))) },
  "repos/get-combined-status-for-ref": { needs: [["statuses", "read"]], answer: ({ state, params }) => found(combined(state, params["ref"] ?? "")) },
  "repos/create-commit-status": { needs: [["statuses", "write"]], answer: status },
  "checks/list-for-ref": { needs: [["checks", "read"]], answer: checks },
  "checks/get": { needs: [["checks", "read"]], answer: (asked) => withCheck(asked, (entry) => found(checkJson(entry))) },
  "checks/create": { needs: [["checks", "write"]], appOnly: true, answer: check },
  "checks/update": {
    needs: [["checks", "write"]], appOnly: true,
    answer: (asked) => withCheck(asked, (entry) => {
      const fault = checkFault(asked.body);
      if (fault !== undefined) return fault;
      Object.assign(entry.fields, asked.body);
      return found(checkJson(entry));
    }),
  },
};

const BODY_MAX = 65_536;
const TOO_LONG = invalid(`body is too long (maximum is ${BODY_MAX} characters)`);

function commentJson({ user, ...rest }: CommentState): object {
  return { ...rest, user: account(user) };
}

function withComment({ state, params }: Asked, use: (entry: CommentState) => Answered): Answered {
  const entry = [...state.comments.values()].flat().find(({ id }) => id === Number(params["comment_id"]));
  return entry === undefined ? NOT_FOUND : use(entry);
}

function comment({ state, params, body, token }: Asked): Answered {
  const said = String(body["body"]);
  if (said.length > BODY_MAX) return TOO_LONG;
  const entry = { id: state.nextId++, user: token.actor, body: said };
  const number = Number(params["issue_number"]);
  state.comments.set(number, [...(state.comments.get(number) ?? []), entry]);
  return created(commentJson(entry));
}

const DESCRIPTION_MAX = 140;
const STATUSES_MAX = 1000;

function status({ state, params, body, token }: Asked): Answered {
  const sha = params["sha"] ?? "";
  const { description, context = "default" } = body;
  if (text(description) && description.length > DESCRIPTION_MAX) return invalid(`description is too long (maximum is ${DESCRIPTION_MAX} characters)`);
  const before = state.statuses.get(sha) ?? [];
  if (before.filter((each) => each.context === context).length >= STATUSES_MAX) return invalid("This SHA and context has reached the maximum number of statuses.");
  const entry = { context: String(context), state: String(body["state"]), description: text(description) ? description : null, created_at: isoTime(state.seconds), creator: token.actor };
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

function checks({ state, params, query }: Asked): Answered {
  const [name, app] = [query.get("check_name"), query.get("app_id")];
  const runs = state.checks.filter((each) => each.head_sha === params["ref"] && (name === null || each.name === name) && (app === null || each.app === Number(app)));
  return list(runs.reverse().map(checkJson), "check_runs");
}

function withCheck({ state, params }: Asked, use: (entry: CheckState) => Answered): Answered {
  const entry = state.checks.find(({ id }) => id === Number(params["check_run_id"]));
  return entry === undefined ? NOT_FOUND : use(entry);
}

function checkJson({ id, head_sha, name, app, fields }: CheckState): object {
  const output = { title: null, summary: null, text: null, annotations_count: 0, annotations_url: "", ...(fields["output"] as object | undefined) };
  // Of a fork's head there are no pull requests here.
  return { id, head_sha, name, conclusion: null, external_id: "", pull_requests: [], ...fields, app: { id: app, slug: "agentos", name: "agentos" }, output };
}

function checkFault({ status: said, conclusion }: Readonly<Record<string, unknown>>): Answered | undefined {
  if (said === "completed" && conclusion === undefined) return problem(422, "Invalid request: a completed check needs a conclusion");
  return conclusion === "stale" ? problem(422, "Invalid request: only GitHub says stale") : undefined;
}

function check({ state, body }: Asked): Answered {
  const { name, head_sha, ...fields } = body;
  const fault = checkFault(body);
  if (fault !== undefined) return fault;
  const entry = { id: state.nextId++, head_sha: String(head_sha), name: String(name), app: state.app.id, fields: { status: "queued", ...fields } };
  state.checks.push(entry);
  return created(checkJson(entry));
}
