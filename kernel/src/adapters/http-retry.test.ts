import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { test } from "node:test";
import { canonical, decode } from "../air/cbor.ts";
import { ZERO_HASH } from "../air/hash.ts";
import type { Hash } from "../air/value.ts";
import type { AdapterCall, Blobs } from "../ports.ts";
import { folder as temporaryFolder } from "../testing/folder.ts";
import { faultServer } from "../testing/fault-server.ts";
import { manualClock } from "../testing/manual-clock.ts";
import { fileBlobs } from "./blobs/file.ts";
import { memoryBlobs } from "./blobs/memory.ts";
import { httpAdapter } from "./http.ts";

const NO_KEY = new Uint8Array(32);
const SOME_KEY = new Uint8Array(32).fill(0xab);

function callOf({ url, method = "GET", key = NO_KEY }: { readonly url: string; readonly method?: string; readonly key?: Uint8Array }): AdapterCall {
  return {
    intentHash: ZERO_HASH, effect: "http.request", params: canonical({ method, url, headers: {}, body_ref: null }), idempotencyKey: key,
    capParams: canonical({ hosts: ["127.0.0.1"] }), deadlineMs: 20_000, signal: new AbortController().signal,
  };
}

const repeats: readonly (readonly [name: string, head: readonly [status: number, headers: Readonly<Record<string, string>>] | "reset", transient: boolean, afterMs: number | undefined])[] = [
  ["429 with seconds", [429, { "retry-after": "7" }], true, 7_000],
  ["503 with a date", [503, { "retry-after": "Thu, 01 Jan 1970 00:00:09 GMT" }], true, 9_000],
  ["503 with a date that is past", [503, { "retry-after": "Wed, 31 Dec 1969 23:59:59 GMT" }], true, 0],
  ["502 with noise", [502, { "retry-after": "soon" }], true, undefined],
  ["504", [504, {}], true, undefined],
  ["500", [500, { "retry-after": "1" }], false, undefined],
  ["200", [200, { "retry-after": "1" }], false, undefined],
  ["a reset before an answer", "reset", true, undefined],
];
for (const [name, head, transient, afterMs] of repeats) {
  test(`http: ${name}: ${transient ? "transient" : "final"}${afterMs === undefined ? "" : `, not before ${afterMs} ms`}`, async (t) => {
    const { url } = await faultServer(t, (request, response) => {
      if (head === "reset") return void request.socket.resetAndDestroy();
      response.writeHead(head[0], head[1]).end();
    });
    const result = await httpAdapter({ blobs: memoryBlobs(), clock: manualClock(0n) }).run(callOf({ url }));
    assert.deepEqual([result.transient ?? false, result.retryAfterMs], [transient, afterMs]);
    assert.equal(result.code, head === "reset" ? "http.transport" : undefined);
  });
}

test("http: sent again at once: idempotent methods and keyed calls", () => {
  const adapter = httpAdapter({ blobs: memoryBlobs(), clock: manualClock(0n) });
  const rows: readonly (readonly [string, Uint8Array, boolean])[] = [["GET", NO_KEY, true], ["DELETE", NO_KEY, true], ["POST", NO_KEY, false], ["POST", SOME_KEY, true]];
  for (const [method, key, expected] of rows) assert.equal(adapter.retry?.(callOf({ url: "http://127.0.0.1/", method, key })), expected, method);
  assert.equal(rows.length, 4);
});

test("http: an origin that is elsewhere: asked there, for the host of the URL; the grant judges the URL", async (t) => {
  const server = await faultServer(t, (_, response) => void response.writeHead(302, { location: "//other.example/next" }).end());
  const adapter = httpAdapter({ blobs: memoryBlobs(), clock: manualClock(0n) }, { origins: { "https://api.example": server.url, "https://other.example": server.url }, resolve: async () => [] });
  const ask = (url: string, hosts: readonly string[]): AdapterCall => ({ ...callOf({ url }), capParams: canonical({ hosts }) });
  const refused = await adapter.run(ask("https://api.example/a", ["127.0.0.1"]));
  assert.deepEqual([refused.code, server.seen.length], ["host_not_allowed", 0]);
  const redirect = await adapter.run(ask("https://api.example//a?b#c", ["api.example"]));
  assert.equal(redirect.code, "host_not_allowed");
  assert.deepEqual(server.seen.map(({ url, headers }) => [url, headers.host]), [["//a?b", "api.example"]]);
  await adapter.run(ask("https://api.example/a", ["api.example", "other.example"]));
  assert.deepEqual(server.seen.slice(1, 3).map(({ url, headers }) => [url, headers.host]), [["/a", "api.example"], ["/next", "other.example"]]);
  assert.equal((await adapter.run(ask("http://api.example/a", ["api.example"]))).code, "http.transport", "another scheme is another origin");
});

test("http: a long body: goes to the blobs piece by piece; over the limit nothing is stored of it", async (t) => {
  const body = Buffer.alloc(8 * 1024 * 1024, "body");
  const server = await faultServer(t, (_, response) => void response.end(body));
  const folder = await temporaryFolder(t);
  const inner = fileBlobs(folder);
  const sizes: number[] = [];
  const whole: number[] = [];
  const blobs: Blobs = {
    get: (hash) => inner.get(hash),
    put: (bytes) => (whole.push(bytes.length), inner.put(bytes)),
    putStream: (pieces) => inner.putStream?.(counted(pieces, sizes)) ?? assert.fail(),
  };
  const payload = async (bodyBytesMax: number): Promise<ReadonlyMap<string, unknown>> => {
    const { payload: bytes } = await httpAdapter({ blobs, clock: manualClock(0n) }, { bodyBytesMax }).run(callOf({ url: server.url }));
    return decode(bytes) as ReadonlyMap<string, unknown>;
  };
  const ref = (await payload(body.length)).get("body_ref");
  assert.deepEqual(await inner.get(ref as Hash), new Uint8Array(body));
  assert.deepEqual([whole, sizes.reduce((sum, size) => sum + size, 0)], [[], body.length]);
  assert.ok(sizes.length > 8 && Math.max(...sizes) <= 1024 * 1024, "no piece is large");
  const files = (await readdir(folder, { recursive: true })).length;
  const cut = await payload(body.length - 1);
  assert.equal(cut.get("status"), 599);
  assert.deepEqual(whole.map((size) => size < 200), [true], "the sentence of the failure");
  assert.equal((await readdir(folder, { recursive: true })).length, files + 2, "its folder and file, and no draft");
});

for (const [why, reason, status, httpStatus] of [["at the deadline", new DOMException("late", "TimeoutError"), "timeout", 598], ["for another reason", undefined, "error", 599]] as const) {
  test(`http: aborted ${why}: ${status}, ${httpStatus}`, async (t) => {
    const server = await faultServer(t, () => undefined);
    const abort = new AbortController();
    const running = httpAdapter({ blobs: memoryBlobs(), clock: manualClock(0n) }).run({ ...callOf({ url: server.url }), signal: abort.signal });
    await server.reached(1);
    abort.abort(reason);
    const result = await running;
    assert.deepEqual([result.status, (decode(result.payload) as ReadonlyMap<string, unknown>).get("status")], [status, httpStatus]);
  });
}

async function* counted(pieces: AsyncIterable<Uint8Array>, sizes: number[]): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    sizes.push(piece.length);
    yield piece;
  }
}
