// The control API on loopback HTTP, for tools that cannot open a socket file: a token opens it, and nothing but loopback hears it.

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { AosError } from "@agentos/kernel";
import { systemCode } from "../git/durable.ts";
import type { StreamLimits } from "./event-stream.ts";
import { closeServer, exchange, sendError, type ControlHandler } from "./exchange.ts";

/** Where to listen. */
export interface LoopbackPlace {
  readonly host: "127.0.0.1" | "::1";
  /** 0: any that is free. */
  readonly port: number;
}
export interface LoopbackServer {
  /** Such as `http://127.0.0.1:4100`. */
  readonly url: string;
  /** The file that holds the token. */
  readonly tokenFile: string;
  close(): Promise<void>;
}

/** Names of this machine alone, and the address each is listened to on. */
const LOOPBACK: Readonly<Record<string, LoopbackPlace["host"]>> = { "127.0.0.1": "127.0.0.1", localhost: "127.0.0.1", "[::1]": "::1", "::1": "::1" };

/**
 * Reads `[HOST:]PORT`.
 *
 * @throws AosError `control.http` for a host that others could reach, and for what is no port
 */
export function parseLoopback(text: string): LoopbackPlace {
  const [, name = "127.0.0.1", digits = ""] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === "" || port > 65_535) throw new AosError("control.http", `${JSON.stringify(text)}: expected [HOST:]PORT`, { hint: "such as --http 4100 or --http localhost:4100" });
  const host = Object.hasOwn(LOOPBACK, name) ? LOOPBACK[name] : undefined;
  if (host === undefined) {
    throw new AosError("control.http", `${JSON.stringify(name)}: not a loopback address: whoever reaches it could steer the world`, { hint: "use 127.0.0.1, localhost or [::1], and an SSH tunnel from elsewhere: ssh -L 4100:127.0.0.1:4100 HOST" });
  }
  return { host, port };
}

/**
 * Listens on loopback. Each request needs `Authorization: Bearer <token>`, and a Host header that names loopback: a page of
 * another site, whose name was made to point here, knows neither.
 *
 * @param folder - where the token file is, or is made
 * @throws AosError `control.http` when the port is taken, `control.token` when the token file holds something else
 */
export async function serveLoopback(folder: string, handler: ControlHandler, options: { readonly place: LoopbackPlace; readonly limits?: Partial<StreamLimits> }): Promise<LoopbackServer> {
  const tokenFile = join(folder, "http-token");
  const token = digest(await readToken(tokenFile));
  const ends = new Set<() => void>();
  const shownHost = options.place.host === "::1" ? "[::1]" : options.place.host;
  const server = createServer((request, response) => {
    const { localPort } = request.socket;
    const refused = refusal(request, { token, port: localPort ?? 0 });
    if (refused !== undefined) {
      if (refused.status === 401) response.setHeader("www-authenticate", "Bearer");
      response.setHeader("connection", "close");
      sendError(response, refused.status, refused.error);
      return;
    }
    void exchange(request, response, { handler, via: "http", ends, ...(options.limits === undefined ? {} : { limits: options.limits }) });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(new AosError("control.http", `${shownHost}:${options.place.port}: cannot listen there (${systemCode(cause) ?? "unknown"})`, { class: "outside", hint: "name another port, or 0 for any that is free", cause })));
    server.listen(options.place.port, options.place.host, resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : options.place.port;
  return { url: `http://${shownHost}:${port}`, tokenFile, close: () => closeServer(server, ends) };
}

/** Why a request is not for us, if it is not: the name it was sent to, then the token. */
function refusal({ headers, headersDistinct }: IncomingMessage, own: { readonly token: Buffer; readonly port: number }): { readonly status: number; readonly error: AosError } | undefined {
  const names = ["127.0.0.1", "localhost", "[::1]"].flatMap((name) => [`${name}:${own.port}`, ...(own.port === 80 ? [name] : [])]);
  const hosts = headersDistinct["host"] ?? [];
  if (hosts.length !== 1 || !names.includes(hosts[0]?.toLowerCase() ?? "")) {
    return { status: 421, error: new AosError("control.host", "the Host header names another place than this one", { class: "refused", hint: "ask it as 127.0.0.1 or localhost, with its port" }) };
  }
  const [, given] = /^Bearer +([\x21-\x7e]{1,200})$/i.exec(headers.authorization ?? "") ?? [];
  if (given !== undefined && timingSafeEqual(digest(given), own.token)) return undefined;
  const what = given === undefined ? "no token: the request has no Authorization: Bearer header" : "another token than this world's";
  return { status: 401, error: new AosError("control.token", what, { class: "refused", hint: "read it from the file that `aos run --http` names" }) };
}

/** Hashes have one length, so that comparing them tells nothing of the token. */
function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

const TOKEN_BYTES = 32;

/** The token of the file, which is made once, for its owner alone. */
async function readToken(path: string): Promise<string> {
  try {
    await writeFile(path, `${randomBytes(TOKEN_BYTES).toString("base64url")}\n`, { flag: "wx", mode: 0o600, flush: true });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  }
  await chmod(path, 0o600);
  const text = (await readFile(path, "utf8")).trim();
  if (/^[A-Za-z0-9_-]{43,200}$/.test(text)) return text;
  throw new AosError("control.token", `${path}: holds no token`, { at: { file: path }, hint: "remove the file: the next start makes a new one" });
}
