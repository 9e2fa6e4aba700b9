// An LLM server on loopback: the three protocols whole and streamed, with scripted answers and every way of going wrong.

import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { hex, sha256, utf8 } from "../air/hash.ts";
import { isObject, requestProblem } from "./llm-request.ts";
import { anthropicWire, chatWire, responsesWire, type ScriptedAnswer, type Wire, type WireError, type WireEvent } from "./llm-wire.ts";

export type LlmServerProtocol = "openai-chat" | "openai-responses" | "anthropic";

/** A request that a script answers. */
export interface LlmServerRequest {
  readonly protocol: LlmServerProtocol;
  readonly model: string;
  readonly delivery: "whole" | "stream";
  /** The text of the last user message, parts put together. */
  readonly userText: string;
  /** The body as it was posted. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: IncomingMessage["headers"];
}

/**
 * What the server does with a request. `after` counts events of a stream, which come before; a whole answer breaks at once.
 * - `error`: a status with an error of the protocol; `headers` such as `retry-after`
 * - `error_event`: an error inside an answer that began well (status 200)
 * - `malformed`: an answer that is not JSON; `cut`: it ends early; `reset`: the connection is reset; `hang`: nothing more comes
 * - `raw`: a body as it is
 */
export type LlmScript =
  | ({ readonly kind: "answer" } & ScriptedAnswer)
  | ({ readonly kind: "error"; readonly status: number; readonly headers?: Readonly<Record<string, string>> } & WireError)
  | ({ readonly kind: "error_event"; readonly after: number } & WireError & ScriptedAnswer)
  | ({ readonly kind: "malformed" | "cut" | "reset" | "hang"; readonly after: number } & ScriptedAnswer)
  | { readonly kind: "raw"; readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string | Uint8Array };

export interface LlmServerOptions {
  readonly answer: (request: LlmServerRequest) => LlmScript;
  /** The key that requests have to bring, as a bearer token or as `x-api-key`; any, or none, unless told. */
  readonly key?: string;
  /** The models that are known; all unless told. */
  readonly models?: readonly string[];
  /** Bytes of a stream written at a time, without regard for its characters; an event at a time unless told. */
  readonly writeBytes?: number;
}

export interface LlmServer {
  /** `http://127.0.0.1:<port>`: the base URL of Anthropic's protocol; with `/v1` that of the OpenAI protocols. */
  readonly url: string;
  /** What was answered by script, in order. */
  readonly requests: readonly LlmServerRequest[];
  /** Connections that are open. */
  readonly openCount: number;
  /** Resolves when no connection is left. */
  close(): Promise<void>;
}

const WIRES: Readonly<Record<LlmServerProtocol, Wire>> = { "openai-chat": chatWire, "openai-responses": responsesWire, anthropic: anthropicWire };
const BODY_BYTES_MAX = 64 * 1024 * 1024;

/** Starts a server on a port of its own. */
export async function llmServer(options: LlmServerOptions): Promise<LlmServer> {
  const requests: LlmServerRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer(llmListener({ ...options, answer: (request) => (requests.push(request), options.answer(request)) }));
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get openCount() {
      return sockets.size;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}

/** The server's answers, for a server that a test has already. */
export function llmListener(options: LlmServerOptions): RequestListener {
  return (request, response) => {
    response.on("error", () => undefined);
    serve(request, response, options).catch(() => response.destroy());
  };
}

/** Answers with the beginning of what the user said: 120 characters at most, and 8 hex digits of the SHA-256 of all of it. */
export function summarize(request: LlmServerRequest): LlmScript {
  const text = request.userText;
  return { kind: "answer", text: `${[...text].slice(0, 120).join("")} …${hex(sha256(utf8(text))).slice(0, 8)}`, usage: { prompt: 120, completion: 42 } };
}

async function serve(request: IncomingMessage, response: ServerResponse, options: LlmServerOptions): Promise<void> {
  const path = request.url ?? "";
  const protocol = (Object.keys(WIRES) as LlmServerProtocol[]).find((name) => WIRES[name].path === path);
  if (protocol === undefined) return sendError(response, chatWire, { status: 404, type: "invalid_request_error", message: `Unknown request URL: ${request.method} ${path}.` });
  const wire = WIRES[protocol];
  if (request.method !== "POST") return sendError(response, wire, { status: 405, type: "invalid_request_error", message: "Only POST is allowed here." });
  const body = await readBody(request);
  const given = protocol === "anthropic" ? request.headers["x-api-key"] : request.headers.authorization?.replace(/^Bearer /, "");
  if (options.key !== undefined && given !== options.key) {
    // Real services quote the key, or part of it.
    return sendError(response, wire, { status: 401, type: protocol === "anthropic" ? "authentication_error" : "invalid_request_error", message: `Incorrect API key provided: ${String(given)}.` });
  }
  const problem = requestProblem(protocol, body, request.headers);
  if (problem !== undefined || !isObject(body)) return sendError(response, wire, { status: 400, type: "invalid_request_error", message: problem ?? "The body is no object." });
  const model = String(body["model"]);
  if (options.models?.includes(model) === false) {
    return sendError(response, wire, { status: 404, type: protocol === "anthropic" ? "not_found_error" : "invalid_request_error", message: `The model ${model} does not exist.` });
  }
  const asked: LlmServerRequest = { protocol, model, delivery: body["stream"] === true ? "stream" : "whole", userText: userTextOf(body), body, headers: request.headers };
  await play(response, wire, { asked, script: options.answer(asked), writeBytes: options.writeBytes });
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of request as AsyncIterable<Uint8Array>) {
    length += piece.length;
    if (length > BODY_BYTES_MAX) throw new Error("the request is too long");
    pieces.push(piece);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString()) as unknown;
  } catch {
    return undefined;
  }
}

/** Messages are in `messages` or in `input`, their content a text or parts with a `text`. */
function userTextOf(body: Readonly<Record<string, unknown>>): string {
  const messages = (body["messages"] ?? body["input"]) as readonly { readonly role?: string; readonly content?: unknown }[];
  const content = messages.findLast(({ role }) => role === "user")?.content ?? "";
  if (!Array.isArray(content)) return String(content);
  return (content as readonly { readonly text?: string }[]).map(({ text = "" }) => text).join("");
}

function sendError(response: ServerResponse, wire: Wire, error: WireError & { readonly status: number; readonly headers?: Readonly<Record<string, string>> }): void {
  response.writeHead(error.status, { "content-type": "application/json", ...error.headers });
  response.end(JSON.stringify(wire.error(error)));
}

interface Play {
  readonly asked: LlmServerRequest;
  readonly script: LlmScript;
  readonly writeBytes: number | undefined;
}

async function play(response: ServerResponse, wire: Wire, { asked, script, writeBytes }: Play): Promise<void> {
  if (script.kind === "error") return sendError(response, wire, script);
  if (script.kind === "raw") {
    response.writeHead(script.status, script.headers);
    response.end(script.body);
    return;
  }
  if (asked.delivery === "whole") return playWhole(response, wire, { asked, script });
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
  const events = wire.stream(script, asked.model);
  const sent = script.kind === "answer" ? events : events.slice(0, script.after);
  const all = script.kind === "error_event" ? [...sent, wire.errorEvent(script)] : sent;
  await writeAll(response, all.map(eventText), writeBytes);
  endBroken(response, script.kind, "data: {\"not json\n\n");
}

function playWhole(response: ServerResponse, wire: Wire, { asked, script }: { readonly asked: LlmServerRequest; readonly script: Exclude<LlmScript, { readonly kind: "error" | "raw" }> }): void {
  const text = JSON.stringify(script.kind === "error_event" ? wire.error(script) : wire.whole(script, asked.model));
  const broken = script.kind !== "answer" && script.kind !== "error_event";
  response.writeHead(200, { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) });
  response.write(broken ? text.slice(0, text.length / 2) : text, () => endBroken(response, script.kind, "{".repeat(Buffer.byteLength(text))));
}

/** Ends an answer the way its script says; `malformed` with bytes that spoil it. */
function endBroken(response: ServerResponse, kind: Exclude<LlmScript["kind"], "error" | "raw">, spoiled: string): void {
  switch (kind) {
    case "hang": return;
    case "reset": return void response.socket?.resetAndDestroy();
    case "malformed": {
      // A body of a length given before is filled up to it.
      const left = Number(response.getHeader("content-length") ?? Number.NaN);
      response.end(Number.isNaN(left) ? spoiled : spoiled.slice(0, left - Math.floor(left / 2)));
      return;
    }
    case "cut":
      if (response.hasHeader("content-length")) response.destroy();
      else response.end();
      return;
    default: response.end();
  }
}

function eventText({ name, data }: WireEvent): string {
  const line = typeof data === "string" ? data : JSON.stringify(data);
  return `${name === undefined ? "" : `event: ${name}\n`}data: ${line}\n\n`;
}

async function writeAll(response: ServerResponse, events: readonly string[], writeBytes: number | undefined): Promise<void> {
  const bytes = Buffer.from(events.join(""));
  const pieces = writeBytes === undefined ? events : Array.from({ length: Math.ceil(bytes.length / writeBytes) }, (_, index) => bytes.subarray(index * writeBytes, (index + 1) * writeBytes));
  for (const piece of pieces) await new Promise<void>((done, fail) => response.write(piece, (error) => (error ? fail(error) : done())));
}
