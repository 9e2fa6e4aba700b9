// Webhooks: a signed nudge. That something happened is believed, what happened is looked up: a payload is never read.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { AosError, assert } from "@agentos/kernel";

/** After these there may be something new to look at. */
const EVENTS: ReadonlySet<string> = new Set(["check_run", "check_suite", "merge_group", "pull_request", "pull_request_review", "push"]);
/** GitHub sends no payload larger than this. */
export const PAYLOAD_MAX = 25 << 20;
const DELIVERIES_MAX = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;

export interface WebhookPlace {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}
export interface Webhooks {
  /** The port it listens on. */
  readonly port: number;
  close(): Promise<void>;
}

/** Answers `POST /` of GitHub: 202 for a nudge, 200 for what is none of ours or was sent before, 401 without a signature that holds. */
export async function listenForWebhooks(place: WebhookPlace, nudge: () => void): Promise<Webhooks> {
  assert(place.secret !== "", "a webhook has a secret");
  const seen = new Set<string>();
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    void judge(request, { secret: place.secret, seen }).then(({ status, nudges }) => {
      response.writeHead(status, { "content-length": 0, connection: "close" }).end();
      if (nudges) nudge();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(new AosError("webhook.port", `webhooks: ${place.host}:${place.port}: ${error.message}`, { class: "outside" })));
    server.listen(place.port, place.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Judged {
  readonly status: number;
  readonly nudges: boolean;
}

async function judge(request: IncomingMessage, { secret, seen }: { readonly secret: string; readonly seen: Set<string> }): Promise<Judged> {
  const refused = (status: number): Judged => ({ status, nudges: false });
  if (request.method !== "POST") return refused(405);
  const claimed = /^sha256=([0-9a-f]{64})$/.exec(String(request.headers["x-hub-signature-256"] ?? ""))?.[1];
  if (claimed === undefined) return refused(401);
  const mac = createHmac("sha256", secret);
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > PAYLOAD_MAX) return refused(413);
      mac.update(chunk);
    }
  } catch {
    // The sender hung up; there is nobody to answer.
    return refused(400);
  }
  if (!timingSafeEqual(mac.digest(), Buffer.from(claimed, "hex"))) return refused(401);
  const delivery = String(request.headers["x-github-delivery"] ?? "");
  if (delivery === "" || seen.has(delivery)) return refused(200);
  seen.add(delivery);
  const [oldest] = seen;
  if (seen.size > DELIVERIES_MAX && oldest !== undefined) seen.delete(oldest);
  return EVENTS.has(String(request.headers["x-github-event"])) ? { status: 202, nudges: true } : refused(200);
}
