// One HTTP request and its answer on a connection of its own: no redirects, no decisions but where to connect.

import { lookup as resolve } from "node:dns/promises";
import { request as requestHttp } from "node:http";
import type { ClientRequestArgs, IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP } from "node:net";
import { AosError } from "../air/error.ts";
import { errnoOf } from "./durable.ts";
import { isPublicAddress } from "./public-address.ts";

/** Resolves a host name to all its addresses. */
export type Resolve = (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;

export interface Exchange {
  readonly url: URL;
  readonly method: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array | undefined;
  /** Whether addresses that are not on the public internet may be connected to. */
  readonly reach: "public" | "any";
  readonly resolve: Resolve;
  readonly bodyBytesMax: number;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  /** Names in lower case, values of a repeated name joined by `, `. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
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
    const giveUp = (error: unknown): void => fail(transportError(error));
    let answered = false;
    const request = send(args, (response) => {
      answered = true;
      readAnswer(response, input.bodyBytesMax).then(settle, giveUp);
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
    const stop = (): void => fail(transportError(signal.reason));
    signal.addEventListener("abort", stop);
    work.then(settle, (error: unknown) => fail(transportError(error))).finally(() => signal.removeEventListener("abort", stop));
  });
}

async function readAnswer(response: IncomingMessage, bytesMax: number): Promise<Answer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop by an error destroys the response, and so the connection.
  for await (const piece of response as AsyncIterable<Uint8Array>) {
    length += piece.length;
    if (length > bytesMax) throw new AosError("http.body_limit", `the response body is longer than ${bytesMax} bytes`, { class: "outside" });
    pieces.push(piece);
  }
  return { status: response.statusCode ?? 0, headers: headersOf(response.rawHeaders), body: new Uint8Array(Buffer.concat(pieces)) };
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

function transportError(error: unknown): AosError {
  if (error instanceof AosError) return error;
  const code = errnoOf(error);
  const message = code === undefined ? "the connection ended without an answer" : `the exchange failed (${code})`;
  return new AosError("http.transport", message, { class: "outside", cause: error });
}
