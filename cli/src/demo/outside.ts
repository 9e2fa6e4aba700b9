// The outside world of the demo: a small HTTP server on loopback.

import { createServer } from "node:http";

/** Answers 200, and 202 to `/follow.json`; remembers each request as `METHOD path`. */
export async function outsideWorld(): Promise<{ readonly url: string; readonly requests: readonly string[]; close(): Promise<void> }> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    response.writeHead(request.url === "/follow.json" ? 202 : 200, { "content-type": "application/json" });
    response.end(`${JSON.stringify({ answer: requests.length })}\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
