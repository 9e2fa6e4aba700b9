// Asks a running world over its control socket.

import { request, type IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { AosError, jsonOf, writeJson, type ErrorClass } from "@agentos/kernel";

export interface ControlClient {
  /** @param body - plain objects; integers may be bigint. @throws AosError what the world answered, or `world.away` when nothing listens */
  ask(method: "GET" | "POST", path: string, body?: unknown): Promise<unknown>;
  /**
   * Sends a body of bytes, and reads bytes: the answer's size and its pieces, which are to be read to the end.
   * @throws as ask(); undefined for what is not there
   */
  bytes(method: "GET" | "HEAD" | "POST" | "PUT", path: string, body?: AsyncIterable<Uint8Array>): Promise<{ readonly size: number; readonly pieces: AsyncIterable<Uint8Array> } | undefined>;
  /** Server-sent events, until the world ends the stream or the caller stops reading. @throws as ask() */
  follow(path: string, options?: { readonly lastEventId?: number }): AsyncIterable<EventSourceMessage>;
}

const ANSWER_TIMEOUT_MS = 60_000;
/** A stream shows that it lives more often than that. */
const SILENCE_MS = 60_000;

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: string | AsyncIterable<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export function controlClient(socket: string): ControlClient {
  return {
    async ask(method, path, body) {
      const response = await send(socket, { method, path, timeoutMs: ANSWER_TIMEOUT_MS, ...(body === undefined ? {} : { body: writeJson(jsonOf(body)) }) });
      const value = parse(await textOf(response, socket));
      if (response.statusCode === 200) return value;
      throw errorOf(value);
    },
    async bytes(method, path, body) {
      const response = await send(socket, { method, path, timeoutMs: ANSWER_TIMEOUT_MS, ...(body === undefined ? {} : { body }) });
      if (response.statusCode === 200) return { size: Number(response.headers["content-length"] ?? 0), pieces: response };
      const value = parse(await textOf(response, socket));
      if (response.statusCode === 404) return undefined;
      throw errorOf(value);
    },
    async *follow(path, { lastEventId } = {}) {
      const headers = { accept: "text/event-stream", ...(lastEventId === undefined ? {} : { "last-event-id": String(lastEventId) }) };
      const response = await send(socket, { method: "GET", path, headers, timeoutMs: SILENCE_MS });
      if (response.statusCode !== 200) throw errorOf(parse(await textOf(response, socket)));
      const events: EventSourceMessage[] = [];
      const parser = createParser({ onEvent: (event) => events.push(event) });
      response.setEncoding("utf8");
      try {
        for await (const text of response) {
          parser.feed(text as string);
          yield* events.splice(0);
        }
      } catch (cause) {
        // Cut off: the caller goes on from the last event it has.
        if (!(cause instanceof Error) || !("code" in cause)) throw cause;
      } finally {
        response.destroy();
      }
    },
  };
}

function send(socket: string, call: Call): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // Without a name of a TLS server, Node makes one: work for nothing.
    const options = { socketPath: socket, method: call.method, path: call.path, timeout: call.timeoutMs, agent: false, servername: "", headers: { ...call.headers } };
    const sent = request(options, resolve);
    sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
    sent.on("error", (cause) => reject(away(socket, cause)));
    if (call.body === undefined || typeof call.body === "string") sent.end(call.body);
    // The other end may answer, and close, before it has all: the answer counts then, and not what was still to be sent.
    else pipeline(Readable.from(call.body), sent).catch((cause: unknown) => reject(cause instanceof AosError ? cause : away(socket, cause instanceof Error ? cause : new Error(String(cause)))));
  });
}

async function textOf(response: IncomingMessage, socket: string): Promise<string> {
  const parts: Buffer[] = [];
  try {
    for await (const part of response) parts.push(part as Buffer);
  } catch (cause) {
    throw away(socket, cause instanceof Error ? cause : new Error(String(cause)));
  }
  return Buffer.concat(parts).toString("utf8");
}

function away(socket: string, cause: Error): AosError {
  return new AosError("world.away", `${socket}: the world does not answer (${cause.message})`, { class: "outside", hint: "start it with `aos run`", cause });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorOf(value: unknown): AosError {
  const error = typeof value === "object" && value !== null && "error" in value ? value.error : undefined;
  const read = (field: string): string | undefined => {
    const found: unknown = typeof error === "object" && error !== null ? Reflect.get(error, field) : undefined;
    return typeof found === "string" ? found : undefined;
  };
  const hint = read("hint");
  const kind = read("class");
  const known: readonly string[] = ["input", "outside", "refused", "unverified"];
  return new AosError(read("code") ?? "control.answer", read("message") ?? "the world gave an answer that cannot be read", {
    class: kind !== undefined && known.includes(kind) ? (kind as ErrorClass) : "outside", ...(hint === undefined ? {} : { hint }),
  });
}
