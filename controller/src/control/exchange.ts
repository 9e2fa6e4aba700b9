// One HTTP exchange of the control API: a request is read and bounded, its answer is JSON or a stream of events.

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { AosError, StateLost } from "@agentos/kernel";
import { isByteAnswer, sendBytes } from "./byte-answer.ts";
import { isEventStream, sendStream, type StreamLimits } from "./event-stream.ts";

/** What a request asks, already parsed. */
export interface ControlRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** The body as text; undefined when there is none, and where the path takes bytes. */
  readonly body: string | undefined;
  /** The body as it comes, where the path is below `/blobs`; else nothing. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** The header `Last-Event-ID`. */
  readonly lastEventId: string | undefined;
  /** Which way it came: the owner's socket, or loopback HTTP. */
  readonly via: "socket" | "http";
}
/** Gives a value that is sent as JSON, or an event stream. */
export type ControlHandler = (request: ControlRequest) => Promise<unknown>;

interface ExchangeOptions {
  readonly via: ControlRequest["via"];
  readonly limits?: Partial<StreamLimits>;
  /** Ends of the streams that are open, to be called when the server closes. */
  readonly ends: Set<() => void>;
}

export const BODY_BYTES_MAX = 8 << 20;
/** A body beyond the limit is read and thrown away up to here, so that its sender gets to read the answer. */
const DISCARD_BYTES_MAX = 64 << 20;
/** Streams of one server; each may hold a socket's buffer. */
const STREAMS_MAX = 256;
const STALL_MS = 15_000;
const HEARTBEAT_MS = 15_000;
/** Requests under way when a server closes get this long. */
const CLOSE_GRACE_MS = 2_000;

export async function exchange(request: IncomingMessage, response: ServerResponse, { handler, ...options }: ExchangeOptions & { readonly handler: ControlHandler }): Promise<void> {
  try {
    const answer = await handler(await readRequest(request, options.via));
    if (isByteAnswer(answer)) return await sendBytes(response, answer, request.method === "HEAD" ? "head" : "all");
    if (!isEventStream(answer)) return send(response, 200, answer);
    if (options.ends.size >= STREAMS_MAX) throw new AosError("control.busy", `${STREAMS_MAX} clients follow already`, { class: "outside", hint: "close one of them" });
    await sendStream(response, answer, { stallMs: STALL_MS, heartbeatMs: HEARTBEAT_MS, ...options.limits, ends: options.ends });
  } catch (error) {
    const why = error instanceof StateLost ? error.cause : error;
    const known = why instanceof AosError ? why : new AosError("control.failed", "the world could not answer", { class: "outside", cause: why });
    // What is left of a body that was refused: thrown away, so that its sender gets to read why.
    await discard(request);
    sendError(response, known.code === "blob.missing" ? 404 : known.class === "outside" ? 503 : 422, known);
  }
}

export function sendError(response: ServerResponse, status: number, error: AosError): void {
  send(response, status, { error: { code: error.code, message: error.message, class: error.class, ...(error.hint === undefined ? {} : { hint: error.hint }) } });
}

/** Takes no more connections, ends the streams, gives requests under way their time. */
export async function closeServer(server: Server, ends: ReadonlySet<() => void>): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  for (const end of ends) end();
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
  await closed;
  clearTimeout(late);
}

async function readRequest(request: IncomingMessage, via: ControlRequest["via"]): Promise<ControlRequest> {
  const target = request.url ?? "/";
  if (!target.startsWith("/") || target.startsWith("//")) throw new AosError("control.path", `${JSON.stringify(target.slice(0, 100))}: a request names a path such as /status`);
  const url = new URL(target, "http://world");
  const isBytes = url.pathname === "/blobs" || url.pathname.startsWith("/blobs/");
  const body = isBytes ? undefined : await readBody(request);
  const last = request.headers["last-event-id"];
  return { method: request.method ?? "GET", path: url.pathname, query: url.searchParams, body, bytes: isBytes ? request.iterator({ destroyOnReturn: false }) : NOTHING, lastEventId: typeof last === "string" ? last : undefined, via };
}

/** A body without bytes. */
const NOTHING: AsyncIterable<Uint8Array> = {
  async *[Symbol.asyncIterator]() {
    // There is none.
  },
};

/** Reads on, and keeps nothing, up to the limit. */
async function discard(request: IncomingMessage): Promise<void> {
  if (request.readableEnded || request.destroyed) return;
  let size = 0;
  try {
    for await (const part of request) {
      size += (part as Buffer).length;
      if (size > DISCARD_BYTES_MAX) return;
    }
  } catch {
    // Its sender is gone.
  }
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    const bytes = part as Buffer;
    size += bytes.length;
    if (size > DISCARD_BYTES_MAX) break;
    if (size <= BODY_BYTES_MAX) parts.push(bytes);
  }
  if (size > BODY_BYTES_MAX) throw new AosError("control.body", `the request has more than ${BODY_BYTES_MAX} bytes`);
  if (size === 0) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
  } catch {
    throw new AosError("control.body", "the request is not UTF-8");
  }
}

/** The text is made first: what cannot be written down is an error while an error can still be sent. */
function send(response: ServerResponse, status: number, value: unknown): void {
  const text = `${JSON.stringify(value)}\n`;
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text), "cache-control": "no-store" });
  response.end(text);
}
