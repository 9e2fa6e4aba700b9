// One HTTP request and its answer on a connection of its own: no redirects, no decisions but where to connect.

import { lookup as resolve } from "node:dns/promises";
import { request as requestHttp } from "node:http";
import type { ClientRequestArgs, IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP } from "node:net";
import { AosError } from "../air/error.ts";
import type { Hash } from "../air/value.ts";
import { errnoOf } from "./durable.ts";
import { isPublicAddress } from "./public-address.ts";

/** Resolves a host name to all its addresses. */
export type Resolve = (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;

interface Exchange {
  readonly url: URL;
  readonly method: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array | undefined;
  /** Whether addresses that are not on the public internet may be connected to. */
  readonly reach: "public" | "any";
  readonly resolve: Resolve;
  readonly bodyBytesMax: number;
  /** Takes the body of the answer as it comes; what it gives is the answer's `body`. */
  readonly keep: (head: AnswerHead, pieces: AsyncIterable<Uint8Array>) => Promise<Hash | null>;
  readonly signal: AbortSignal;
}

export interface AnswerHead {
  readonly status: number;
  /** Names in lower case, values of a repeated name joined by `, `. */
  readonly headers: ReadonlyMap<string, string>;
}
export interface Answer extends AnswerHead {
  readonly body: Hash | null;
}

export const resolveBySystem: Resolve = (host) => resolve(host, { all: true });

/**
 * Sends a request and reads the whole answer. Nothing is decoded: the body is as it was sent.
 * @throws AosError `http.address` (the host is not on the public internet), `http.body_limit`, `http.transport` (message
 * without host, path or headers: they may hold secrets)
 */
export async function exchange(input: Exchange): Promise<Answer> {
  const host = input.url.hostname.replace(/^\[|\]$/g, "");
  const addresses = await addressesOf(host, input);
  const send = input.url.protocol === "https:" ? requestHttps : requestHttp;
  const args: ClientRequestArgs = {
    hostname: host,
    port: input.url.port === "" ? null : Number(input.url.port),
    path: `${input.url.pathname}${input.url.search}`,
    method: input.method,
    headers: Object.fromEntries(input.headers),
    // A pooled connection was opened under another grant's rules.
    agent: false,
    // What was judged is what is connected to: the name is not resolved a second time.
    lookup: (_, options, done) => {
      if (options.all === true) process.nextTick(done, null, addresses);
      else process.nextTick(done, null, addresses[0].address, addresses[0].family);
    },
    signal: input.signal,
  };
  return new Promise((settle, fail) => {
    let answered = false;
    // Without a head there was no answer; whether the far side acted on the request is the caller's to weigh.
    const giveUp = (error: unknown): void => fail(transportError(error, answered ? "answered" : "unanswered"));
    const request = send(args, (response) => {
      answered = true;
      readAnswer(response, input).then(settle, fail);
    });
    request.on("error", giveUp);
    request.on("close", () => {
      if (!answered) giveUp(undefined);
    });
    request.end(input.body);
  });
}

type Address = { address: string; family: number };

/** The addresses of a host that may be connected to; at least one. */
async function addressesOf(host: string, input: Exchange): Promise<readonly [Address, ...Address[]]> {
  const family = isIP(host);
  const found = family === 0 ? await untilAborted(input.resolve(host), input.signal) : [{ address: host, family }];
  const [first, ...others] = found.filter(({ address }) => input.reach === "any" || isPublicAddress(address)).map((entry) => ({ ...entry }));
  if (first !== undefined) return [first, ...others];
  if (found.length === 0) throw new AosError("http.transport", "the host name has no address", { class: "outside" });
  throw new AosError("http.address", "the host is not on the public internet, and the grant's hosts do not name it", {
    class: "refused",
    hint: "name the host in the grant's hosts when it is meant",
  });
}

/** The system cannot be told to stop resolving; this stops waiting for it. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((settle, fail) => {
    const stop = (): void => fail(transportError(signal.reason, "unanswered"));
    signal.addEventListener("abort", stop);
    work.then(settle, (error: unknown) => fail(transportError(error, "unanswered"))).finally(() => signal.removeEventListener("abort", stop));
  });
}

async function readAnswer(response: IncomingMessage, input: Exchange): Promise<Answer> {
  const head = { status: response.statusCode ?? 0, headers: headersOf(response.rawHeaders) };
  try {
    return { ...head, body: await input.keep(head, piecesOf(response, input.bodyBytesMax)) };
  } finally {
    // Whatever was not read is not wanted: the connection goes.
    response.destroy();
  }
}

/** A slow reader holds the sender back: no more than a few pieces wait in memory. */
async function* piecesOf(response: IncomingMessage, bytesMax: number): AsyncGenerator<Uint8Array> {
  let length = 0;
  try {
    for await (const piece of response as AsyncIterable<Uint8Array>) {
      length += piece.length;
      if (length > bytesMax) throw new AosError("http.body_limit", `the response body is longer than ${bytesMax} bytes`, { class: "outside" });
      yield piece;
    }
  } catch (error) {
    throw transportError(error, "answered");
  }
}

function headersOf(raw: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? "").toLowerCase();
    const value = raw[i + 1] ?? "";
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}

/** What breaks for a moment: a connection that was refused or torn, a path that is down, a resolver that is busy. */
const PASSING: readonly (string | undefined)[] = [
  undefined, "ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EAI_AGAIN",
];

function transportError(error: unknown, state: "answered" | "unanswered"): AosError {
  if (error instanceof AosError) return error;
  const code = errnoOf(error);
  const message = code === undefined ? "the connection ended without an answer" : `the exchange failed (${code})`;
  return new AosError("http.transport", message, { class: "outside", cause: error, data: { transient: state === "unanswered" && PASSING.includes(code) } });
}
