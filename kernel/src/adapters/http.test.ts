import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { createServer as createSocketServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { canonical, decode } from "../air/cbor.ts";
import { fromUtf8, isHash, utf8, ZERO_HASH } from "../air/hash.ts";
import type { Hash, Value } from "../air/value.ts";
import type { AdapterCall, Blobs } from "../ports.ts";
import { folder } from "../testing/folder.ts";
import { manualClock } from "../testing/manual-clock.ts";
import { fileBlobs } from "./blobs/file.ts";
import { memoryBlobs } from "./blobs/memory.ts";
import { httpAdapter } from "./http.ts";
import type { HttpAdapterOptions } from "./http.ts";

const NO_KEY = new Uint8Array(32);
const SOME_KEY = new Uint8Array(32).fill(0xab);
const LOCAL = { hosts: ["127.0.0.1"] };
const NEVER = new AbortController().signal;

async function listening(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return (server.address() as AddressInfo).port;
}

const webServer = (t: TestContext, answer: RequestListener): Promise<number> => listening(t, createServer(answer));
const socketServer = (t: TestContext, answer: (socket: Socket) => void): Promise<number> =>
  listening(t, createSocketServer((socket) => {
    socket.on("error", () => undefined);
    answer(socket);
  }));

interface Request {
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly bodyRef?: Hash;
  readonly key?: Uint8Array;
  readonly grant?: Readonly<Record<string, readonly (string | number)[]>>;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

function callOf(request: Request): AdapterCall {
  const { url, method = "GET", headers = {}, bodyRef = null, key = NO_KEY, grant = LOCAL, deadlineMs = 20_000, signal = NEVER } = request;
  return {
    intentHash: ZERO_HASH, effect: "http.request", params: canonical({ method, url, headers, body_ref: bodyRef }), idempotencyKey: key,
    capParams: canonical({ hosts: null, schemes: null, methods: null, ports: null, path_prefixes: null, ...grant }), deadlineMs, signal,
  };
}

interface Receipt {
  readonly outcome: string;
  readonly status: Value;
  readonly headers: ReadonlyMap<Value, Value>;
  readonly body: Uint8Array | undefined;
}

/** Sends a request with an adapter over memory, checks the receipt's shape, and reads its body. */
async function send(request: Request, options: HttpAdapterOptions & { readonly blobs?: Blobs } = {}): Promise<Receipt> {
  const { blobs = memoryBlobs(), ...rest } = options;
  const result = await httpAdapter({ blobs, clock: manualClock(5n) }, rest).run(callOf(request));
  const payload = decode(result.payload) as ReadonlyMap<string, Value>;
  assert.deepEqual(new Set(payload.keys()), new Set(["status", "headers", "body_ref", "timings", "adapter_id"]));
  assert.deepEqual(payload.get("timings"), new Map([["end_ns", 5], ["start_ns", 5]]));
  assert.equal(payload.get("adapter_id"), "http");
  const ref = payload.get("body_ref");
  const headers = payload.get("headers");
  assert.ok(headers instanceof Map && (ref === null || (typeof ref === "string" && isHash(ref))));
  return { outcome: result.status, status: payload.get("status") ?? null, headers, body: ref === null ? undefined : await blobs.get(ref) };
}

function textOf(receipt: Receipt): string {
  return receipt.body === undefined ? "" : fromUtf8(receipt.body);
}

async function bodyText(request: IncomingMessage): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of request as AsyncIterable<Uint8Array>) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

test("http: an answer: ok, headers in lower case, body in the blobs, credentials and hop-by-hop headers left out", async (t) => {
  const port = await webServer(t, (_, response) => {
    response.setHeader("X-Twice", ["a", "b"]);
    response.setHeader("Set-Cookie", ["session=secret", "other=secret"]);
    response.setHeader("Authorization", "secret");
    response.setHeader("Content-Type", "text/plain");
    response.removeHeader("Date");
    response.sendDate = false;
    response.end("hello");
  });
  const receipt = await send({ url: `http://127.0.0.1:${port}/path?query#fragment` });
  assert.equal(receipt.outcome, "ok");
  assert.equal(receipt.status, 200);
  assert.equal(textOf(receipt), "hello");
  assert.deepEqual(
    receipt.headers,
    new Map([["x-twice", "a, b"], ["content-type", "text/plain"], ["set-cookie", "[redacted]"], ["authorization", "[redacted]"], ["content-length", "5"]]),
  );
});

test("http: any status of a server: ok, and no blob for an empty body", async (t) => {
  const port = await webServer(t, (request, response) => {
    response.statusCode = Number(request.url?.slice(1));
    response.end();
  });
  const statuses = [200, 204, 304, 400, 404, 429, 500, 503, 599];
  for (const status of statuses) {
    const receipt = await send({ url: `http://127.0.0.1:${port}/${status}` });
    assert.deepEqual([receipt.outcome, receipt.status, receipt.body], ["ok", status, undefined]);
  }
  assert.equal(statuses.length, 9);
});

/** What a server got: method, path, body, and the headers that tell. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  bodyText(request).then((body) => {
    const { connection: _, date: __, ...headers } = request.headers;
    const text = JSON.stringify({ method: request.method, url: request.url, headers, body });
    response.setHeader("x-echo", text);
    response.end(text);
  }, () => response.destroy());
}

test("http: each method, with and without a body: arrives as it was asked for", async (t) => {
  const port = await webServer(t, echo);
  const blobs = memoryBlobs();
  const bodyRef = await blobs.put(utf8("payload"));
  const methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "post"];
  for (const method of methods) {
    for (const body of ["", "payload"]) {
      const receipt = await send({ url: `http://127.0.0.1:${port}/a?b=c`, method, headers: { "X-A": "1", "Content-Length": "99" }, ...(body === "" ? {} : { bodyRef }) }, { blobs });
      assert.equal(receipt.outcome, "ok");
      const seen = JSON.parse(String(receipt.headers.get("x-echo"))) as Record<string, unknown>;
      const upper = method.toUpperCase();
      const length = body !== "" ? { "content-length": "7" } : ["POST", "PUT", "PATCH"].includes(upper) ? { "content-length": "0" } : {};
      assert.deepEqual(seen, { method: upper, url: "/a?b=c", headers: { host: `127.0.0.1:${port}`, "user-agent": "agentos", "x-a": "1", ...length }, body });
    }
  }
  assert.equal(methods.length, 8);
});

test("http: idempotency key: sent in hex unless it is zero or the author sends one", async (t) => {
  const port = await webServer(t, echo);
  const rows = [
    { key: NO_KEY, headers: {}, sent: undefined },
    { key: SOME_KEY, headers: {}, sent: "ab".repeat(32) },
    { key: SOME_KEY, headers: { "Idempotency-Key": "mine" }, sent: "mine" },
    { key: NO_KEY, headers: { "idempotency-key": "mine" }, sent: "mine" },
  ];
  for (const { key, headers, sent } of rows) {
    const receipt = await send({ url: `http://127.0.0.1:${port}/`, method: "POST", key, headers });
    const seen = JSON.parse(textOf(receipt)) as { headers: Record<string, string> };
    assert.equal(seen.headers["idempotency-key"], sent);
  }
  assert.equal(rows.length, 4);
});

test("http: after a crash: again for idempotent methods and keyed calls, else unknown", () => {
  const adapter = httpAdapter({ blobs: memoryBlobs(), clock: manualClock(0n) });
  const rows: readonly (readonly [string, Uint8Array, string])[] = [
    ["GET", NO_KEY, "again"], ["HEAD", NO_KEY, "again"], ["PUT", NO_KEY, "again"], ["DELETE", NO_KEY, "again"], ["OPTIONS", NO_KEY, "again"], ["get", NO_KEY, "again"],
    ["POST", NO_KEY, "unknown"], ["PATCH", NO_KEY, "unknown"], ["POST", SOME_KEY, "again"], ["PATCH", SOME_KEY, "again"],
  ];
  for (const [method, key, expected] of rows) assert.equal(adapter.resend(callOf({ url: "http://127.0.0.1/", method, key })), expected, method);
  assert.equal(rows.length, 10);
});

test("http: what the adapter cannot or may not send: an error receipt, and nothing is sent", async (t) => {
  let requests = 0;
  const port = await webServer(t, (_, response) => {
    requests += 1;
    response.end();
  });
  const url = `http://127.0.0.1:${port}/?token=secret`;
  const rows: readonly (readonly [request: Omit<Request, "url"> & { readonly url?: string }, status: number, text: string])[] = [
    [{ method: "TRACE" }, 405, "http.method:"],
    [{ method: "GET / HTTP/1.1\r\nx: y" }, 405, "http.method:"],
    [{ headers: { host: "other.com" } }, 400, "http.header: the header host"],
    [{ headers: { "Transfer-Encoding": "chunked" } }, 400, "http.header: the header transfer-encoding"],
    [{ headers: { connection: "upgrade" } }, 400, "http.header: the header connection"],
    [{ headers: { "x-a": "1\r\nx-b: 2" } }, 400, "http.header: the header x-a"],
    [{ headers: { "x a": "secret" } }, 400, "http.header: a header of the params"],
    [{ headers: { "x-a": "\u20ac" } }, 400, "http.header: the header x-a"],
    [{ bodyRef: ZERO_HASH, method: "POST" }, 599, "http.body_missing:"],
    [{ grant: { hosts: ["localhost"] } }, 599, "host_not_allowed:"],
    [{ grant: { ...LOCAL, methods: ["POST"] } }, 599, "method_not_allowed:"],
    [{ grant: { ...LOCAL, ports: [443] } }, 599, "port_not_allowed:"],
    [{ grant: { ...LOCAL, schemes: ["https"] } }, 599, "scheme_not_allowed:"],
    [{ grant: { ...LOCAL, path_prefixes: ["/api"] } }, 599, "path_not_allowed:"],
    [{ grant: {} }, 599, "http.address:"],
    [{ url: `http://2130706433:${port}/?token=secret`, grant: {} }, 599, "http.address:"],
    [{ url: `http://[::ffff:127.0.0.1]:${port}/?token=secret`, grant: {} }, 599, "http.address:"],
    [{ url: `http://user:secret@127.0.0.1:${port}/` }, 599, "invalid_url:"],
    [{ url: "not a url, secret" }, 599, "invalid_url:"],
  ];
  for (const [request, status, text] of rows) {
    const receipt = await send({ url, ...request });
    assert.deepEqual([receipt.outcome, receipt.status], ["error", status], text);
    assert.ok(textOf(receipt).startsWith(text), textOf(receipt));
    assert.ok(!textOf(receipt).includes("secret"), textOf(receipt));
  }
  assert.equal(rows.length, 19);
  assert.equal(requests, 0);
});

const rawAnswers: readonly { readonly what: string; readonly answer: (socket: Socket) => void }[] = [
  { what: "closes at once", answer: (socket) => socket.end() },
  { what: "resets at once", answer: (socket) => socket.resetAndDestroy() },
  { what: "resets after the request", answer: (socket) => socket.once("data", () => socket.resetAndDestroy()) },
  { what: "answers with noise", answer: (socket) => socket.end("\u0000\u0001noise\r\n\r\n") },
  { what: "answers with another protocol", answer: (socket) => socket.end("220 mail.example ESMTP\r\n") },
  { what: "stops in the head", answer: (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Le") },
  { what: "stops in the body", answer: (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort") },
  { what: "stops in a chunk", answer: (socket) => socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab") },
  { what: "sends a wrong chunk", answer: (socket) => socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n") },
  { what: "sends two lengths", answer: (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab") },
  { what: "sends a head without end", answer: (socket) => socket.end(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(100_000)}\r\n\r\n`) },
  { what: "switches the protocol", answer: (socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n") },
];
assert.equal(rawAnswers.length, 12);
for (const { what, answer } of rawAnswers) {
  test(`http: a server that ${what}: error receipt 599, said in one sentence without the URL`, async (t) => {
    const port = await socketServer(t, answer);
    const receipt = await send({ url: `http://127.0.0.1:${port}/?token=secret` });
    assert.deepEqual([receipt.outcome, receipt.status], ["error", 599]);
    assert.match(textOf(receipt), /^http\.transport: the (exchange failed \([A-Z_]+\)|connection ended without an answer)\.$/);
  });
}

test("http: nobody listens, no such name, TLS to a plain port: error receipt 599", async (t) => {
  const taken = createSocketServer();
  const port = await listening(t, taken);
  await new Promise((done) => taken.close(done));
  const plain = await webServer(t, (_, response) => response.end());
  const noSuchName = async (): Promise<never> => {
    throw Object.assign(new Error("getaddrinfo ENOTFOUND secret.test"), { code: "ENOTFOUND" });
  };
  const rows: readonly (readonly [url: string, text: RegExp, options: HttpAdapterOptions])[] = [
    [`http://127.0.0.1:${port}/`, /^http\.transport: the exchange failed \(ECONNREFUSED\)\.$/, {}],
    [`https://127.0.0.1:${plain}/`, /^http\.transport: the exchange failed \([A-Z_]+\)\.$/, {}],
    ["http://secret.test/", /^http\.transport: the exchange failed \(ENOTFOUND\)\.$/, { resolve: noSuchName }],
    ["http://secret.test/", /^http\.transport: the host name has no address\.$/, { resolve: async () => [] }],
  ];
  for (const [url, text, options] of rows) {
    const receipt = await send({ url, grant: { hosts: ["127.0.0.1", "secret.test"] } }, options);
    assert.deepEqual([receipt.outcome, receipt.status], ["error", 599], url);
    assert.match(textOf(receipt), text);
  }
  assert.equal(rows.length, 4);
});

test("http: names that lead to this machine or a private network: refused, unless the grant names the host", async (t) => {
  let requests = 0;
  const port = await webServer(t, (request, response) => {
    requests += 1;
    response.end(request.headers.host);
  });
  const url = `http://internal.test:${port}/`;
  const addresses = ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "fe80::1", "::ffff:127.0.0.1", "100.64.0.1", "0.0.0.0"];
  for (const address of addresses) {
    const receipt = await send({ url, grant: {} }, { resolve: async () => [{ address, family: address.includes(":") ? 6 : 4 }] });
    assert.deepEqual([receipt.outcome, receipt.status], ["error", 599], address);
    assert.match(textOf(receipt), /^http\.address: /);
  }
  assert.equal(addresses.length, 8);
  assert.equal(requests, 0);
  let lookups = 0;
  const resolve = async (host: string): Promise<readonly { address: string; family: number }[]> => {
    assert.equal(host, "internal.test");
    lookups += 1;
    return [{ address: "127.0.0.1", family: 4 }];
  };
  const named = await send({ url, grant: { hosts: ["internal.test"] } }, { resolve });
  assert.deepEqual([named.outcome, textOf(named)], ["ok", `internal.test:${port}`]);
  // One look at the name: a second one could give another address than the one that was judged.
  assert.equal(lookups, 1);
});

test("http: bodies around the limit: whole up to it, refused beyond, announced or not", async (t) => {
  const port = await webServer(t, (request, response) => {
    const [, how, bytes] = request.url?.split("/") ?? [];
    if (how === "announced") response.setHeader("content-length", Number(bytes));
    response.write("x".repeat(Number(bytes)));
    if (how === "endless") response.on("drain", () => response.write("x".repeat(10_000)));
    else response.end();
  });
  const rows: readonly (readonly [path: string, outcome: string, status: number])[] = [
    ["announced/999", "ok", 200], ["announced/1000", "ok", 200], ["announced/1001", "error", 599], ["streamed/1000", "ok", 200], ["streamed/1001", "error", 599], ["endless/500000", "error", 599],
  ];
  for (const [path, outcome, status] of rows) {
    const receipt = await send({ url: `http://127.0.0.1:${port}/${path}` }, { bodyBytesMax: 1000 });
    assert.deepEqual([receipt.outcome, receipt.status], [outcome, status], path);
    if (outcome === "error") assert.equal(textOf(receipt), "http.body_limit: the response body is longer than 1000 bytes.");
    else assert.equal(receipt.body?.length, Number(path.split("/")[1]));
  }
  assert.equal(rows.length, 6);
});

const slow: readonly { readonly what: string; readonly answer: (socket: Socket) => void }[] = [
  { what: "never answers", answer: () => undefined },
  { what: "answers the head and no body", answer: (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") },
  {
    what: "sends a body that does not end, byte by byte",
    answer: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      const timer = setInterval(() => socket.write("x"), 5);
      socket.on("close", () => clearInterval(timer));
    },
  },
];
assert.equal(slow.length, 3);
for (const { what, answer } of slow) {
  test(`http: a server that ${what}: timeout receipt 598 at the deadline, error receipt when it is cancelled before`, async (t) => {
    const host = new AbortController();
    let asked = (): void => undefined;
    const port = await socketServer(t, (socket) => {
      answer(socket);
      socket.once("data", () => asked());
    });
    const late = await send({ url: `http://127.0.0.1:${port}/`, deadlineMs: 40 });
    assert.deepEqual([late.outcome, late.status, textOf(late)], ["timeout", 598, "http.timeout: the deadline passed before the answer was whole."]);
    asked = () => void setTimeout(() => host.abort(), 20);
    const cancelled = await send({ url: `http://127.0.0.1:${port}/`, signal: host.signal });
    assert.deepEqual([cancelled.outcome, cancelled.status, textOf(cancelled)], ["error", 599, "http.cancelled: the call was cancelled."]);
  });
}

test("http: cancelled before it began, a deadline of nothing, a name that is never resolved: no request", async (t) => {
  let connections = 0;
  const port = await socketServer(t, () => {
    connections += 1;
  });
  const cancelled = await send({ url: `http://127.0.0.1:${port}/`, signal: AbortSignal.abort() });
  assert.deepEqual([cancelled.outcome, cancelled.status], ["error", 599]);
  assert.equal(connections, 0);
  const late = await send({ url: `http://127.0.0.1:${port}/`, deadlineMs: 0 });
  assert.deepEqual([late.outcome, late.status], ["timeout", 598]);
  const unresolved = await send({ url: "http://slow.test/", grant: {}, deadlineMs: 20 }, { resolve: () => new Promise(() => undefined) });
  assert.deepEqual([unresolved.outcome, unresolved.status], ["timeout", 598]);
});

test("http: redirects: method and body as the status asks", async (t) => {
  const port = await webServer(t, (request, response) => {
    const status = Number(request.url?.slice(1));
    if (Number.isNaN(status)) return echo(request, response);
    response.writeHead(status, { location: "../there?x#y" });
    response.end("ignored");
  });
  const blobs = memoryBlobs();
  const bodyRef = await blobs.put(utf8("payload"));
  const rows: readonly (readonly [status: number, method: string, then: string, body: string])[] = [
    [301, "GET", "GET", ""], [301, "POST", "GET", ""], [301, "PUT", "PUT", "payload"], [302, "POST", "GET", ""], [302, "DELETE", "DELETE", "payload"],
    [303, "POST", "GET", ""], [303, "PUT", "GET", ""], [303, "HEAD", "HEAD", ""], [307, "POST", "POST", "payload"], [308, "POST", "POST", "payload"], [308, "HEAD", "HEAD", ""],
  ];
  for (const [status, method, then, body] of rows) {
    const withBody = method === "GET" || method === "HEAD" ? {} : { bodyRef, headers: { "content-type": "text/plain" } };
    const receipt = await send({ url: `http://127.0.0.1:${port}/${status}`, method, ...withBody }, { blobs });
    const seen = JSON.parse(String(receipt.headers.get("x-echo"))) as Record<string, unknown> & { headers: Record<string, string> };
    assert.deepEqual([seen["method"], seen["url"], seen["body"]], [then, "/there?x", body], `${status} ${method}`);
    assert.equal(seen.headers["content-type"], body === "" ? undefined : "text/plain");
  }
  assert.equal(rows.length, 11);
});

test("http: five redirects are followed, a sixth and a loop are not, a redirect without a place is an answer", async (t) => {
  const port = await webServer(t, (request, response) => {
    const left = request.url?.slice(1) ?? "";
    if (left === "0") return void response.end("arrived");
    if (left === "none") return void response.writeHead(302).end("here");
    response.writeHead(302, { location: left === "loop" ? "/loop" : left === "bad" ? "http://[" : `/${Number(left) - 1}` }).end();
  });
  const rows: readonly (readonly [path: string, outcome: string, status: number, text: string])[] = [
    ["5", "ok", 200, "arrived"],
    ["6", "error", 599, "http.redirects: more than 5 redirects."],
    ["loop", "error", 599, "http.redirects: more than 5 redirects."],
    ["bad", "error", 599, "http.redirects: the redirect leads to no valid URL."],
    ["none", "ok", 302, "here"],
  ];
  for (const [path, outcome, status, text] of rows) {
    const receipt = await send({ url: `http://127.0.0.1:${port}/${path}` });
    assert.deepEqual([receipt.outcome, receipt.status, textOf(receipt)], [outcome, status, text], path);
  }
  assert.equal(rows.length, 5);
});

test("http: a redirect to what the grant does not admit: refused, the place is never asked", async (t) => {
  let location = "";
  let reached = 0;
  const other = await webServer(t, (_, response) => {
    reached += 1;
    response.end();
  });
  const port = await webServer(t, (request, response) => {
    if (request.url === "/api") response.writeHead(307, { location });
    else reached += 1;
    response.end();
  });
  const grant = { hosts: ["127.0.0.1"], schemes: ["http"], methods: ["POST", "GET"], ports: [port], path_prefixes: ["/api"] };
  const rows: readonly (readonly [location: string, code: string])[] = [
    [`http://localhost:${port}/api`, "host_not_allowed"],
    [`http://[::1]:${port}/api`, "host_not_allowed"],
    [`https://127.0.0.1:${port}/api`, "scheme_not_allowed"],
    ["file:///api", "invalid_url"],
    [`http://127.0.0.1:${other}/api`, "port_not_allowed"],
    ["/apix", "path_not_allowed"],
    ["/api/../x", "path_not_allowed"],
    [`http://user:secret@127.0.0.1:${port}/api`, "invalid_url"],
  ];
  for (const row of rows) {
    location = row[0];
    const receipt = await send({ url: `http://127.0.0.1:${port}/api`, grant });
    assert.deepEqual([receipt.outcome, receipt.status, textOf(receipt)], ["error", 599, `${row[1]}: the grant does not admit the redirect.`], row[0]);
  }
  assert.equal(rows.length, 8);
  assert.equal(reached, 0);
});

test("http: a redirect to another origin: headers that may hold a secret stay behind", async (t) => {
  const other = await webServer(t, echo);
  const port = await webServer(t, (request, response) => {
    if (request.url === "/same") return echo(request, response);
    response.writeHead(307, { location: request.url === "/away" ? `http://127.0.0.1:${other}/` : "/same" }).end();
  });
  const headers = { authorization: "secret", cookie: "secret", "x-api-key": "secret", accept: "text/plain", "user-agent": "mine" };
  const rows: readonly (readonly [path: string, secrets: number])[] = [["stay", 3], ["away", 0]];
  for (const [path, secrets] of rows) {
    const receipt = await send({ url: `http://127.0.0.1:${port}/${path}`, headers });
    const seen = JSON.parse(textOf(receipt)) as { headers: Record<string, string> };
    assert.equal(Object.values(seen.headers).filter((value) => value === "secret").length, secrets, path);
    assert.deepEqual([seen.headers["accept"], seen.headers["user-agent"]], ["text/plain", "mine"]);
  }
  assert.equal(rows.length, 2);
});

test("http: blobs that cannot be written: an error receipt without a body", async (t) => {
  const dir = await folder(t);
  await writeFile(join(dir, "taken"), "");
  const port = await webServer(t, (_, response) => response.end("body"));
  const receipt = await send({ url: `http://127.0.0.1:${port}/` }, { blobs: fileBlobs(join(dir, "taken")) });
  assert.deepEqual([receipt.outcome, receipt.status, receipt.body], ["error", 599, undefined]);
});
