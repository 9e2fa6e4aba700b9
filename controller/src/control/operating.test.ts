// A world as its operator meets it: many senders, a second start, a kill, followers that come back, loopback HTTP beside the socket.

import { test, type TestContext } from "node:test";
import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { createServer, request } from "node:http";
import { hostname } from "node:os";
import { AosError, createModuleRunner } from "@agentos/kernel";
import { openRepo } from "../git/repo.ts";
import { spawnController } from "../testing/child-controller.ts";
import { eventually, inTime } from "../testing/eventually.ts";
import type { LogLine } from "../reconcile/log.ts";
import { safeUpgradeRepo, type WorldRepo } from "../testing/world-repo.ts";
import { start, until } from "../testing/world-steps.ts";
import { connectWorld } from "./connect.ts";
import { verifyRepository } from "../world-access.ts";
import type { ControlClient } from "./client.ts";

const LIMIT = { timeout: 120_000 };
const DONE = { schema: "demo/SafeUpgradeEvent@1", value: { $tag: "NotifyComplete", $value: { primary_status: 200, follow_status: -1, request_count: 1 } } };

interface Records {
  readonly records: readonly { readonly seq: number; readonly kind: string }[];
}

interface Place {
  readonly world: WorldRepo;
  readonly path: string;
  /** What must have ended before the world's folder goes; the last first. */
  atEnd(end: () => Promise<unknown>): void;
}

async function worldOf(t: TestContext): Promise<Place> {
  const world = await safeUpgradeRepo();
  const ends: (() => Promise<unknown>)[] = [() => world.remove()];
  t.after(async () => {
    for (const end of ends.reverse()) await end();
  });
  return { world, path: `${world.folder}/world`, atEnd: (end) => void ends.push(end) };
}

async function clientOf(path: string): Promise<ControlClient> {
  return (await connectWorld(await openRepo(path))) ?? assert.fail("the world runs");
}

async function ready(client: ControlClient): Promise<void> {
  const status = async (): Promise<string> => ((await client.ask("GET", "/status")) as { readonly ready: { readonly status: string } }).ready.status;
  await eventually(async () => (await status()) === "True", "the world is ready");
}

test("control: 64 senders at once, each with its own connection: each event has one turn, in one order, and followers see that order", LIMIT, async (t) => {
  const { world, path, atEnd } = await worldOf(t);
  const controller = await start(world);
  atEnd(() => controller.stop());
  await until(controller, (status) => status.ready.status === "True");
  const { seq: before } = controller.status();
  const senders = await Promise.all(Array.from({ length: 64 }, () => clientOf(path)));
  const followed = (async (): Promise<readonly number[]> => {
    const seqs: number[] = [];
    for await (const { id, event } of (await clientOf(path)).follow(`/journal/stream?from=${before}&kinds=event`)) {
      assert.equal(event, "event");
      if (seqs.push(Number(id)) === 64 * 4) break;
    }
    return seqs;
  })();
  const answers = await Promise.all(senders.map(async (client) => {
    const seqs: number[] = [];
    for (let nth = 0; nth < 4; nth++) seqs.push(((await client.ask("POST", "/events", DONE)) as Records).records.find(({ kind }) => kind === "event")?.seq ?? -1);
    return seqs;
  }));
  for (const seqs of answers) assert.deepEqual(seqs, [...seqs].sort((a, b) => a - b), "a sender's events are in the order it sent them");
  const all = answers.flat().sort((a, b) => a - b);
  assert.equal(new Set(all).size, 64 * 4);
  assert.deepEqual(await inTime(followed, "a follower sees all events"), all);
});

test("world: a second start: refused with who has it; the first goes on", LIMIT, async (t) => {
  const { world, path, atEnd } = await worldOf(t);
  const child = spawnController(world, path, undefined);
  atEnd(() => child.kill());
  await child.opened;
  await assert.rejects(start(world), (error: unknown) => {
    assert.ok(error instanceof AosError);
    assert.deepEqual([error.code, error.class], ["world.running", "input"]);
    assert.match(error.message, /held by pid \d+ \(aos run\) on host \S+ since \d{4}-\d\d-\d\dT/);
    return true;
  });
  await ready(await clientOf(path));
  assert.ok(!(await readdir(`${path}/.git/aos`)).includes("http-token"), "nobody asked for HTTP");
  await child.stop();
  const next = await start(world);
  await next.stop();
});

test("world: killed while clients send and follow: the next start has every acknowledged event; a follower goes on after the last it saw, none twice", LIMIT, async (t) => {
  const { world, path, atEnd } = await worldOf(t);
  let child = spawnController(world, path, undefined);
  atEnd(() => child.kill());
  await child.opened;
  await ready(await clientOf(path));

  const seen: number[] = [];
  const follow = async (client: ControlClient, enough: () => boolean): Promise<void> => {
    const last = seen.at(-1);
    for await (const { id } of client.follow("/journal/stream?from=0", last === undefined ? {} : { lastEventId: last })) {
      seen.push(Number(id));
      if (enough()) return;
    }
  };
  const acknowledged: number[] = [];
  const sending = async (): Promise<void> => {
    const client = await clientOf(path);
    for (;;) {
      const sent = await client.ask("POST", "/events", DONE).catch(() => undefined);
      if (sent === undefined) return;
      acknowledged.push((sent as Records).records[0]?.seq ?? -1);
      if (acknowledged.length === 40) void child.kill();
    }
  };
  const following = follow(await clientOf(path), () => false);
  await inTime(Promise.all([sending(), sending(), sending(), following, child.ended]), "40 events are acknowledged, and the process is killed", { seen: () => [acknowledged.length, seen.length] });
  assert.ok(acknowledged.length >= 40);

  child = spawnController(world, path, undefined);
  await child.opened;
  const client = await clientOf(path);
  await ready(client);
  // Something new comes, whatever the follower had seen before the kill.
  await client.ask("POST", "/events", DONE);
  const { end } = (await client.ask("GET", "/journal?limit=1")) as { readonly end: number };
  await inTime(follow(client, () => (seen.at(-1) ?? 0) >= end - 1), "the follower catches up", { seen: () => [seen.at(-1), end] });
  assert.deepEqual(seen.slice(0, end), Array.from({ length: end }, (_, seq) => seq));
  for (const seq of acknowledged) assert.ok(seq >= 0 && seq < end, `event ${seq} of ${end}`);
  await child.stop();
  const report = await verifyRepository({ repo: await openRepo(path), trust: world.trust, modules: createModuleRunner() });
  assert.deepEqual(report.problems, []);
});

test("world: loopback HTTP beside the socket: the same answers to whoever has the token; the log names the file, never the token; gone after the stop", LIMIT, async (t) => {
  const { world, path, atEnd } = await worldOf(t);
  const log: LogLine[] = [];
  const controller = await start(world, path, { log, http: { host: "127.0.0.1", port: 0 } });
  atEnd(() => controller.stop());
  await until(controller, (status) => status.ready.status === "True");
  const opened = log.find(({ message }) => message === "world opened");
  const [url, file] = [String(opened?.["http"]), String(opened?.["token_file"])];
  const token = (await readFile(file, "utf8")).trim();
  assert.ok(!JSON.stringify(log).includes(token));
  const ask = (way: string, headers: Readonly<Record<string, string>>, body?: string): Promise<{ readonly status: number; readonly value: unknown }> => new Promise((resolve, reject) => {
    const sent = request(`${url}${way}`, { method: body === undefined ? "GET" : "POST", headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part)).on("end", () => resolve({ status: response.statusCode ?? 0, value: JSON.parse(text) as unknown }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
  const right = { authorization: `Bearer ${token}` };
  const { status, value } = await ask("/events", right, JSON.stringify(DONE));
  assert.equal(status, 200);
  const [first] = (value as { readonly records: readonly { readonly seq: number; readonly sender: string }[] }).records;
  assert.equal(first?.sender, "control-http");
  const over = await ask(`/journal?from=${first.seq}&limit=1`, right);
  assert.deepEqual(over.value, await (await clientOf(path)).ask("GET", `/journal?from=${first.seq}&limit=1`));
  for (const [way, headers, code] of [["/status", {}, 401], ["/journal/stream", {}, 401], ["/status", { ...right, host: `${hostname()}:${new URL(url).port}` }, 421], ["/journal/stream", { ...right, host: "evil.example" }, 421]] as const) {
    assert.equal((await ask(way, headers)).status, code, way);
  }
  await controller.stop();
  await assert.rejects(ask("/status", right), { code: "ECONNREFUSED" });
  assert.ok((await readdir(`${path}/.git/aos`)).includes("http-token"));
});

test("world: a loopback port that is taken: the start fails with a way out, and lets the world go", LIMIT, async (t) => {
  const { world, atEnd } = await worldOf(t);
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.once("listening", resolve));
  atEnd(async () => taken.close());
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await assert.rejects(start(world, undefined, { http: { host: "127.0.0.1", port } }), { code: "control.http", class: "outside" });
  const again = await start(world);
  await again.stop();
});
