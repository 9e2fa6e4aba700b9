// The control socket of a running world: HTTP over a Unix socket, JSON in and out, so that curl can speak it too.

import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AosError } from "@agentos/kernel";

/** What a request asks, already parsed; the answer is sent as JSON. */
export interface ControlRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** The body as text; undefined when there is none. */
  readonly body: string | undefined;
}
export type ControlHandler = (request: ControlRequest) => Promise<unknown>;

export interface ControlServer {
  readonly socket: string;
  close(): Promise<void>;
}

export const BODY_BYTES_MAX = 8 << 20;
/** A body beyond the limit is read and thrown away up to here, so that its sender gets to read the answer. */
const DISCARD_BYTES_MAX = 64 << 20;
/** Requests under way when the server closes get this long. */
const CLOSE_GRACE_MS = 2_000;
/** sun_path holds 108 bytes with its end. */
const SOCKET_PATH_MAX = 100;

/** Listens in a folder only its owner can enter; a path too long for a socket moves to a private temporary folder. */
export async function serveControl(folder: string, handler: ControlHandler): Promise<ControlServer> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const near = join(folder, "control.sock");
  const socket = Buffer.byteLength(near) <= SOCKET_PATH_MAX ? near : join(await mkdtemp(join(tmpdir(), "aos-")), "control.sock");
  await rm(socket, { force: true });
  const server = createServer((request, response) => void answer(request, response, handler));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socket, resolve);
  });
  await chmod(socket, 0o600);
  return {
    socket,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      const late = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
      await closed;
      clearTimeout(late);
      await rm(socket, { force: true });
      if (socket !== near) await rm(dirname(socket), { recursive: true, force: true });
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, handler: ControlHandler): Promise<void> {
  try {
    send(response, 200, await handler(await readRequest(request)));
  } catch (error) {
    const known = error instanceof AosError ? error : new AosError("control.failed", "the world could not answer", { class: "outside", cause: error });
    send(response, known.class === "outside" ? 503 : 422, {
      error: { code: known.code, message: known.message, class: known.class, ...(known.hint === undefined ? {} : { hint: known.hint }) },
    });
  }
}

async function readRequest(request: IncomingMessage): Promise<ControlRequest> {
  const body = await readBody(request);
  const target = request.url ?? "/";
  if (!target.startsWith("/") || target.startsWith("//")) throw new AosError("control.path", `${JSON.stringify(target.slice(0, 100))}: a request names a path such as /status`);
  const url = new URL(target, "http://world");
  return { method: request.method ?? "GET", path: url.pathname, query: url.searchParams, body };
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
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}
