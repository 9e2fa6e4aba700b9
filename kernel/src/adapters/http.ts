// Carries out `http.request`: what the grant admits is fetched, redirects included, and the body goes to the blobs.

import { canonical, decode } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import { hex, isHash } from "../air/hash.ts";
import type { Hash, Value } from "../air/value.ts";
import { checkHttp, namesHost } from "../core/enforce-http.ts";
import type { Adapter, AdapterCall, AdapterResult, Blobs, Clock } from "../ports.ts";
import { exchange, resolveBySystem } from "./http-exchange.ts";
import type { Answer, AnswerHead, Resolve } from "./http-exchange.ts";

const METHODS: readonly string[] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
/** Methods that mean the same sent once or twice (RFC 9110). */
const IDEMPOTENT: readonly string[] = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"];
/** Statuses that say the server could not just now. */
const TRANSIENT: readonly number[] = [429, 502, 503, 504];
const BODY_BYTES_MAX = 10 * 1024 * 1024;
const REDIRECTS_MAX = 5;
const TIMER_MS_MAX = 0x7fff_ffff;

/** Receipt statuses for what is no answer of a server. */
const STATUS = { badHeader: 400, badMethod: 405, timeout: 598, failed: 599 } as const;

/** They belong to one connection, or are computed here: an author who sets them means something that would not happen. */
const CONNECTION_HEADERS: readonly string[] = [
  "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade", "expect",
];
/** A receipt is published: credentials that a server hands out, or echoes, stay out of it. */
const CREDENTIAL_HEADERS: readonly string[] = ["set-cookie", "authorization"];
/** All that goes along to another origin: any other header may hold a secret meant for the first. */
const HEADERS_ACROSS_ORIGINS: readonly string[] = ["accept", "accept-language", "content-type", "idempotency-key", "user-agent"];

export interface HttpAdapterOptions {
  /** How long a request may take, with its redirects and repetitions; the host's limit unless told. */
  readonly timeoutMs?: number;
  /** Longest response body, 10 MiB unless told. */
  readonly bodyBytesMax?: number;
  /** By origin of a URL, the origin that is connected to in its place. The grant judges the URL as it was asked for. */
  readonly origins?: Readonly<Record<string, string>>;
  /** How host names become addresses; the system's resolver unless told. */
  readonly resolve?: Resolve;
}

/**
 * The adapter `http` for `http.request`.
 *
 * Any HTTP status is an `ok` receipt. When there is no answer the receipt is `error` (status 599; 405 for a method that is
 * not carried out, 400 for a header that cannot be sent) or `timeout` (598), with `body_ref` a blob of one sentence
 * `<code>: <what happened>`, which never holds a URL or a header. `body_ref` is null for an empty body.
 *
 * - The grant is asked before every hop of a redirect, five hops at most. Only a host that the grant's `hosts` name may
 *   have an address that is not on the public internet.
 * - 303 becomes GET, and so does POST at 301 and 302; to another origin no header goes along that may hold a secret.
 * - A key that is not all zero is sent as `Idempotency-Key` in hex, unless the params hold such a header.
 * - The author sets no `host` and no hop-by-hop header (400); `content-length` is computed.
 * - Response headers are lower-cased; hop-by-hop ones are left out, `set-cookie` and `authorization` are redacted.
 * - Worth a repetition are an exchange that broke before there was an answer, and 429, 502, 503 and 504, after the time that
 *   `Retry-After` asks for; repeated are idempotent methods and what has an idempotency key.
 */
export function httpAdapter(deps: { readonly blobs: Blobs; readonly clock: Clock }, options: HttpAdapterOptions = {}): Adapter {
  const { blobs, clock } = deps;
  const { bodyBytesMax = BODY_BYTES_MAX, resolve = resolveBySystem, timeoutMs, origins = {} } = options;

  async function run(call: AdapterCall): Promise<AdapterResult> {
    const startNs = clock.now();
    const limit = timeLimit(call);
    let outcome: { readonly status: AdapterResult["status"]; readonly answer: Answer; readonly again: Again };
    try {
      const answer = await fetchAll(call, limit.signal);
      outcome = { status: "ok", answer, again: againAfter(answer, clock.now()) };
    } catch (error) {
      // What is not an outcome of the outside is our own mistake, and must be heard of.
      if (!(error instanceof AosError)) throw error;
      const expired = limit.expired();
      const failure = expired ? timedOut() : call.signal.aborted ? cancelled() : error;
      const body = await blobs.put(Buffer.from(`${failure.code}: ${failure.message}.`)).catch(nothingStored);
      const answer = { status: statusOf(failure), headers: new Map<string, string>(), body };
      const again = { code: failure.code, ...(failure.data["transient"] === true ? { transient: true } : {}) };
      outcome = { status: expired ? "timeout" : "error", answer, again };
    } finally {
      limit.clear();
    }
    return {
      ...outcome.again,
      status: outcome.status,
      payload: canonical({
        status: outcome.answer.status,
        headers: receiptHeaders(outcome.answer.headers),
        body_ref: outcome.answer.body,
        timings: { start_ns: startNs, end_ns: clock.now() },
        adapter_id: "http",
      }),
    };
  }

  /** Bodies go to the blobs as they come; one that may hold a secret is read whole first. */
  async function store(pieces: AsyncIterable<Uint8Array>, redact: AdapterCall["redact"]): Promise<Hash | null> {
    const [first, rest] = await begun(pieces);
    if (first === undefined) return null;
    if (redact === undefined && blobs.putStream !== undefined) return blobs.putStream(rest);
    const all: Uint8Array[] = [];
    for await (const piece of rest) all.push(piece);
    const body = new Uint8Array(Buffer.concat(all));
    return blobs.put(redact === undefined ? body : redact(body));
  }

  async function fetchAll(call: AdapterCall, signal: AbortSignal): Promise<Answer> {
    const grant = decode(call.capParams);
    let hop = firstHop(readParams(call.params), call.idempotencyKey);
    let body = hop.bodyRef === null ? undefined : await bodyOf(hop.bodyRef);
    for (let hops = 0; ; hops++) {
      const verdict = checkHttp(grant, hop);
      if (!verdict.ok) throw refusal(verdict.code, hops);
      if (signal.aborted) throw cancelled();
      const url = new URL(hop.url);
      const moved = Object.hasOwn(origins, url.origin) ? origins[url.origin] : undefined;
      const headers = sentHeaders(hop, body);
      const answer = await exchange({
        url: moved === undefined ? url : movedTo(moved, url), headers: moved === undefined ? headers : new Map([...headers, ["host", url.host]]),
        method: hop.method, body, bodyBytesMax, resolve, signal, keep: (head, pieces) => (isRedirect(head) ? Promise.resolve(null) : store(pieces, call.redact)), reach: moved !== undefined || namesHost(grant, url.hostname) ? "any" : "public",
      });
      const next = redirected(hop, answer);
      if (next === undefined) return answer;
      if (hops === REDIRECTS_MAX) throw new AosError("http.redirects", `more than ${REDIRECTS_MAX} redirects`, { class: "outside" });
      if (next.bodyRef === null) body = undefined;
      hop = next;
    }
  }

  async function bodyOf(ref: Hash): Promise<Uint8Array> {
    const bytes = await blobs.get(ref);
    if (bytes === undefined) throw new AosError("http.body_missing", `the body ${ref} is not among the blobs`);
    return bytes;
  }

  return {
    id: "http",
    effects: ["http.request"],
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    resend: (call) => (repeatable(call) ? "again" : "unknown"),
    retry: repeatable,
    run,
  };
}

function repeatable({ params, idempotencyKey }: Pick<AdapterCall, "params" | "idempotencyKey">): boolean {
  return IDEMPOTENT.includes(readParams(params).method) || idempotencyKey.some((byte) => byte !== 0);
}

type Again = Pick<AdapterResult, "code" | "transient" | "retryAfterMs">;

function againAfter({ status, headers }: AnswerHead, nowNs: bigint): Again {
  if (!TRANSIENT.includes(status)) return {};
  const retryAfterMs = retryAfter(headers.get("retry-after"), nowNs);
  return { transient: true, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** Reads `Retry-After`: seconds, or a date. */
function retryAfter(text: string | undefined, nowNs: bigint): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const at = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - Number(nowNs / 1_000_000n));
}

/** Path and query are set, not resolved: a path may begin with two slashes. */
function movedTo(origin: string, { pathname, search }: URL): URL {
  return Object.assign(new URL(origin), { pathname, search });
}

/** One request of a chain of redirects. `headers` are the author's, names in lower case. */
interface Hop {
  readonly method: string;
  readonly url: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly bodyRef: Hash | null;
}

function readParams(bytes: Uint8Array): Hop {
  const params = decode(bytes);
  const field = (name: string): Value | undefined => (params instanceof Map ? params.get(name) : undefined);
  const [method, url, given, bodyRef] = [field("method"), field("url"), field("headers"), field("body_ref") ?? null];
  if (typeof method !== "string" || typeof url !== "string" || !(given instanceof Map)) throw badParams();
  if (bodyRef !== null && !(typeof bodyRef === "string" && isHash(bodyRef))) throw badParams();
  const headers = new Map<string, string>();
  for (const [name, value] of given) {
    if (typeof name !== "string" || typeof value !== "string") throw badParams();
    headers.set(name.toLowerCase(), value);
  }
  return { method: method.toUpperCase(), url, headers, bodyRef };
}

function firstHop(params: Hop, idempotencyKey: Uint8Array): Hop {
  if (!METHODS.includes(params.method)) throw new AosError("http.method", `the method is none of ${METHODS.join(", ")}`, { data: { status: STATUS.badMethod } });
  for (const [name, value] of params.headers) {
    // Undefined in HTTP are controls in a value and anything but a token in a name; other scripts have no agreed bytes.
    const sendable = /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) && /^[\t -~\u0080-\u00ff]*$/.test(value);
    if (!sendable || CONNECTION_HEADERS.includes(name) || name === "host") throw badHeader(name);
  }
  const headers = new Map(params.headers);
  headers.delete("content-length");
  if (!headers.has("user-agent")) headers.set("user-agent", "agentos");
  if (!headers.has("idempotency-key") && idempotencyKey.some((byte) => byte !== 0)) headers.set("idempotency-key", hex(idempotencyKey));
  return { ...params, headers };
}

function sentHeaders(hop: Hop, body: Uint8Array | undefined): ReadonlyMap<string, string> {
  const needsLength = body !== undefined || ["POST", "PUT", "PATCH"].includes(hop.method);
  return needsLength ? new Map([...hop.headers, ["content-length", String(body?.length ?? 0)]]) : hop.headers;
}

function isRedirect({ status, headers }: AnswerHead): boolean {
  return headers.has("location") && [301, 302, 303, 307, 308].includes(status);
}

/** Reads up to the first byte: the first piece, and all pieces again. */
async function begun(pieces: AsyncIterable<Uint8Array>): Promise<readonly [first: Uint8Array | undefined, all: AsyncIterable<Uint8Array>]> {
  const reader = pieces[Symbol.asyncIterator]();
  let next = await reader.next();
  while (next.done !== true && next.value.length === 0) next = await reader.next();
  const first = next.done === true ? undefined : next.value;
  async function* all(): AsyncGenerator<Uint8Array> {
    if (first !== undefined) yield first;
    yield* { [Symbol.asyncIterator]: () => reader };
  }
  return [first, all()];
}

/** The next request when the answer is a redirect; undefined when it is the last answer. */
function redirected(hop: Hop, answer: AnswerHead): Hop | undefined {
  const location = answer.headers.get("location");
  if (location === undefined || !isRedirect(answer)) return undefined;
  if (!URL.canParse(location, hop.url)) throw new AosError("http.redirects", "the redirect leads to no valid URL", { class: "outside" });
  const url = new URL(location, hop.url);
  const toGet = (answer.status === 303 && hop.method !== "HEAD") || (answer.status <= 302 && hop.method === "POST");
  const kept = [...hop.headers].filter(
    ([name]) => (url.origin === new URL(hop.url).origin || HEADERS_ACROSS_ORIGINS.includes(name)) && !(toGet && name.startsWith("content-")),
  );
  return { method: toGet ? "GET" : hop.method, url: url.href, headers: new Map(kept), bodyRef: toGet ? null : hop.bodyRef };
}

function receiptHeaders(headers: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const shown = [...headers].filter(([name]) => !CONNECTION_HEADERS.includes(name));
  return new Map(shown.map(([name, value]) => [name, CREDENTIAL_HEADERS.includes(name) ? "[redacted]" : value]));
}

/** One signal for the deadline and for the host's own; `expired` tells which it was. */
export function timeLimit(call: AdapterCall): { readonly signal: AbortSignal; expired(): boolean; clear(): void } {
  const controller = new AbortController();
  let expired = false;
  const end = (why: "deadline" | "caller"): void => {
    if (!controller.signal.aborted) expired = why === "deadline";
    controller.abort();
  };
  const expire = (): void => end("deadline");
  const abort = (): void => end(call.signal.reason instanceof DOMException && call.signal.reason.name === "TimeoutError" ? "deadline" : "caller");
  const timer = setTimeout(expire, Math.min(Math.max(call.deadlineMs, 0), TIMER_MS_MAX));
  call.signal.addEventListener("abort", abort);
  if (call.signal.aborted) abort();
  return {
    signal: controller.signal,
    expired: () => expired,
    clear: () => {
      clearTimeout(timer);
      call.signal.removeEventListener("abort", abort);
    },
  };
}

/** A receipt without its text says more than none: the blobs may be what failed. */
function nothingStored(error: unknown): null {
  if (error instanceof AosError) return null;
  throw error;
}

function statusOf(failure: AosError): number {
  return typeof failure.data["status"] === "number" ? failure.data["status"] : STATUS.failed;
}

function timedOut(): AosError {
  return new AosError("http.timeout", "the deadline passed before the answer was whole", { class: "outside", data: { status: STATUS.timeout } });
}

function cancelled(): AosError {
  return new AosError("http.cancelled", "the call was cancelled", { class: "outside" });
}

function refusal(code: string, hops: number): AosError {
  return new AosError(code, hops === 0 ? "the grant does not admit the request" : "the grant does not admit the redirect", { class: "refused" });
}

function badParams(): AosError {
  return new AosError("http.params", "the params are not those of http.request");
}

function badHeader(name: string): AosError {
  const shown = /^[a-z0-9-]{1,40}$/.test(name) ? `the header ${name}` : "a header of the params";
  return new AosError("http.header", `${shown} cannot be sent`, { data: { status: STATUS.badHeader } });
}
