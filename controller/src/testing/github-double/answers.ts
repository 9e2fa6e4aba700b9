// How routes of the double are asked and answer; what accounts, repositories and pull requests look like.

import type { Actor, DoubleState, Grants, PullState, Token } from "./state.ts";

export interface Asked {
  readonly state: DoubleState;
  /** By the names in the operation's path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
  readonly token: Token;
}
export interface Answered {
  readonly status: number;
  /** What is particular here; what else the description requires is added. */
  readonly data: unknown;
  /** A list is cut into pages; `around` names the field of an object that holds it. */
  readonly paged?: true;
  readonly around?: string;
}
type Right = readonly [keyof Grants, "read" | "write"];
interface Route {
  /** Any one of these suffices. */
  readonly needs: readonly Right[];
  /** Answers that only an App's or a workflow's token gets. */
  readonly appOnly?: true;
  answer(asked: Asked): Answered | Promise<Answered>;
}
/** By operation. */
export type Routes = Readonly<Record<string, Route>>;

export const found = (data: unknown): Answered => ({ status: 200, data });
export const created = (data: unknown): Answered => ({ status: 201, data });
export const gone: Answered = { status: 204, data: undefined };
export const list = (data: readonly unknown[], around?: string): Answered => ({ status: 200, data, paged: true, ...(around !== undefined && { around }) });
export const problem = (status: number, message: string): Answered => ({ status, data: { message, documentation_url: "https://docs.github.com/rest", status: String(status) } });
export const invalid = (why: string): Answered => problem(422, `Validation Failed: ${why}`);
export const NOT_FOUND = problem(404, "Not Found");

export const text = (value: unknown): value is string => typeof value === "string";

export function account({ id, login, type }: Actor): object {
  return { id, login, type, node_id: `U_${id}`, site_admin: false };
}

export function repoJson(state: DoubleState, id: number): object {
  const fork = state.forks.find((each) => each.id === id);
  const owner = id === state.repositoryId ? { id: 1, login: state.owner, type: "User" } as const : (fork?.owner ?? { id: 2, login: "fork", type: "User" } as const);
  return { id, name: state.name, full_name: `${owner.login}/${state.name}`, owner: account(owner), fork: id !== state.repositoryId, default_branch: "main", private: state.private };
}

export function pullJson(state: DoubleState, pull: PullState): object {
  const side = (repo: number | null, ref: string, sha: string): object => ({ label: ref, ref, sha, user: account(pull.user), repo: repo === null ? null : repoJson(state, repo) });
  return {
    id: 10_000 + pull.number, number: pull.number, state: pull.state, title: pull.title, draft: false, user: account(pull.user), merged_at: null, body: null, merge_commit_sha: pull.mergeCommit ?? null,
    head: side(pull.head.repo, pull.head.ref, pull.head.sha), base: side(pull.base.repo, pull.base.ref, "0".repeat(40)),
  };
}

export function withPull(asked: Asked, use: (pull: PullState) => Answered | Promise<Answered>): Answered | Promise<Answered> {
  const pull = asked.state.pulls.get(Number(asked.params["pull_number"]));
  return pull === undefined ? NOT_FOUND : use(pull);
}
