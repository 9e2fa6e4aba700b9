// The questions and orders that GitHub gets from us, and what we read of its answers.

import { isOid, type Oid } from "../../git/objects.ts";
import { listOf, maybe, orNull, partial, text, truth, whole, type Shape } from "../../governance/shape.ts";
import type { GithubClient } from "./client.ts";

const ID = whole(1, Number.MAX_SAFE_INTEGER);
const WORDS = text(() => true, "text");
const SHA = text<Oid>((sha) => isOid(sha), "a commit");
/** An account that is gone is null, or not there. */
const ACCOUNT = partial({ id: ID, login: WORDS, type: maybe(WORDS) });
const anything: Shape<true> = () => true;

interface Account {
  readonly id: number;
  readonly login: string;
  readonly type?: string;
}
export interface Pull {
  readonly number: number;
  readonly title: string;
  readonly user: Account | null;
  /** A null repository is a fork that was removed. */
  readonly head: { readonly sha: Oid; readonly ref: string; readonly repo: { readonly id: number } | null };
  readonly base: { readonly ref: string; readonly repo: { readonly id: number } | null };
}
const REPO_ID = orNull(partial({ id: ID }));
const PULL: Shape<Pull> = partial({
  number: ID, title: WORDS, user: orNull(ACCOUNT), head: partial({ sha: SHA, ref: WORDS, repo: REPO_ID }), base: partial({ ref: WORDS, repo: REPO_ID }),
});

/** As the API says it: a user may be gone, a commit forgotten, a pending review has no time. */
export interface GithubReview {
  readonly id: number;
  readonly user: Account | null;
  readonly state: string;
  readonly commit_id: Oid | null;
  readonly submitted_at?: string | null;
  readonly body?: string | null;
}
const REVIEW: Shape<GithubReview> = partial({ id: ID, user: orNull(ACCOUNT), state: WORDS, commit_id: orNull(SHA), submitted_at: maybe(orNull(WORDS)), body: maybe(orNull(WORDS)) });

interface Comment {
  readonly id: number;
  readonly user: Account | null;
  readonly body?: string | null;
}
const COMMENT: Shape<Comment> = partial({ id: ID, user: orNull(ACCOUNT), body: maybe(orNull(WORDS)) });

export interface GithubStatus {
  readonly context: string;
  readonly state: string;
  readonly description?: string | null;
  readonly created_at: string;
  readonly creator: Account | null;
}
const STATUS: Shape<GithubStatus> = partial({ context: WORDS, state: WORDS, description: maybe(orNull(WORDS)), created_at: WORDS, creator: orNull(ACCOUNT) });

interface CheckRun {
  readonly id: number;
  readonly name: string;
  readonly status: string;
  readonly conclusion?: string | null;
  readonly external_id?: string | null;
}
const CHECK: Shape<CheckRun> = partial({ id: ID, name: WORDS, status: WORDS, conclusion: maybe(orNull(WORDS)), external_id: maybe(orNull(WORDS)) });

export interface BranchRule {
  readonly type: string;
  readonly parameters?: { readonly required_status_checks?: readonly { readonly context: string; readonly integration_id?: number | null }[] };
}
const BRANCH_RULE: Shape<BranchRule> = partial({
  type: WORDS,
  parameters: maybe(partial({ required_status_checks: maybe(listOf(partial({ context: WORDS, integration_id: maybe(orNull(ID)) }))) })),
});

export interface Installation {
  readonly id: number;
  readonly app_id: number;
  readonly permissions: ReadonlyMap<string, string>;
}
const GRANTS: Shape<ReadonlyMap<string, string>> = (json) => new Map(json instanceof Map ? [...json].flatMap(([name, level]) => (typeof level === "string" ? [[name, level] as const] : [])) : []);
const INSTALLATION: Shape<Installation> = partial({ id: ID, app_id: ID, permissions: GRANTS });

export interface RepositoryFacts {
  readonly id: number;
  readonly default_branch: string;
  readonly allow_merge_commit?: boolean;
  readonly permissions?: { readonly push: boolean; readonly admin: boolean };
}
const REPOSITORY: Shape<RepositoryFacts> = partial({ id: ID, default_branch: WORDS, allow_merge_commit: maybe(truth), permissions: maybe(partial({ push: truth, admin: truth })) });

/** Who GitHub takes us for. */
interface Self {
  readonly userId: number;
  /** Null with a token. */
  readonly appId: number | null;
}
export interface CheckDraft {
  readonly name: string;
  readonly head_sha: Oid;
  readonly status: "completed" | "in_progress";
  readonly conclusion?: "failure" | "success";
  readonly external_id: string;
  readonly output: { readonly title: string; readonly summary: string };
}
export interface StatusDraft {
  readonly context: string;
  readonly state: "failure" | "pending" | "success";
  readonly description: string;
}
interface MergeDraft {
  /** The head that was decided on: GitHub refuses when the pull request has another by now. */
  readonly sha: Oid;
  readonly title: string;
  readonly message: string;
}

export interface GithubApi {
  readonly client: GithubClient;
  self(): Promise<Self>;
  repository(): Promise<RepositoryFacts>;
  /** All pull requests that are open against a branch. */
  openPulls(base: string): Promise<readonly Pull[]>;
  reviews(pull: number): Promise<readonly GithubReview[]>;
  comments(pull: number): Promise<readonly Comment[]>;
  createComment(pull: number, body: string): Promise<number>;
  /** @throws AosError `github.missing` when somebody has removed it */
  updateComment(id: number, body: string): Promise<void>;
  /** Newest first, of all contexts. */
  statuses(sha: Oid): Promise<readonly GithubStatus[]>;
  createStatus(sha: Oid, draft: StatusDraft): Promise<void>;
  /** Those of a name that this App made. */
  checkRuns(sha: Oid, options: { readonly name: string; readonly appId: number }): Promise<readonly CheckRun[]>;
  createCheck(draft: CheckDraft): Promise<number>;
  updateCheck(id: number, draft: CheckDraft): Promise<void>;
  /**
   * Merges a pull request with a merge commit.
   *
   * @throws AosError `github.conflict` when the head has moved, `github.refused` when it cannot be merged so (conflicts, a merge queue), `github.invalid`
   */
  merge(pull: number, draft: MergeDraft): Promise<Oid>;
  /** The rules that hold for a branch in the end, whatever rulesets exist. */
  branchRules(branch: string): Promise<readonly BranchRule[]>;
  /** Of the App in this repository. */
  installation(): Promise<Installation>;
}

/** The account that GitHub's own token for workflows acts under; it may not ask who it is. */
const ACTIONS_BOT_ID = 41_898_282;

export function githubApi(client: GithubClient): GithubApi {
  let self: Promise<Self> | undefined;
  const post = async (path: string, body: object): Promise<number> =>
    (await client.send("POST", path, { body: { ...body }, shape: partial({ id: ID }) })).id;

  async function whoAmI(): Promise<Self> {
    if (client.kind === "app") {
      const app = await client.getAsApp("//app", partial({ id: ID, slug: WORDS }));
      const bot = await client.get(`//users/${encodeURIComponent(`${app.slug}[bot]`)}`, ACCOUNT);
      return { userId: bot.id, appId: app.id };
    }
    try {
      return { userId: (await client.get("//user", ACCOUNT)).id, appId: null };
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "github.forbidden") return { userId: ACTIONS_BOT_ID, appId: null };
      throw error;
    }
  }

  return {
    client,
    self() {
      self ??= whoAmI().catch((error: unknown) => {
        self = undefined;
        throw error;
      });
      return self;
    },
    repository: () => client.get("", REPOSITORY),
    openPulls: (base) => client.list(`/pulls?state=open&base=${encodeURIComponent(base)}`, PULL),
    reviews: (pull) => client.list(`/pulls/${pull}/reviews`, REVIEW),
    comments: (pull) => client.list(`/issues/${pull}/comments`, COMMENT),
    createComment: (pull, body) => post(`/issues/${pull}/comments`, { body }),
    updateComment: async (id, body) => void (await client.send("PATCH", `/issues/comments/${id}`, { body: { body }, shape: anything })),
    statuses: (sha) => client.list(`/commits/${sha}/statuses`, STATUS),
    createStatus: async (sha, draft) => void (await client.send("POST", `/statuses/${sha}`, { body: { ...draft }, shape: anything })),
    checkRuns: (sha, { name, appId }) => client.list(`/commits/${sha}/check-runs?check_name=${encodeURIComponent(name)}&app_id=${appId}`, CHECK, { field: "check_runs" }),
    createCheck: (draft) => post("/check-runs", draft),
    async updateCheck(id, { name, status, conclusion, external_id, output }) {
      const body = { name, status, ...(conclusion !== undefined && { conclusion }), external_id, output };
      await client.send("PATCH", `/check-runs/${id}`, { body, shape: anything });
    },
    async merge(pull, { sha, title, message }) {
      const body = { sha, merge_method: "merge", commit_title: title, commit_message: message };
      return (await client.send("PUT", `/pulls/${pull}/merge`, { body, shape: partial({ sha: SHA }) })).sha;
    },
    branchRules: (branch) => client.list(`/rules/branches/${encodeURIComponent(branch)}`, BRANCH_RULE),
    installation: () => client.getAsApp("/installation", INSTALLATION),
  };
}
