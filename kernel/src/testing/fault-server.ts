// A real server on loopback that breaks an answer in a way the test names.

import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { TestContext } from "node:test";

/**
 * `slow_first_byte`: nothing is ever sent. `slow_body`: a head and one byte, then nothing. `reset_before_headers`,
 * `reset_after_headers`: the connection is reset there. `huge_body`: bytes without end. `malformed`: no HTTP at all.
 * `truncated`: the body ends before its length. `redirect_loop`: 307 to the same URL. `busy`: 429, `Retry-After: 1`.
 * `unavailable`: 503. `echo`: 400 with the headers and the body of the request in the answer.
 */
export const FAULTS = [
  "slow_first_byte", "slow_body", "reset_before_headers", "reset_after_headers", "huge_body", "malformed", "truncated", "redirect_loop", "busy", "unavailable", "echo",
] as const;
export type Fault = (typeof FAULTS)[number];

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
}
export interface FaultServer {
  /** `http://127.0.0.1:<port>` without a slash at the end. */
  readonly url: string;
  /** Every request so far; its body may still be on the way. */
  readonly seen: readonly SeenRequest[];
  /** Breaks the next `count` answers, all that follow unless told; `none` mends the server. */
  fail(fault: Fault | "none", count?: number): void;
  /** Resolves when the server has seen so many requests. */
  reached(count: number): Promise<void>;
  /** Connections that are open. */
  readonly openCount: number;
}

/** Starts a server that answers with `answer` where no fault is set; it goes away with the test. */
export async function faultServer(t: TestContext, answer: RequestListener): Promise<FaultServer> {
  const seen: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  const waiting: { readonly count: number; readonly go: () => void }[] = [];
  let failing: { readonly fault: Fault; left: number } | undefined;
  const server = createServer((request, response) => {
    seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers });
    for (const { count, go } of waiting) if (seen.length >= count) go();
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    if (failing === undefined || failing.left === 0) return answer(request, response);
    failing.left--;
    breaks[failing.fault](request, response);
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    get openCount() {
      return sockets.size;
    },
    fail(fault, count = Number.POSITIVE_INFINITY) {
      failing = fault === "none" ? undefined : { fault, left: count };
    },
    reached(count) {
      return new Promise((go) => (seen.length >= count ? go() : waiting.push({ count, go })));
    },
  };
}

const PIECE = Buffer.alloc(64 * 1024, "x");

const breaks: Readonly<Record<Fault, (request: IncomingMessage, response: ServerResponse) => void>> = {
  slow_first_byte: () => undefined,
  slow_body: (_, response) => void response.writeHead(200, { "content-length": "100" }).write("{"),
  reset_before_headers: (request) => void request.socket.resetAndDestroy(),
  reset_after_headers: (request, response) => void response.writeHead(200, { "content-length": "100" }).write("{", () => request.socket.resetAndDestroy()),
  huge_body: (_, response) => {
    response.writeHead(200, { "content-type": "text/plain" });
    const more = (): void => {
      while (!response.destroyed && response.write(PIECE));
    };
    response.on("drain", more);
    more();
  },
  malformed: (request) => void request.socket.end("ICY 200 OK?\r\n\r\n\u0000\u0001"),
  truncated: (request, response) => void response.writeHead(200, { "content-length": "100" }).write("{", () => request.socket.end()),
  redirect_loop: (request, response) => void response.writeHead(307, { location: request.url ?? "/" }).end(),
  busy: (_, response) => void response.writeHead(429, { "retry-after": "1", "content-type": "application/json" }).end("{}"),
  unavailable: (_, response) => void response.writeHead(503, { "content-type": "application/json" }).end("{}"),
  echo: (request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const text = JSON.stringify({ url: request.url, headers: request.headers, body: Buffer.concat(pieces).toString() });
      response.writeHead(400, { "content-type": "application/json", "x-echo": encodeURI(text).slice(0, 4000) }).end(text);
    });
  },
};
