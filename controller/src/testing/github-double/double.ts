// A stand-in for GitHub on loopback: its described operations over real Git, with its quirks, for octokit and git as they are.

import { createHash, createHmac, createVerify, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { invalid, problem, type Answered, type Routes } from "./answers.ts";
import { COMMIT_ROUTES } from "./commit-routes.ts";
import { answerFault, completed, operationAt, requestExtra, requestFault, type Matched } from "./description.ts";
import { isGit, serveGit } from "./git-http.ts";
import { addPull, addReview, PULL_ROUTES } from "./pull-routes.ts";
import { REPO_ROUTES } from "./repo-routes.ts";
import { blankState, isoTime, type Actor, type DoubleState, type Grants, type ReviewState, type Token } from "./state.ts";

type Interruption = Answered & { readonly headers?: Readonly<Record<string, string>> };

export interface GithubDouble {
  readonly baseUrl: string;
  readonly state: DoubleState;
  /** `METHOD path status` of every request to the API, in order. */
  readonly calls: readonly string[];
  /** The same of git's own requests, with the login that was shown. */
  readonly gitCalls: readonly string[];
  /** Requests that GitHub's description does not know, and answers that do not fit it: while there are any, close() fails. */
  readonly faults: string[];
  /** Lets the clock go on by a second, and says the time in seconds. */
  tick(): number;
  /** A token, as people and workflows have them. */
  token(token: Token): string;
  /** Where git finds a repository: this one, or an owner's fork. @param as - the token that the address carries */
  gitUrl(options?: { readonly owner?: string; readonly as?: string }): string;
  /** Somebody's fork: a bare repository, which they alone may push to. */
  addFork(owner: Actor, gitDir: string): void;
  /** A pull request of a branch; `fork`: from another repository. */
  openPull(pull: { readonly ref: string; readonly sha: string; readonly by: Actor; readonly title?: string; readonly fork?: true }): number;
  /** A review as somebody submits it now. @returns its id */
  review(pull: number, review: { readonly by: Actor | null; readonly state: ReviewState["state"]; readonly commit?: string | null; readonly body?: string }): number;
  /** Dismissing changes the review itself: its state, and neither its id nor its time. */
  dismiss(pull: number, review: number): void;
  /** The next requests to the API get this answer instead. */
  interrupt(count: number, answer: Interruption): void;
  /** @throws Error when there are faults */
  close(): Promise<void>;
}

/** A token that a workflow of a fork's pull request gets: it may read. */
export const FORK_GRANTS: Grants = { contents: "read", issues: "read", metadata: "read", pull_requests: "read", statuses: "read", checks: "read" };
export const ALL_GRANTS: Grants = { contents: "write", issues: "write", metadata: "read", pull_requests: "write", statuses: "write", checks: "write" };
const FORK_ID = 815;

/** @param options.name - of the repository, `world` unless told; options.seconds - where its clock begins */
export async function githubDouble(gitDir: string, options: { readonly name?: string; readonly seconds?: number } = {}): Promise<GithubDouble> {
  const state = blankState({ gitDir, name: options.name ?? "world", seconds: options.seconds ?? 1_800_000_000 });
  const serving: Serving = { state, baseUrl: "", calls: [], gitCalls: [], faults: [], interruptions: [], pushes: { last: Promise.resolve() } };
  const server = createServer((request, response) => void serve(serving, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  serving.baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { baseUrl, calls, gitCalls, faults, interruptions } = serving;
  return {
    baseUrl, state, calls, gitCalls, faults,
    tick: () => ++state.seconds,
    token: (token) => mint(state, token),
    gitUrl: ({ owner, as } = {}) => `${as === undefined ? baseUrl : baseUrl.replace("//", `//x-access-token:${as}@`)}/${owner ?? state.owner}/${state.name}.git`,
    addFork: (owner, dir) => void state.forks.push({ id: FORK_ID + state.forks.length, owner, gitDir: dir }),
    openPull: ({ ref, sha, by, title, fork }) => addPull(state, { ref, sha, by, title: title ?? ref, repo: fork === true ? FORK_ID : state.repositoryId }).number,
    review(pull, { by, state: said, commit, body }) {
      const head = state.pulls.get(pull)?.head.sha ?? null;
      const { id } = addReview(state, pull, { by, state: said, commit: commit === undefined ? head : commit, body: body ?? "" });
      tell(serving, "pull_request_review", { action: "submitted", review: { id, state: said.toLowerCase() } });
      return id;
    },
    dismiss(pull, review) {
      const found = state.reviews.get(pull)?.find(({ id }) => id === review);
      if (found !== undefined) found.state = "DISMISSED";
    },
    interrupt: (count, answered) => void interruptions.push(...Array.from({ length: count }, () => answered)),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      if (faults.length > 0) throw new Error(`GitHub's description (see cli/scripts/github-api.mjs) does not hold:\n${faults.splice(0).join("\n")}`);
    },
  };
}

interface Serving {
  readonly state: DoubleState;
  baseUrl: string;
  readonly calls: string[];
  readonly gitCalls: string[];
  readonly faults: string[];
  readonly interruptions: Interruption[];
  /** One push after the other, so that each sees which branches it moved. */
  readonly pushes: { last: Promise<unknown> };
}

async function serve(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", serving.baseUrl);
  if (isGit(url.pathname)) return serveOneGit(serving, request, response);
  const answered = await readBody(request)
    .then((body) => answer(serving, { request, url, body }))
    .catch((error: unknown) => {
      serving.faults.push(`${request.method} ${url.pathname}: ${String(error)}`);
      return { ...problem(500, String(error)), headers: {} };
    });
  serving.calls.push(`${request.method} ${request.url} ${answered.status}`);
  send(response, answered);
}

async function serveOneGit(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { state, gitCalls, faults, pushes } = serving;
  const one = async (): Promise<void> => {
    const { status, login, pushed, pulls } = await serveGit(state, request, response);
    gitCalls.push(`${request.method} ${request.url} ${status} ${login}`);
    if (pushed) tell(serving, "push", {});
    for (const number of pulls) tell(serving, "pull_request", { action: "synchronize", number });
  };
  const failed = (error: unknown): void => {
    faults.push(`git: ${String(error)}`);
    response.destroy();
  };
  if (!request.url?.includes("git-receive-pack")) return one().catch(failed);
  pushes.last = pushes.last.then(one).catch(failed);
}

/** Sends an event to the hooks there are; one that does not answer is not told again. */
function tell({ state }: Serving, event: string, payload: object): void {
  for (const { url, secret } of state.hooks) void deliver(url, { event, payload, secret, delivery: randomBytes(16).toString("hex") }).catch(() => undefined);
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  return text === "" ? undefined : (JSON.parse(text) as unknown);
}

interface Whole extends Answered {
  readonly headers: Readonly<Record<string, string>>;
}
interface Request {
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly body: unknown;
}

/** What GitHub tells hooks after an operation. */
const EVENTS: Readonly<Record<string, string>> = {
  "pulls/create": "pull_request", "pulls/update": "pull_request", "pulls/create-review": "pull_request_review", "pulls/submit-review": "pull_request_review", "pulls/dismiss-review": "pull_request_review",
  "pulls/merge": "push", "git/create-ref": "push", "git/update-ref": "push", "git/delete-ref": "push", "checks/create": "check_run", "checks/update": "check_run", "repos/create-commit-status": "status",
};
export const ROUTES: Routes = { ...REPO_ROUTES, ...PULL_ROUTES, ...COMMIT_ROUTES };

async function answer(serving: Serving, asked: Request): Promise<Whole> {
  const { state, interruptions, faults } = serving;
  const { request, url, body } = asked;
  const plain = (answered: Answered): Whole => ({ headers: {}, ...answered });
  const interruption = interruptions.shift();
  if (interruption !== undefined) return { headers: {}, ...interruption };
  const method = request.method ?? "GET";
  const matched = operationAt(method, url.pathname);
  if (matched === undefined) {
    faults.push(`${method} ${url.pathname}: not among the operations that are described`);
    return plain(problem(404, "Not Found"));
  }
  const requested = { params: matched.params, query: url.searchParams, body };
  const extra = requestExtra(matched.id, requested);
  if (extra !== undefined) faults.push(`${matched.id}: ${extra}: GitHub does not know it`);
  const bearer = /^(?:bearer|token) (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
  if (isAppToken(state, bearer)) return checked(serving, matched, plain(asApp(state, matched)));
  const token = state.tokens.get(bearer);
  if (token === undefined) return plain(problem(401, "Bad credentials"));
  const { owner = state.owner, repo = state.name } = matched.params;
  if (owner !== state.owner || repo !== state.name) return plain(problem(404, "Not Found"));
  const route = ROUTES[matched.id];
  if (route === undefined) {
    faults.push(`${matched.id}: described, but the double has no answer to it`);
    return plain(problem(501, "Not Implemented"));
  }
  if (route.appOnly === true && token.kind === "personal") return plain(problem(403, "You must authenticate via a GitHub App."));
  if (!route.needs.some(([scope, level]) => token.grants[scope] === "write" || token.grants[scope] === level)) return plain(problem(403, "Resource not accessible by integration"));
  const fault = requestFault(matched.id, requested);
  if (fault !== undefined) return plain(invalid(fault));
  const answered = await route.answer({ state, params: matched.params, query: url.searchParams, body: (body ?? {}) as Readonly<Record<string, unknown>>, token });
  const event = answered.status < 300 ? EVENTS[matched.id] : undefined;
  if (event !== undefined) tell(serving, event, {});
  return checked(serving, matched, framed(answered, { url, request }));
}

/** What the double says is held to the description too. */
function checked({ faults }: Serving, { id }: Matched, answered: Whole): Whole {
  if (answered.status >= 300) return answered;
  const data = completed(id, answered.status, answered.data);
  const fault = answerFault(id, answered.status, data);
  if (fault !== undefined) faults.push(`${id}: the double's answer: ${fault}`);
  return { ...answered, data };
}

/** Cuts a list into pages, and says 304 to who has seen it. */
function framed(answered: Answered, { url, request }: { readonly url: URL; readonly request: IncomingMessage }): Whole {
  const headers: Record<string, string> = { "x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4999", "x-github-request-id": "0000:0000" };
  let { data } = answered;
  if (answered.paged === true && Array.isArray(data)) {
    const size = Math.min(Number(url.searchParams.get("per_page") ?? 30), 100);
    const page = Number(url.searchParams.get("page") ?? 1);
    const all = data as readonly unknown[];
    if (page * size < all.length) {
      const next = new URL(url);
      next.searchParams.set("page", String(page + 1));
      headers["link"] = `<${next.href}>; rel="next"`;
    }
    const cut = all.slice((page - 1) * size, page * size);
    data = answered.around === undefined ? cut : { total_count: all.length, [answered.around]: cut };
  }
  if (answered.status !== 200 || request.method !== "GET") return { status: answered.status, data, headers };
  const etag = `W/"${createHash("sha256").update(JSON.stringify(data)).digest("hex")}"`;
  headers["etag"] = etag;
  return request.headers["if-none-match"] === etag ? { status: 304, data: undefined, headers } : { status: 200, data, headers };
}

function send(response: ServerResponse, { status, data, headers }: Whole): void {
  const body = data === undefined ? "" : JSON.stringify(data);
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers }).end(body);
}

function mint(state: DoubleState, token: Token): string {
  const text = `${token.kind === "personal" ? "ghp" : "ghs"}_${randomBytes(18).toString("hex")}`;
  state.tokens.set(text, token);
  return text;
}

/** An App proves itself by a token that it signs. */
function isAppToken(state: DoubleState, bearer: string): boolean {
  const [head, claims, signature, ...more] = bearer.split(".");
  if (head === undefined || claims === undefined || signature === undefined || more.length > 0) return false;
  if (!createVerify("RSA-SHA256").update(`${head}.${claims}`).verify(state.app.publicKey, Buffer.from(signature, "base64url"))) return false;
  const { iss } = JSON.parse(Buffer.from(claims, "base64url").toString("utf8")) as { readonly iss: unknown };
  return String(iss) === String(state.app.id);
}

function asApp(state: DoubleState, { id, params }: Matched): Answered {
  const { id: appId, slug, installation, bot, grants } = state.app;
  const about = { app_id: appId, app_slug: slug, permissions: grants, repository_selection: "selected" };
  if (id === "apps/get-authenticated") return { status: 200, data: { id: appId, slug, name: "AgentOS", permissions: grants, events: [] } };
  if (id === "apps/get-repo-installation") return { status: 200, data: { id: installation, ...about } };
  if (id === "apps/create-installation-access-token" && params["installation_id"] === String(installation)) {
    const token = mint(state, { kind: "installation", actor: bot, grants });
    return { status: 201, data: { token, expires_at: isoTime(Math.floor(Date.now() / 1000) + 3600), permissions: grants, repository_selection: "selected" } };
  }
  return problem(404, "Not Found");
}

/** A webhook as GitHub sends it. */
export async function deliver(to: string, hook: { readonly event: string; readonly payload: object; readonly secret: string; readonly delivery: string; readonly signature?: string }): Promise<number> {
  const body = JSON.stringify(hook.payload);
  const signature = hook.signature ?? `sha256=${createHmac("sha256", hook.secret).update(body).digest("hex")}`;
  const answered = await fetch(to, { method: "POST", body, headers: { "content-type": "application/json", "x-github-event": hook.event, "x-github-delivery": hook.delivery, "x-hub-signature-256": signature } });
  return answered.status;
}
