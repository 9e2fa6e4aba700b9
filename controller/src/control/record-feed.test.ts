import { test, type TestContext } from "node:test";
import assert from "node:assert/strict";
import { connect } from "node:net";
import { encodeRecord, memoryJournal, type Journal, type JournalRecord } from "@agentos/kernel";
import { temporaryFolder } from "../git/fixture.ts";
import { controlClient } from "./client.ts";
import { eventStream, type StreamLimits } from "./event-stream.ts";
import { recordFeed } from "./record-feed.ts";
import { inTime } from "../testing/eventually.ts";
import { serveControl, type ControlServer } from "./server.ts";

const LIMIT = { timeout: 120_000 };

interface Tail {
  readonly server: ControlServer;
  readonly journal: Journal;
  /** How many reads of the journal there were. */
  readonly reads: () => number;
  /** Appends one turn of so many records, and tells the feed of it. */
  append(count: number, bytes?: number): Promise<void>;
  /** Another way in to the same feed, with limits of its own. */
  beside(limits: Partial<StreamLimits>): Promise<ControlServer>;
}

/** A journal behind a control socket, as a running world has it. */
async function tail(t: TestContext, limits: Partial<StreamLimits> = {}): Promise<Tail> {
  const inner = memoryJournal();
  let reads = 0;
  const journal: Journal = {
    get nextSeq() {
      return inner.nextSeq;
    },
    append: (turns) => inner.append(turns), close: () => inner.close(),
    read(from) {
      reads++;
      return inner.read(from);
    },
  };
  const feed = recordFeed(journal);
  const beside = async (own: Partial<StreamLimits>): Promise<ControlServer> => {
    const folder = await temporaryFolder(t);
    const made = await serveControl(folder, async ({ query, lastEventId }) => feed.stream({ from: lastEventId === undefined ? Number(query.get("from") ?? journal.nextSeq) : Number(lastEventId) + 1, kinds: query.get("kinds") === null ? undefined : new Set(query.get("kinds")?.split(",")) }), own);
    t.after(() => made.close());
    return made;
  };
  return {
    server: await beside(limits), beside, journal, reads: () => reads,
    async append(count, bytes = 8) {
      const records = Array.from({ length: count }, (_, index) => recordAt(journal.nextSeq + index, bytes));
      const encoded = records.map(encodeRecord);
      await journal.append([{ firstSeq: records[0]?.seq ?? 0, records: encoded }]);
      feed.take({ records, bytes: encoded });
    },
  };
}

function recordAt(seq: number, bytes: number): JournalRecord {
  const kind = seq % 2 === 0 ? "transition" : "event";
  const stamp = { now_ns: 1n, logical_ns: 1n, entropy: new Uint8Array(32) };
  if (kind === "transition") return { kind, seq: seq as JournalRecord["seq"], state: "x".repeat(bytes), detail: null, ...stamp };
  return { kind, seq: seq as JournalRecord["seq"], schema: "demo/E@1", value: new Uint8Array([0xd9, 0xd9, 0xf7, 0xf6]), event_hash: `sha256:${"0".repeat(64)}` as never, sender: "x".repeat(bytes), ...stamp };
}

/** The ids of the next events of a stream. */
async function ids(socket: string, path: string, count: number, lastEventId?: number): Promise<readonly number[]> {
  const found: number[] = [];
  for await (const { id, event, data } of controlClient(socket).follow(path, lastEventId === undefined ? {} : { lastEventId })) {
    const record = JSON.parse(data) as { readonly seq: number; readonly kind: string };
    assert.deepEqual([id, event], [String(record.seq), record.kind]);
    found.push(record.seq);
    if (found.length === count) break;
  }
  return found;
}

function range(from: number, end: number): readonly number[] {
  return Array.from({ length: end - from }, (_, index) => from + index);
}

test("feed: from a seq: what is there already, then what comes, each record once and in order", LIMIT, async (t) => {
  const { server, append } = await tail(t);
  await append(5);
  await append(3);
  const got = ids(server.socket, "/?from=2", 12);
  for (let turn = 0; turn < 6; turn++) await append(1);
  assert.deepEqual(await got, range(2, 14));
});

test("feed: from the last event a client has seen: goes on after it", LIMIT, async (t) => {
  const { server, append } = await tail(t);
  await append(10);
  assert.deepEqual(await ids(server.socket, "/?from=0", 4), range(0, 4));
  assert.deepEqual(await ids(server.socket, "/", 6, 3), range(4, 10));
  const next = ids(server.socket, "/", 1, 9);
  await append(1);
  assert.deepEqual(await next, [10]);
});

test("feed: only some kinds: the others are passed over", LIMIT, async (t) => {
  const { server, append } = await tail(t);
  await append(9);
  assert.deepEqual(await ids(server.socket, "/?from=0&kinds=event", 4), [1, 3, 5, 7]);
  assert.deepEqual(await ids(server.socket, "/?from=0&kinds=transition,event", 9), range(0, 9));
});

test("feed: many clients at once: each gets every record, what is new is read from memory", LIMIT, async (t) => {
  const { server, append, reads } = await tail(t);
  await append(4);
  const clients = Array.from({ length: 64 }, () => ids(server.socket, "/?from=0", 104));
  for (let turn = 0; turn < 50; turn++) await append(2);
  for (const got of await Promise.all(clients)) assert.deepEqual(got, range(0, 104));
  const before = reads();
  const followers = Array.from({ length: 8 }, () => ids(server.socket, "/?from=104", 20));
  for (let turn = 0; turn < 10; turn++) await append(2);
  for (const got of await Promise.all(followers)) assert.deepEqual(got, range(104, 124));
  assert.ok(reads() - before <= 3 * 8, `${reads() - before} reads for 8 clients`);
});

test("feed: a client that does not read: cut, while the others get everything and appending never waits", LIMIT, async (t) => {
  const { server, beside, append, journal } = await tail(t);
  await append(1);
  // A way in of its own: however slow the machine, the quick one is not what takes too long.
  const slow = connect((await beside({ stallMs: 50 })).socket);
  const cut = new Promise<string>((resolve) => slow.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "")).on("close", () => resolve("closed")));
  slow.write("GET /?from=0 HTTP/1.1\r\nhost: w\r\n\r\n");
  slow.pause();
  const quick = ids(server.socket, "/?from=0", 161);
  for (let turn = 0; turn < 40; turn++) await append(4, 64 << 10);
  assert.equal(journal.nextSeq, 161);
  assert.deepEqual(await inTime(quick, "the quick one has everything"), range(0, 161));
  // It is noticed when the client looks again: what was under way by then, and the end.
  setTimeout(() => slow.resume(), 500);
  let got = 0;
  slow.on("data", (part: Buffer) => (got += part.length));
  assert.match(await inTime(cut, "the slow one is cut", { seen: () => got }), /closed|ECONNRESET|EPIPE/);
  assert.ok(got < 160 * (64 << 10), `${got} bytes reached the slow client`);
});

test("feed: a silent stream shows that it lives; it ends when the server does", LIMIT, async (t) => {
  const { server } = await tail(t, { heartbeatMs: 20 });
  let text = "";
  const ended = new Promise<void>((resolve, reject) => {
    const socket = connect(server.socket, () => socket.write("GET / HTTP/1.1\r\nhost: w\r\n\r\n"));
    socket.on("data", (part: Buffer) => {
      text += part.toString("utf8");
      if (text.split(": alive").length === 4) void server.close();
    });
    socket.on("close", () => resolve()).on("error", reject);
  });
  await inTime(ended, "three signs of life, and the end", { seen: () => text });
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n[^]*content-type: text\/event-stream[^]*retry: 1000/i);
});

test("stream: a source that fails: its client is cut off, the server goes on", LIMIT, async (t) => {
  const folder = await temporaryFolder(t);
  const server = await serveControl(folder, async ({ path }) => (path === "/bad" ? eventStream(async (sink) => {
    await sink.send("id: 1\nevent: x\ndata: {}\n\n");
    await new Promise((resolve) => setImmediate(resolve));
    throw new Error("the disk is gone");
  }) : "fine"));
  t.after(() => server.close());
  const seen: unknown[] = [];
  for await (const event of controlClient(server.socket).follow("/bad")) seen.push(event.id);
  assert.deepEqual(seen, ["1"]);
  assert.equal(await controlClient(server.socket).ask("GET", "/x"), "fine");
});
