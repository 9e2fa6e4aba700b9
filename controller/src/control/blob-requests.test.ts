import assert from "node:assert/strict";
import { connect } from "node:net";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileBlobs, fileBlobStreams, hashBytes, utf8, type Hash } from "@agentos/kernel";
import { missingIn, stagedBlobs } from "../workspaces/access.ts";
import { BLOB_BYTES_MAX } from "./blob-requests.ts";
import { framed, unframed } from "./byte-answer.ts";
import { controlClient, type ControlClient } from "./client.ts";
import { controlHandler, type Controls } from "./handler.ts";
import { serveControl } from "./server.ts";

const LIMIT = { timeout: 120_000 };

async function served(t: TestContext, fenced?: string): Promise<{ readonly client: ControlClient; readonly socket: string; readonly dir: string }> {
  const folder = await mkdtemp(join(tmpdir(), "aos-blobs-"));
  const dir = join(folder, "blobs");
  const server = await serveControl(folder, controlHandler({ blobs: fileBlobStreams(dir), fenced: () => fenced } as unknown as Controls));
  t.after(async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });
  return { client: controlClient(server.socket), socket: server.socket, dir };
}

async function* of(...pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

/** So many megabytes, one at a time. */
async function* megabytes(count: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at++) yield new Uint8Array(1 << 20).fill(at);
}

async function textOf(answer: { readonly pieces: AsyncIterable<Uint8Array> } | undefined): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  for await (const piece of answer?.pieces ?? []) parts.push(piece);
  return answer === undefined ? undefined : Buffer.concat(parts).toString("utf8");
}

test("blob requests: put, asked for, read: streamed both ways and never in one piece", LIMIT, async (t) => {
  const { client, dir } = await served(t);
  const digest = (await import("node:crypto")).createHash("sha256");
  for await (const piece of megabytes(40)) digest.update(piece);
  const hash = `sha256:${digest.digest("hex")}` as Hash;
  assert.equal(await client.bytes("HEAD", `/blobs/${hash}`), undefined);
  assert.match((await textOf(await client.bytes("PUT", `/blobs/${hash}`, megabytes(40)))) ?? "", /"size":41943040/);
  const head = await client.bytes("HEAD", `/blobs/${hash}`);
  assert.deepEqual([head?.size, await textOf(head)], [40 << 20, ""]);
  const read = await client.bytes("GET", `/blobs/${hash}`);
  let [size, pieces] = [0, 0];
  for await (const piece of read?.pieces ?? []) [size, pieces] = [size + piece.length, pieces + 1];
  assert.equal(size, 40 << 20);
  assert.ok(pieces > 40);
  assert.equal((await fileBlobs(dir).get(hash))?.length, 40 << 20);
  assert.equal(await client.bytes("GET", `/blobs/${hashBytes(utf8("none"))}`), undefined);
});

test("blob requests: what is wrong: refused with the reason, nothing is stored, the server goes on", LIMIT, async (t) => {
  const { client, dir } = await served(t);
  const hash = hashBytes(utf8("right"));
  const rows: readonly (readonly [method: "GET" | "PUT" | "POST", path: string, body: AsyncIterable<Uint8Array> | undefined, code: string])[] = [
    ["PUT", `/blobs/${hash}`, of(utf8("wrong")), "blob.hash"],
    ["PUT", `/blobs/${hash}`, megabytes((BLOB_BYTES_MAX >> 20) + 1), "blob.too_large"],
    ["PUT", "/blobs/sha256:12", of(utf8("x")), "control.hash"],
    ["GET", "/blobs/a/b", undefined, "control.unknown"],
    ["GET", "/blobs/", undefined, "control.unknown"],
    ["POST", "/blobs", of(Buffer.from([0, 0, 0, 9, 1])), "control.body"],
    ["POST", "/blobs", of(Buffer.from([0, 0])), "control.body"],
    ["POST", "/blobs", of(Buffer.from([0xff, 0, 0, 0, 1])), "control.body"],
    ["POST", "/blobs/x", of(utf8("x")), "control.unknown"],
  ];
  for (const [method, path, body, code] of rows) await assert.rejects(client.bytes(method, path, body), { code }, `${method} ${path} ${code}`);
  assert.equal(rows.length, 9);
  for (const body of [undefined, {}, { hashes: ["x"] }, { hashes: [], more: 1 }, []]) await assert.rejects(client.ask("POST", "/missing-blobs", body), { code: "control.body" });
  const left = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  assert.deepEqual(left.filter((entry) => entry.isFile()).map(({ name }) => name), []);
});

test("blob requests: many in a row: those that are missing are told, sent once, and durable", LIMIT, async (t) => {
  const { client, dir } = await served(t);
  const store = fileBlobs(dir);
  const there = await store.put(utf8("there"));
  const staged = stagedBlobs(client, store);
  const hashes = await Promise.all(Array.from({ length: 300 }, (_, at) => staged.put(utf8(`blob ${at}`))));
  await staged.put(utf8("there"));
  assert.equal((await missingIn(client, [there, ...hashes])).length, 300);
  assert.equal(await staged.flush(), 300);
  assert.deepEqual(await missingIn(client, [there, ...hashes]), []);
  assert.deepEqual(await store.get(hashes[299] ?? assert.fail()), utf8("blob 299"));
  assert.equal(await staged.flush(), 0);
});

test("blob requests: a fenced controller: stores nothing, still reads", LIMIT, async (t) => {
  const { client, dir } = await served(t, "somebody else seals");
  const hash = await fileBlobs(dir).put(utf8("old"));
  await assert.rejects(client.bytes("PUT", `/blobs/${hash}`, of(utf8("old"))), { code: "world.fenced" });
  assert.equal(await textOf(await client.bytes("GET", `/blobs/${hash}`)), "old");
});

test("blob requests: a client that hangs up within a body: nothing is left, the server goes on", LIMIT, async (t) => {
  const { client, socket, dir } = await served(t);
  const hash = hashBytes(utf8("right"));
  await new Promise<void>((resolve) => {
    const connection = connect(socket, () => connection.write(`PUT /blobs/${hash} HTTP/1.1\r\nhost: w\r\ncontent-length: 5\r\n\r\nri`, () => connection.destroy()));
    connection.on("close", () => resolve());
  });
  assert.match((await textOf(await client.bytes("PUT", `/blobs/${hash}`, of(utf8("right"))))) ?? "", /"size":5/);
  assert.deepEqual(await fileBlobs(dir).get(hash), utf8("right"));
});

test("blobs in a row: cut anywhere on the way: the same pieces", async () => {
  const pieces = [utf8("a"), new Uint8Array(0), utf8("bcd"), new Uint8Array(70_000).fill(7)];
  const parts: Uint8Array[] = [];
  for await (const part of framed(pieces)) parts.push(part);
  const whole = Buffer.concat(parts);
  let count = 0;
  for (const step of [1_000, 3, whole.length]) {
    const cut = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < whole.length; at += step) yield whole.subarray(at, at + step);
    };
    const found: Uint8Array[] = [];
    for await (const piece of unframed(cut(), { bytesMax: 70_000 })) found.push(piece);
    assert.deepEqual(found, pieces);
    count++;
  }
  assert.equal(count, 3);
});
