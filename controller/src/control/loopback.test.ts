import { test, type TestContext } from "node:test";
import assert from "node:assert/strict";
import { readFile, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { AosError } from "@agentos/kernel";
import { temporaryFolder } from "../git/fixture.ts";
import type { ControlHandler } from "./exchange.ts";
import { parseLoopback, serveLoopback, type LoopbackServer } from "./loopback.ts";

const LIMIT = { timeout: 120_000 };

interface Served extends LoopbackServer {
  readonly token: string;
  readonly port: number;
  /** How many requests came through to the handler. */
  readonly handled: () => number;
}

async function serve(t: TestContext, folder?: string): Promise<Served> {
  let handled = 0;
  const handler: ControlHandler = async ({ method, path, via, body }) => ({ method, path, via, body: body ?? null, nth: ++handled });
  const server = await serveLoopback(folder ?? (await temporaryFolder(t)), handler, { place: { host: "127.0.0.1", port: 0 } });
  t.after(() => server.close());
  return { ...server, token: (await readFile(server.tokenFile, "utf8")).trim(), port: Number(new URL(server.url).port), handled: () => handled };
}

type Headers = Readonly<Record<string, string>>;

function ask(port: number, headers: Headers, method = "GET"): Promise<{ readonly status: number; readonly text: string; readonly headers: NodeJS.Dict<string | string[]> }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path: "/status", method, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part)).on("end", () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
    });
    sent.on("error", reject);
    sent.end();
  });
}

test("loopback: the token opens it: the same handler answers, and knows which way it was asked", LIMIT, async (t) => {
  const { port, token } = await serve(t);
  const { status, text } = await ask(port, { authorization: `Bearer ${token}` });
  assert.deepEqual([status, JSON.parse(text)], [200, { method: "GET", path: "/status", via: "http", body: null, nth: 1 }]);
});

test("loopback: the token missing, wrong, or in the wrong place; a page of another site that points its name here: refused before anything is asked", LIMIT, async (t) => {
  const { port, token, handled } = await serve(t);
  const right = { authorization: `Bearer ${token}` };
  const rows: readonly (readonly [name: string, headers: Headers, status: number, code: string])[] = [
    ["no token", {}, 401, "control.token"],
    ["an empty one", { authorization: "Bearer " }, 401, "control.token"],
    ["another one", { authorization: `Bearer ${"A".repeat(43)}` }, 401, "control.token"],
    ["the token's first half", { authorization: `Bearer ${token.slice(0, 20)}` }, 401, "control.token"],
    ["the token and more", { authorization: `Bearer ${token}x` }, 401, "control.token"],
    ["another scheme", { authorization: `Basic ${token}` }, 401, "control.token"],
    ["without a scheme", { authorization: token }, 401, "control.token"],
    ["a cookie", { cookie: `token=${token}` }, 401, "control.token"],
    ["another name for this address", { ...right, host: `evil.example:${port}` }, 421, "control.host"],
    ["this address as a name's first part", { ...right, host: `127.0.0.1.evil.example:${port}` }, 421, "control.host"],
    ["another port", { ...right, host: "127.0.0.1:1" }, 421, "control.host"],
    ["no port", { ...right, host: "localhost" }, 421, "control.host"],
  ];
  for (const [name, headers, status, code] of rows) {
    const answer = await ask(port, headers);
    assert.equal(answer.status, status, name);
    const { error } = JSON.parse(answer.text) as { readonly error: { readonly code: string; readonly class: string; readonly hint?: string } };
    assert.deepEqual([error.code, error.class], [code, "refused"], name);
    assert.ok((error.hint ?? "") !== "" && !answer.text.includes(token), name);
  }
  assert.equal(rows.length, 12);
  assert.equal(handled(), 0);
  for (const host of [`localhost:${port}`, `LOCALHOST:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]) assert.equal((await ask(port, { ...right, host })).status, 200, host);
});

test("loopback: a page of another site asks first what it may: nothing, and no header says otherwise", LIMIT, async (t) => {
  const { port, token, handled } = await serve(t);
  const { status, headers } = await ask(port, { origin: "https://evil.example", "access-control-request-method": "POST", "access-control-request-headers": "authorization" }, "OPTIONS");
  assert.equal(status, 401);
  const answered = await ask(port, { origin: "https://evil.example", authorization: `Bearer ${token}` });
  for (const name of [...Object.keys(headers), ...Object.keys(answered.headers)]) assert.doesNotMatch(name, /^access-control/);
  assert.equal(handled(), 1);
});

test("loopback: bytes that are no request, a Host header given twice: refused, and the server goes on", LIMIT, async (t) => {
  const { port, token } = await serve(t);
  for (const text of ["hello\r\n\r\n", `GET / HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nhost: evil\r\nauthorization: Bearer ${token}\r\nconnection: close\r\n\r\n`, `GET / HTTP/1.1\r\nauthorization: Bearer ${token}\r\nconnection: close\r\n\r\n`]) {
    const answer = await new Promise<string>((resolve, reject) => {
      let got = "";
      const socket = connect(port, "127.0.0.1", () => socket.write(text));
      socket.on("data", (part) => (got += part.toString("utf8"))).on("close", () => resolve(got)).on("error", reject);
    });
    assert.match(answer, /^HTTP\/1\.1 4(?:00|21) /, text);
  }
  assert.equal((await ask(port, { authorization: `Bearer ${token}` })).status, 200);
});

test("loopback: the token file: made once, for its owner alone; kept by the next start; one that holds something else: said so", LIMIT, async (t) => {
  const folder = await temporaryFolder(t);
  const first = await serve(t, folder);
  assert.equal((await stat(first.tokenFile)).mode & 0o777, 0o600);
  assert.match(first.token, /^[A-Za-z0-9_-]{43}$/);
  await first.close();
  assert.equal((await serve(t, folder)).token, first.token);
  await writeFile(first.tokenFile, "hunter2\n");
  await assert.rejects(serve(t, folder), (error: unknown) => error instanceof AosError && error.code === "control.token" && !error.message.includes("hunter2"));
});

test("loopback: a port that is taken: said so, with a way out", LIMIT, async (t) => {
  const { port } = await serve(t);
  await assert.rejects(serveLoopback(await temporaryFolder(t), async () => ({}), { place: { host: "127.0.0.1", port } }), { code: "control.http", class: "outside", message: new RegExp(`^127\\.0\\.0\\.1:${port}: cannot listen there \\(EADDRINUSE\\)`) });
});

test("loopback: where to listen: table", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["4100", "127.0.0.1 4100"], ["0", "127.0.0.1 0"], ["localhost:4100", "127.0.0.1 4100"], ["127.0.0.1:4100", "127.0.0.1 4100"], ["[::1]:4100", "::1 4100"], ["65535", "127.0.0.1 65535"],
    ["", "expected [HOST:]PORT"], ["x", "expected [HOST:]PORT"], ["localhost:", "expected [HOST:]PORT"], ["65536", "expected [HOST:]PORT"], ["-1", "expected [HOST:]PORT"], ["4100.5", "expected [HOST:]PORT"],
    ["0.0.0.0:4100", "not a loopback address"], ["[::]:4100", "not a loopback address"], ["192.168.1.2:4100", "not a loopback address"], ["example.com:4100", "not a loopback address"],
    ["127.0.0.1.evil.example:4100", "not a loopback address"], ["toString:4100", "not a loopback address"],
  ];
  for (const [text, expected] of rows) {
    let got: string;
    try {
      const { host, port } = parseLoopback(text);
      got = `${host} ${port}`;
    } catch (error) {
      assert.ok(error instanceof AosError && error.code === "control.http" && error.class === "input" && error.hint !== undefined);
      got = error.message.slice(error.message.indexOf(": ") + 2);
    }
    assert.ok(got.startsWith(expected), `${text}: ${got}`);
  }
  assert.equal(rows.length, 18);
});
