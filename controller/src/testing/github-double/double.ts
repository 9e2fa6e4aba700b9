// A stand-in for GitHub on loopback: its documented operations over real Git, with its quirks, for octokit as it is.

import { createHash, createHmac, createVerify, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { problem, ROUTES, type Answered } from "./routes.ts";
import { blankState, isoTime, type Actor, type DoubleState, type Grants, type ReviewState, type Token } from "./state.ts";

export interface GithubDouble {
  readonly baseUrl: string;
  readonly state: DoubleState;
  /** `METHOD path status` of every request, in order. */
  readonly calls: readonly string[];
  /** Lets the clock go on by a second, and says the time in seconds. */
  tick(): number;
  /** A token, as people and workflows have them. */
  token(token: Token): string;
  /** A pull request of a branch; `fork`: from another repository. */
  openPull(pull: { readonly ref: string; readonly sha: string; readonly by: Actor; readonly title?: string; readonly fork?: true }): number;
  /** A review as somebody submits it now. @returns its id */
  review(pull: number, review: { readonly by: Actor | null; readonly state: ReviewState["state"]; readonly commit?: string | null; readonly body?: string }): number;
  /** Dismissing changes the review itself: its state, and neither its id nor its time. */
  dismiss(pull: number, review: number): void;
  /** The next requests get this answer instead. */
  interrupt(count: number, answer: Answered & { readonly headers?: Readonly<Record<string, string>> }): void;
  close(): Promise<void>;
}

/** A token that a workflow of a fork's pull request gets: it may read. */
export const FORK_GRANTS: Grants = { contents: "read", issues: "read", metadata: "read", pull_requests: "read", statuses: "read", checks: "read" };
export const ALL_GRANTS: Grants = { contents: "write", issues: "write", metadata: "read", pull_requests: "write", statuses: "write", checks: "write" };
const FORK_ID = 815;

export async function githubDouble(gitDir: string, options: { readonly seconds?: number } = {}): Promise<GithubDouble> {
  const state = blankState({ gitDir, seconds: options.seconds ?? 1_800_000_000 });
  const calls: string[] = [];
  const interruptions: (Answered & { readonly headers?: Readonly<Record<string, string>> })[] = [];
  const server = createServer((request, response) => {
    void readBody(request)
      .then((body) => answer({ state, baseUrl, interruptions }, request, body))
      .catch((error: unknown) => ({ ...problem(500, String(error)), headers: {} }))
      .then((answered) => {
        calls.push(`${request.method} ${request.url} ${answered.status}`);
        send(response, answered);
      });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const reviewsOf = (pull: number): ReviewState[] => {
    const known = state.reviews.get(pull) ?? [];
    state.reviews.set(pull, known);
    return known;
  };
  return {
    baseUrl, state, calls,
    tick: () => ++state.seconds,
    token(token) {
      const text = `${token.kind === "personal" ? "ghp" : "ghs"}_${randomBytes(18).toString("hex")}`;
      state.tokens.set(text, token);
      return text;
    },
    openPull({ ref, sha, by, title, fork }) {
      const number = state.pulls.size + 1;
      state.pulls.set(number, { number, title: title ?? ref, state: "open", merged: false, user: by, head: { ref, sha, repo: fork === true ? FORK_ID : state.repositoryId }, base: { ref: "main", repo: state.repositoryId } });
      return number;
    },
    review(pull, { by, state: said, commit, body }) {
      const id = state.nextId++;
      const head = state.pulls.get(pull)?.head.sha ?? null;
      reviewsOf(pull).push({ id, user: by, state: said, commit_id: commit === undefined ? head : commit, submitted_at: said === "PENDING" ? undefined : isoTime(state.seconds), body: body ?? "" });
      return id;
    },
    dismiss(pull, review) {
      const found = reviewsOf(pull).find(({ id }) => id === review);
      if (found !== undefined) found.state = "DISMISSED";
    },
    interrupt: (count, answered) => void interruptions.push(...Array.from({ length: count }, () => answered)),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  return text === "" ? {} : (JSON.parse(text) as Readonly<Record<string, unknown>>);
}

interface Whole extends Answered {
  readonly headers: Readonly<Record<string, string>>;
}
interface Serving {
  readonly state: DoubleState;
  readonly baseUrl: string;
  readonly interruptions: (Answered & { readonly headers?: Readonly<Record<string, string>> })[];
}

async function answer({ state, baseUrl, interruptions }: Serving, request: IncomingMessage, body: Readonly<Record<string, unknown>>): Promise<Whole> {
  const interruption = interruptions.shift();
  if (interruption !== undefined) return { headers: {}, ...interruption };
  const url = new URL(request.url ?? "/", baseUrl);
  const bearer = /^(?:bearer|token) (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
  if (isAppToken(state, bearer)) return { headers: {}, ...asApp(state, url.pathname, request.method ?? "GET") };
  const token = state.tokens.get(bearer);
  if (token === undefined) return { headers: {}, ...problem(401, "Bad credentials") };
  for (const route of ROUTES) {
    const match = route.method === request.method ? route.path.exec(url.pathname) : null;
    if (match === null) continue;
    if (url.pathname.startsWith("/repos/") && (match[1] !== state.owner || match[2] !== state.name)) return { headers: {}, ...problem(404, "Not Found") };
    if (route.appOnly === true && token.kind === "personal") return { headers: {}, ...problem(403, "You must authenticate via a GitHub App.") };
    const [scope, level] = route.needs;
    const has = token.grants[scope];
    if (has === undefined || (level === "write" && has !== "write")) return { headers: {}, ...problem(403, "Resource not accessible by integration") };
    return framed(await route.answer({ state, match, query: url.searchParams, body, token }), { url, request });
  }
  return { headers: {}, ...problem(404, "Not Found") };
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

/** An App proves itself by a token that it signs. */
function isAppToken(state: DoubleState, bearer: string): boolean {
  const [head, claims, signature, ...more] = bearer.split(".");
  if (head === undefined || claims === undefined || signature === undefined || more.length > 0) return false;
  if (!createVerify("RSA-SHA256").update(`${head}.${claims}`).verify(state.app.publicKey, Buffer.from(signature, "base64url"))) return false;
  const { iss } = JSON.parse(Buffer.from(claims, "base64url").toString("utf8")) as { readonly iss: unknown };
  return String(iss) === String(state.app.id);
}

function asApp(state: DoubleState, path: string, method: string): Answered {
  const { id, slug, installation, bot, grants } = state.app;
  if (path === "/app") return { status: 200, data: { id, slug, name: "AgentOS", owner: null, permissions: grants, events: [] } };
  if (path === `/repos/${state.owner}/${state.name}/installation`) return { status: 200, data: { id: installation, app_id: id, app_slug: slug, permissions: grants, repository_selection: "selected" } };
  if (path === `/app/installations/${installation}/access_tokens` && method === "POST") {
    const token = `ghs_${randomBytes(18).toString("hex")}`;
    state.tokens.set(token, { kind: "installation", actor: bot, grants });
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
