// Speaks to GitHub through octokit: who we are, bounded pages, ETags, and silence where GitHub asks for it.

import { AosError, jsonOf } from "@agentos/kernel";
import type { App, Octokit, RequestError } from "octokit";
import { readValue, type Shape } from "../../governance/shape.ts";

/** An App acts under its own name and may make check runs; a token acts as whoever it belongs to. */
export type GithubAuth = { readonly kind: "token"; readonly token: string } | { readonly kind: "app"; readonly appId: number; readonly privateKey: string };

export interface GithubPlace {
  readonly owner: string;
  readonly name: string;
  /** `https://api.github.com`, or that of a GitHub Enterprise Server. */
  readonly baseUrl: string;
}
export interface ClientOptions {
  readonly auth: GithubAuth;
  readonly place: GithubPlace;
  /** Milliseconds since 1970. */
  readonly nowMs?: () => number;
  /** Entries of a page, at most 100, which is what GitHub gives. */
  readonly pageSize?: number;
}
export interface GithubClient {
  readonly kind: GithubAuth["kind"];
  readonly place: GithubPlace;
  /** Reads one answer below `/repos/{owner}/{name}`, or from the root where the path begins with `//`. */
  get<T>(path: string, shape: Shape<T>): Promise<T>;
  /** Reads every page of a list. @param options.field - where the list is, when the answer is an object around it */
  list<T>(path: string, shape: Shape<T>, options?: { readonly field?: string }): Promise<readonly T[]>;
  send<T>(method: "PATCH" | "POST" | "PUT", path: string, options: { readonly body: Readonly<Record<string, unknown>>; readonly shape: Shape<T> }): Promise<T>;
  /** Asks as the App itself, not as its installation. @throws AosError `github.auth` with a token */
  getAsApp<T>(path: string, shape: Shape<T>): Promise<T>;
  /** What git shows as its password: the token, or one of the App's installation that is good for a minute or longer. */
  gitToken(): Promise<string>;
  standing(): Standing;
}
/** How we stand with GitHub, as far as its last answer said. */
export interface Standing {
  /** Until then nothing is asked, because GitHub said so; milliseconds since 1970. */
  readonly quietUntilMs: number | undefined;
  /** Requests of this hour. */
  readonly rate: { readonly limit: number; readonly remaining: number; readonly resetMs: number } | undefined;
}

export const GITHUB_API = "https://api.github.com";
const PAGE_SIZE = 100;
/** With pages of 100, 3,000 entries: more reviews or comments than that on one pull request are somebody's attack. */
const PAGES_MAX = 30;
const CACHED_MAX = 500;
const ANSWER_BYTES_MAX = 32 << 20;
const TIMEOUT_MS = 30_000;
/** What GitHub asks of those whom it told to wait without saying how long. */
const WAIT_MS = 60_000;
const WAIT_MS_MAX = 3_600_000;

/** A time in which nothing is asked, because GitHub said so. */
interface Silence {
  untilMs: number;
  /** How often in a row it was asked for. */
  count: number;
}
interface Page {
  readonly data: unknown;
  readonly link: string | undefined;
  readonly etag: string | undefined;
}

/** Opens nothing yet: the first question does. */
export function githubClient({ auth, place, nowMs = Date.now, pageSize = PAGE_SIZE }: ClientOptions): GithubClient {
  const pages = new Map<string, Page>();
  const repo = `/repos/${encodeURIComponent(place.owner)}/${encodeURIComponent(place.name)}`;
  let app: Promise<App> | undefined;
  let opened: Promise<Octokit> | undefined;
  const quiet: Silence = { untilMs: 0, count: 0 };
  /** Of signing in: what git may fetch and push goes on while the API is left alone. */
  const quietSigningIn: Silence = { untilMs: 0, count: 0 };
  let rate: Standing["rate"];

  async function open(): Promise<Octokit> {
    if (auth.kind === "token") return new (await quietOctokit(place))({ auth: auth.token });
    const app = await asApp();
    const { data } = await app.octokit.request(`GET ${repo}/installation`);
    return (await app.getInstallationOctokit((data as { readonly id: number }).id)) as unknown as Octokit;
  }

  function asApp(): Promise<App> {
    if (auth.kind !== "app") throw new AosError("github.auth", "GitHub: only an App may ask this", { class: "refused", hint: "configure the App's id and private key" });
    const { appId, privateKey } = auth;
    return (app ??= Promise.all([import("octokit"), quietOctokit(place)]).then(([octokit, quiet]) => new octokit.App({ appId, privateKey, Octokit: quiet })));
  }

  async function ask(what: string, request: (octokit: Octokit) => Promise<unknown>, silence = quiet): Promise<unknown> {
    const left = silence.untilMs - nowMs();
    if (left > 0) throw limited(what, left);
    try {
      opened ??= open();
      const answer = await request(await opened);
      silence.count = 0;
      rate = rateOf(answer) ?? rate;
      return answer;
    } catch (error) {
      if (isRequestError(error)) rate = rateOf(error.response) ?? rate;
      if (isRequestError(error) && error.status === 304) throw error;
      if (isRequestError(error) && error.status === 401) opened = undefined;
      const waitMs = waitOf(error, { nowMs: nowMs(), waits: silence.count });
      if (waitMs === undefined) {
        if (!isRequestError(error) || error.status >= 500) opened = undefined;
        throw problemOf(what, error);
      }
      silence.count++;
      silence.untilMs = nowMs() + waitMs;
      throw limited(what, waitMs);
    }
  }

  /** One page, again from memory where GitHub says that it did not change: such an answer costs nothing of the hourly limit. */
  async function page(url: string): Promise<Page> {
    const known = pages.get(url);
    const headers = known?.etag === undefined || isFullEnd(known, pageSize) ? {} : { "if-none-match": known.etag };
    try {
      const answer = (await ask(`GET ${url}`, (octokit) => octokit.request({ method: "GET", url, headers }))) as { readonly data: unknown; readonly headers: Readonly<Record<string, string | undefined>> };
      const read = { data: answer.data, link: answer.headers["link"], etag: answer.headers["etag"] };
      pages.delete(url);
      pages.set(url, read);
      const [oldest] = pages.keys();
      if (pages.size > CACHED_MAX && oldest !== undefined) pages.delete(oldest);
      return read;
    } catch (error) {
      if (isRequestError(error) && error.status === 304 && known !== undefined) return known;
      throw isRequestError(error) ? problemOf(`GET ${url}`, error) : error;
    }
  }

  const at = (path: string): string => (path.startsWith("//") ? path.slice(1) : repo + path);

  return {
    kind: auth.kind,
    place,
    get: async (path, shape) => parse((await page(at(path))).data, shape, path),
    async list(path, shape, { field } = {}) {
      const items: unknown[] = [];
      let url: string | undefined = `${at(path)}${path.includes("?") ? "&" : "?"}per_page=${pageSize}`;
      for (let count = 0; url !== undefined; count++) {
        if (count === PAGES_MAX) throw new AosError("github.pages", `GitHub: ${path}: more than ${PAGES_MAX} pages`, { class: "refused" });
        const { data, link }: Page = await page(url);
        const list: unknown = field === undefined ? data : (data as Readonly<Record<string, unknown>> | null)?.[field];
        if (!Array.isArray(list)) throw new AosError("github.answer", `GitHub: ${path}: expected a list`, { class: "outside" });
        items.push(...(list as readonly unknown[]));
        url = nextPage(link, place.baseUrl);
      }
      return items.map((item) => parse(item, shape, path));
    },
    async send(method, path, { body, shape }) {
      const answer = (await ask(`${method} ${path}`, (octokit) => octokit.request({ method, url: at(path), ...body }))) as { readonly data: unknown };
      return parse(answer.data, shape, path);
    },
    async getAsApp(path, shape) {
      const { octokit } = await asApp();
      const answer = (await ask(`GET ${path}`, () => octokit.request({ method: "GET", url: at(path) }))) as { readonly data: unknown };
      return parse(answer.data, shape, path);
    },
    async gitToken() {
      if (auth.kind === "token") return auth.token;
      // A token that is good still is not asked for anew: at most one request an hour.
      const { token } = (await ask("signing in for git", (octokit) => octokit.auth({ type: "installation" }), quietSigningIn)) as { readonly token: string };
      return token;
    },
    standing: () => ({ quietUntilMs: quiet.untilMs > nowMs() ? quiet.untilMs : undefined, rate }),
  };
}

/** What the headers of an answer say of the hourly limit. */
function rateOf(answer: unknown): Standing["rate"] {
  const headers = (answer as { readonly headers?: Readonly<Record<string, string | number | undefined>> } | undefined)?.headers;
  const [limit, remaining, reset] = ["limit", "remaining", "reset"].map((name) => Number(headers?.[`x-ratelimit-${name}`] ?? Number.NaN));
  if (limit === undefined || remaining === undefined || !Number.isFinite(limit) || !Number.isFinite(remaining)) return undefined;
  return { limit, remaining, resetMs: Number.isFinite(reset) ? Number(reset) * 1000 : 0 };
}

/** octokit is loaded when GitHub is first asked: it is large, and most worlds live without. */
async function quietOctokit(place: GithubPlace): Promise<typeof Octokit> {
  const octokit = await import("octokit");
  return octokit.Octokit.defaults({ baseUrl: place.baseUrl, userAgent: "agentos", throttle: { enabled: false }, retry: { enabled: false }, request: { fetch: boundedFetch }, log: QUIET });
}

/** octokit's error for an answer that is not a success. */
function isRequestError(error: unknown): error is RequestError {
  return error instanceof Error && error.name === "HttpError" && "status" in error && typeof error.status === "number";
}

const QUIET = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** A last page that is full stays the same when a next one begins: that it did not change says nothing of what follows it. */
function isFullEnd({ data, link }: Page, pageSize: number): boolean {
  const list: unknown = Array.isArray(data) ? data : typeof data === "object" && data !== null ? Object.values(data).find(Array.isArray) : undefined;
  return Array.isArray(list) && list.length >= pageSize && !/rel="next"/.test(link ?? "");
}

/** fetch with an end in time and in size. */
async function boundedFetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const answer = await fetch(input, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (answer.body === null || answer.status === 204 || answer.status === 304) return answer;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > ANSWER_BYTES_MAX) throw new Error(`an answer of more than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return new Response(Buffer.concat(chunks), { status: answer.status, headers: answer.headers });
}

/** The next page as GitHub names it; never one of another host, which would get the token. */
function nextPage(link: string | undefined, baseUrl: string): string | undefined {
  const next = /<([^>]+)>;\s*rel="next"/.exec(link ?? "")?.[1];
  if (next === undefined) return undefined;
  if (new URL(next).origin !== new URL(baseUrl).origin) throw new AosError("github.answer", "GitHub: the next page is on another host", { class: "outside" });
  return next;
}

/** How long GitHub wants not to be asked; undefined when this is another error. */
function waitOf(error: unknown, now: { readonly nowMs: number; readonly waits: number }): number | undefined {
  if (!isRequestError(error) || (error.status !== 403 && error.status !== 429)) return undefined;
  const headers = error.response?.headers ?? {};
  const seconds = Number(headers["retry-after"]);
  if (headers["retry-after"] !== undefined && Number.isFinite(seconds)) return bounded(seconds * 1000);
  if (headers["x-ratelimit-remaining"] === "0") return bounded(Number(headers["x-ratelimit-reset"]) * 1000 - now.nowMs);
  if (error.status === 429 || /secondary rate limit|abuse detection/i.test(saidBy(error))) return bounded(WAIT_MS * 2 ** Math.min(now.waits, 6));
  return undefined;
}

function bounded(waitMs: number): number {
  return Number.isFinite(waitMs) ? Math.min(WAIT_MS_MAX, Math.max(1000, waitMs)) : WAIT_MS;
}

function limited(what: string, waitMs: number): AosError {
  return new AosError("github.limited", `GitHub: ${what}: asked to wait ${Math.ceil(waitMs / 1000)} s`, { class: "outside", data: { retryAfterMs: waitMs } });
}

const CODES: Readonly<Record<number, string>> = { 401: "github.auth", 403: "github.forbidden", 404: "github.missing", 405: "github.refused", 409: "github.conflict", 422: "github.invalid" };
const HINTS: Readonly<Record<number, string>> = {
  401: "the token or the App's key is not valid any more",
  403: "`aos doctor` says which rights are missing",
  404: "GitHub also says this of what may not be seen: `aos doctor` says which rights are missing",
};

function problemOf(what: string, error: unknown): AosError {
  if (error instanceof AosError) return error;
  if (!isRequestError(error) || error.status >= 500 || CODES[error.status] === undefined) {
    const why = isRequestError(error) && error.status < 600 ? `status ${error.status}` : "no answer";
    return new AosError("github.away", `GitHub: ${what}: ${why}`, { class: "outside" });
  }
  const hint = HINTS[error.status];
  return new AosError(CODES[error.status] ?? "github.away", `GitHub: ${what}: ${saidBy(error)}`, { class: "refused", data: { status: error.status }, ...(hint === undefined ? {} : { hint }) });
}

/** What GitHub says went wrong, on one line. */
function saidBy(error: RequestError): string {
  const data: unknown = error.response?.data;
  const message = typeof data === "object" && data !== null && "message" in data ? String(data.message) : `status ${error.status}`;
  return message.replaceAll(/\p{Cc}+/gu, " ").slice(0, 300);
}

function parse<T>(data: unknown, shape: Shape<T>, path: string): T {
  try {
    return readValue(jsonOf(data), shape, { code: "github.answer", file: `GitHub: ${path}` });
  } catch (error) {
    if (error instanceof AosError) throw new AosError("github.answer", error.message, { class: "outside", cause: error });
    throw error;
  }
}
