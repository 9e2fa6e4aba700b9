import { test, type TestContext } from "node:test";
import assert from "node:assert/strict";
import { chmod, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer } from "node:net";
import { dirname, join } from "node:path";
import { AosError, StateLost } from "@agentos/kernel";
import { temporaryFolder } from "../git/fixture.ts";
import { controlClient } from "./client.ts";
import { BODY_BYTES_MAX, type ControlHandler } from "./exchange.ts";
import { serveControl, type ControlServer } from "./server.ts";

/** Answers with what it was asked. */
const echo: ControlHandler = async ({ method, path, query, body }) => ({ method, path, query: [...query], body: body ?? null });

async function serve(t: TestContext, handler: ControlHandler = echo, folder?: string): Promise<ControlServer> {
  const server = await serveControl(folder ?? (await temporaryFolder(t)), handler);
  t.after(() => server.close());
  return server;
}

/** Sends bytes as they are and reads until the server closes. */
function raw(socket: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const connection = connect(socket, () => connection.write(text));
    connection.on("data", (part) => parts.push(part));
    connection.on("close", () => resolve(Buffer.concat(parts).toString("utf8")));
    connection.on("error", reject);
    connection.setTimeout(30_000, () => connection.destroy());
  });
}

const LIMIT = { timeout: 120_000 };

test("control: a request: method, path, query and body arrive, the answer comes back as JSON", LIMIT, async (t) => {
  const { socket } = await serve(t);
  assert.deepEqual(await controlClient(socket).ask("POST", "/a/b?x=1&y=%C3%A9", { v: "é\u2028" }), { method: "POST", path: "/a/b", query: [["x", "1"], ["y", "é"]], body: '{"v":"é\u2028"}' });
  assert.deepEqual(await controlClient(socket).ask("GET", "/"), { method: "GET", path: "/", query: [], body: null });
});

test("control: what the handler throws: code, message, class and hint reach the client; secrets of other errors do not", LIMIT, async (t) => {
  const rows = [
    [new AosError("a.input", "wrong", { hint: "do this" }), { code: "a.input", message: "wrong", class: "input", hint: "do this" }],
    [new AosError("a.no", "no", { class: "refused" }), { code: "a.no", message: "no", class: "refused", hint: undefined }],
    [new AosError("a.away", "away", { class: "outside" }), { code: "a.away", message: "away", class: "outside", hint: undefined }],
    [new StateLost(new AosError("snapshot.corrupt", "snapshot: gone", { class: "unverified", hint: "replay it" })), { code: "snapshot.corrupt", message: "snapshot: gone", class: "unverified", hint: "replay it" }],
    [new Error("the key is hunter2"), { code: "control.failed", message: "the world could not answer", class: "outside", hint: undefined }],
  ] as const;
  for (const [thrown, expected] of rows) {
    const { socket } = await serve(t, () => Promise.reject(thrown));
    await assert.rejects(controlClient(socket).ask("GET", "/x"), (error: unknown) => {
      assert.ok(error instanceof AosError);
      assert.deepEqual({ code: error.code, message: error.message, class: error.class, hint: error.hint }, expected);
      return true;
    });
  }
  assert.equal(rows.length, 5);
});

test("control: an answer that is no JSON value: an error, and the server goes on", LIMIT, async (t) => {
  const { socket } = await serve(t, async ({ path }) => (path === "/big" ? { n: 1n } : "fine"));
  await assert.rejects(controlClient(socket).ask("GET", "/big"), { code: "control.failed" });
  assert.equal(await controlClient(socket).ask("GET", "/small"), "fine");
});

test("control: bytes that are no request: refused, and the server goes on", LIMIT, async (t) => {
  const { socket } = await serve(t);
  const rows: readonly (readonly [string, RegExp])[] = [
    ["hello\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["GET // HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n", /^HTTP\/1\.1 422 [^]*control\.path/],
    ["GET http://elsewhere/x HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n", /^HTTP\/1\.1 422 [^]*control\.path/],
    ["OPTIONS * HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n", /^HTTP\/1\.1 422 [^]*control\.path/],
    [`GET /${"x".repeat(40_000)} HTTP/1.1\r\nhost: w\r\n\r\n`, /^HTTP\/1\.1 431 /],
  ];
  for (const [text, answer] of rows) assert.match(await raw(socket, text), answer, text.slice(0, 40));
  assert.equal(rows.length, 5);
  assert.deepEqual(await controlClient(socket).ask("GET", "/still"), { method: "GET", path: "/still", query: [], body: null });
});

test("control: a body that is not UTF-8: refused", LIMIT, async (t) => {
  const { socket } = await serve(t);
  const answer = await new Promise<string>((resolve, reject) => {
    const connection = connect(socket, () => connection.write(Buffer.concat([Buffer.from("POST /x HTTP/1.1\r\nhost: w\r\ncontent-length: 2\r\nconnection: close\r\n\r\n"), Buffer.from([0xff, 0xfe])])));
    connection.on("data", (part) => resolve(part.toString("utf8")));
    connection.on("error", reject);
  });
  assert.match(answer, /^HTTP\/1\.1 422 [^]*control\.body[^]*not UTF-8/);
});

test("control: a body at the limit: taken; beyond it: refused with the limit, and the client gets to read that", LIMIT, async (t) => {
  const { socket } = await serve(t, async ({ body }) => body?.length ?? 0);
  const client = controlClient(socket);
  assert.equal(await client.ask("POST", "/x", "a".repeat(BODY_BYTES_MAX - 2)), BODY_BYTES_MAX);
  await assert.rejects(client.ask("POST", "/x", "a".repeat(BODY_BYTES_MAX)), { code: "control.body", class: "input", message: new RegExp(`more than ${BODY_BYTES_MAX} bytes`) });
  await assert.rejects(client.ask("POST", "/x", "a".repeat(4 * BODY_BYTES_MAX)), { code: "control.body" });
  assert.equal(await client.ask("POST", "/x", "a"), 3);
});

test("control: a client that hangs up halfway: the server goes on", LIMIT, async (t) => {
  const { socket } = await serve(t);
  await new Promise<void>((resolve) => {
    const connection = connect(socket, () => connection.write("POST /x HTTP/1.1\r\nhost: w\r\ncontent-length: 100\r\n\r\nabc", () => connection.destroy()));
    connection.on("close", () => resolve());
  });
  assert.equal(((await controlClient(socket).ask("GET", "/still")) as { readonly path: string }).path, "/still");
});

test("control: two clients at once: neither waits for the other", LIMIT, async (t) => {
  let release: () => void = () => undefined;
  const { socket } = await serve(t, async ({ path }) => (path === "/slow" ? new Promise((resolve) => (release = () => resolve("slow"))) : "quick"));
  const slow = controlClient(socket).ask("GET", "/slow");
  assert.equal(await controlClient(socket).ask("GET", "/quick"), "quick");
  release();
  assert.equal(await slow, "slow");
});

test("control: closed while a request is under way: it is answered, then nobody listens", LIMIT, async (t) => {
  let begun: () => void = () => undefined;
  const started = new Promise<void>((resolve) => (begun = resolve));
  const server = await serve(t, async () => {
    begun();
    await new Promise((resolve) => setTimeout(resolve, 50));
    return "done";
  });
  const answer = controlClient(server.socket).ask("GET", "/x");
  await started;
  await server.close();
  assert.equal(await answer, "done");
  await assert.rejects(controlClient(server.socket).ask("GET", "/x"), { code: "world.away", class: "outside", hint: "start it with `aos run`" });
});

test("control: the socket: only its owner may speak, in a folder only its owner may enter; gone after the end", LIMIT, async (t) => {
  const folder = join(await temporaryFolder(t), "state");
  const server = await serve(t, echo, folder);
  assert.equal((await stat(server.socket)).mode & 0o777, 0o600);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  await server.close();
  assert.deepEqual(await readdir(folder), []);
});

test("control: a socket or a file that a dead process left: replaced", LIMIT, async (t) => {
  for (const leave of ["socket", "file"] as const) {
    const folder = await temporaryFolder(t);
    const path = join(folder, "control.sock");
    if (leave === "file") await writeFile(path, "x");
    else {
      const dead = createServer().listen(path);
      await new Promise((resolve) => dead.once("listening", resolve));
      // As a kill leaves it: the name stays, and nobody listens.
      await chmod(folder, 0o500);
      await new Promise((resolve) => dead.close(resolve));
      await chmod(folder, 0o700);
    }
    const { socket } = await serve(t, echo, folder);
    assert.equal(socket, path);
    assert.equal(((await controlClient(socket).ask("GET", "/x")) as { readonly path: string }).path, "/x", leave);
  }
});

test("control: a folder whose path is too long for a socket: a private place elsewhere, gone after the end", LIMIT, async (t) => {
  const folder = join(await temporaryFolder(t), "é".repeat(60));
  await mkdir(folder);
  const server = await serve(t, echo, folder);
  assert.ok(!server.socket.startsWith(folder) && Buffer.byteLength(server.socket) <= 100, server.socket);
  assert.equal((await stat(dirname(server.socket))).mode & 0o777, 0o700);
  assert.equal(((await controlClient(server.socket).ask("GET", "/x")) as { readonly path: string }).path, "/x");
  await server.close();
  await assert.rejects(stat(dirname(server.socket)), { code: "ENOENT" });
});

test("control client: an answer that is no error of ours: said so", LIMIT, async (t) => {
  const folder = await temporaryFolder(t);
  for (const [body, code] of [["<html>", "control.answer"], ["{}", "control.answer"], ['{"error":{"code":"x.y","message":"m","class":"nonsense"}}', "x.y"]] as const) {
    const path = join(folder, "s");
    const server = createHttpServer((_, response) => response.writeHead(500).end(body)).listen(path);
    await new Promise((resolve) => server.once("listening", resolve));
    await assert.rejects(controlClient(path).ask("GET", "/x"), { code, class: "outside" });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
