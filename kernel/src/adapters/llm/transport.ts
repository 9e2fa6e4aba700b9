// Posts a request and reads what comes back, piece by piece: one connection, no redirects, bounded bytes.

import { request as requestHttp } from "node:http";
import type { IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { createParser } from "eventsource-parser";
import { AosError } from "../../air/error.ts";
import { readJson } from "../../air/json.ts";
import type { Json } from "../../air/types.ts";
import { errnoOf } from "../durable.ts";
import { badAnswer } from "./protocol.ts";

export interface Limits {
  /** Of an answer that comes whole, and of one event. */
  readonly answerBytesMax: number;
  /** Of all events of a stream with their framing. */
  readonly streamBytesMax: number;
}

export interface Reply {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  readonly response: IncomingMessage;
}

/** The connection was never made, so nothing was accepted; a name that does not exist will not exist a moment later. */
const NOT_CONNECTED: readonly (string | undefined)[] = ["ECONNREFUSED", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT"];

/**
 * Posts JSON. The reply's body has still to be read, or its `response` destroyed.
 * @throws AosError `llm.transport`; `data.transient` is true when nothing can have been accepted
 */
export function post(input: {
  readonly url: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
  readonly signal: AbortSignal;
}): Promise<Reply> {
  const url = new URL(input.url);
  const send = url.protocol === "https:" ? requestHttps : requestHttp;
  const headers = {
    ...Object.fromEntries(input.headers), "content-type": "application/json", "content-length": String(input.body.length),
    accept: "application/json, text/event-stream", "accept-encoding": "identity", "user-agent": "agentos",
  };
  return new Promise((settle, fail) => {
    let connected = false;
    // A connection of its own: one kept from before may be closing, and then nobody knows what was accepted.
    const request = send(url, { method: "POST", headers, agent: false, signal: input.signal }, (response) => {
      settle({ status: response.statusCode ?? 0, header: (name) => [response.headers[name]].flat()[0], response });
    });
    request.on("socket", (socket) => socket.once(url.protocol === "https:" ? "secureConnect" : "connect", () => (connected = true)));
    request.on("error", (error) => fail(transportError(error, connected ? "sent" : "unsent")));
    request.end(input.body);
  });
}

function transportError(error: unknown, state: "sent" | "unsent"): AosError {
  const code = errnoOf(error);
  const message = code === undefined ? "the connection ended without an answer" : `the exchange failed (${code})`;
  return new AosError("llm.transport", message, { class: "outside", cause: error, data: { transient: state === "unsent" && NOT_CONNECTED.includes(code) } });
}

/** The bytes of a body, and its end whatever happens. @throws AosError `llm.answer_limit`, `llm.transport` */
async function* piecesOf(reply: Reply, bytesMax: number): AsyncGenerator<Uint8Array> {
  const encoding = reply.header("content-encoding") ?? "identity";
  if (encoding !== "identity") throw badAnswer("it is compressed, which was not asked for");
  let length = 0;
  try {
    // Leaving the loop destroys the response, and so the connection.
    for await (const piece of reply.response as AsyncIterable<Uint8Array>) {
      length += piece.length;
      if (length > bytesMax) throw tooLong(bytesMax);
      yield piece;
    }
  } catch (error) {
    throw error instanceof AosError ? error : transportError(error, "sent");
  }
}

/** A body that is JSON as a whole. @throws AosError `llm.answer`, `llm.answer_limit`, `llm.transport` */
export async function readWhole(reply: Reply, limits: Limits): Promise<Json> {
  const pieces: Uint8Array[] = [];
  for await (const piece of piecesOf(reply, limits.answerBytesMax)) pieces.push(piece);
  return jsonOf(decoded(new TextDecoder("utf-8", { fatal: true }), Buffer.concat(pieces), "last"));
}

/** Reads at most `bytesMax` of a body, and gives its JSON when it is whole and is some. */
export async function readSome(reply: Reply, bytesMax: number): Promise<Json | undefined> {
  try {
    return await readWhole(reply, { answerBytesMax: bytesMax, streamBytesMax: bytesMax });
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return undefined;
  }
}

/**
 * The data of the events of a stream as they come, until `[DONE]` or the end of the body.
 * @throws AosError `llm.answer`, `llm.answer_limit`, `llm.transport`
 */
export async function* readEvents(reply: Reply, limits: Limits): AsyncGenerator<Json> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const events: string[] = [];
  let tooMuch = false;
  const parser = createParser({
    maxBufferSize: limits.answerBytesMax,
    onEvent: ({ data }) => events.push(data),
    onError: ({ type }) => (tooMuch ||= type === "max-buffer-size-exceeded"),
  });
  for await (const piece of piecesOf(reply, limits.streamBytesMax)) {
    parser.feed(decoded(decoder, piece, "more"));
    for (const data of events.splice(0)) {
      if (data === "[DONE]") return;
      yield jsonOf(data);
    }
    if (tooMuch) throw tooLong(limits.answerBytesMax);
  }
}

function decoded(decoder: InstanceType<typeof TextDecoder>, bytes: Uint8Array, rest: "more" | "last"): string {
  try {
    return decoder.decode(bytes, { stream: rest === "more" });
  } catch {
    throw badAnswer("it is not UTF-8");
  }
}

function jsonOf(text: string): Json {
  try {
    return readJson(text, "answer").json;
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    throw badAnswer("it is not JSON");
  }
}

function tooLong(bytesMax: number): AosError {
  return new AosError("llm.answer_limit", `the answer is longer than ${bytesMax} bytes`, { class: "outside" });
}
