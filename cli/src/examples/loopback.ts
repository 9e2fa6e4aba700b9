// The outside of an example: a real HTTP server on loopback, which stands where the world's URLs say example.com.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** The origin that the URLs of the ladder name. */
export const ORIGIN = "https://example.com";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}
export interface Reply {
  readonly status: number;
  readonly body: string;
}
export interface Loopback {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Every request, in the order they came. */
  readonly asked: readonly Asked[];
  /** The operator's word that requests to `ORIGIN` go to this server. */
  readonly origins: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Serves what `reply` says, whenever it says it: answers may overtake each other. */
export async function serveLoopback(reply: (asked: Asked) => Reply | Promise<Reply>): Promise<Loopback> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => void answer(request, response));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const one = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body: Buffer.concat(parts).toString("utf8") };
    asked.push(one);
    const { status, body } = await reply(one);
    response.writeHead(status, { "content-type": "application/json", connection: "close" });
    response.end(body);
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url, asked, origins: { [ORIGIN]: url },
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}
