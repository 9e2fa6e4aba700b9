import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { AosError } from "../air/error.ts";
import { folder } from "../testing/folder.ts";
import { lockWorld } from "./lock.ts";
import type { LockHolder } from "./lock.ts";

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  assert.ok(child.pid !== undefined);
  return child.pid;
}

function isRunning(error: unknown): boolean {
  return error instanceof AosError && error.code === "world.running" && error.class === "input" && error.message.includes(`held by pid ${String(error.data["pid"])} `) && error.hint !== undefined;
}

async function holderOf(dir: string): Promise<LockHolder> {
  return JSON.parse(await readFile(join(dir, "lock"), "utf8")) as LockHolder;
}

test("lock: taken, asked for again, let go: one holder at a time, no file left", async (t) => {
  const dir = await folder(t);
  const lock = await lockWorld(dir, { command: "test" });
  assert.deepEqual(await holderOf(dir), lock.holder);
  assert.deepEqual([lock.holder.pid, lock.holder.host], [process.pid, hostname()]);
  await assert.rejects(lockWorld(dir, { command: "second" }), (error) => isRunning(error) && (error as AosError).message.includes(lock.holder.since));
  assert.deepEqual(await readdir(dir), ["lock"]);
  await lock.release();
  assert.deepEqual(await readdir(dir), []);
  const again = await lockWorld(dir, { command: "third" });
  await lock.release();
  assert.deepEqual(await holderOf(dir), again.holder);
  await again.release();
});

interface StaleCase {
  readonly what: string;
  readonly holder: (own: LockHolder, dead: number) => unknown;
  readonly outcome: "taken over" | "running" | "elsewhere";
  /** Where the system does not tell when a process began and which boot this is, such a holder counts as alive. */
  readonly needsFacts?: true;
}
const OTHER_BOOT = "00000000-0000-4000-8000-000000000000";
const cases: readonly StaleCase[] = [
  { what: "a live process, all facts known", holder: (own) => own, outcome: "running" },
  { what: "a live process, nothing else known", holder: (own) => ({ pid: own.pid }), outcome: "running" },
  { what: "the first process of the system", holder: () => ({ pid: 1, bootId: null, startedAt: null }), outcome: "running" },
  { what: "a dead process", holder: (own, dead) => ({ ...own, pid: dead }), outcome: "taken over" },
  { what: "a dead process, nothing else known", holder: (_, dead) => ({ pid: dead }), outcome: "taken over" },
  { what: "another process of the same pid", holder: (own) => ({ ...own, startedAt: "1" }), outcome: "taken over", needsFacts: true },
  { what: "a live pid of another boot", holder: (own) => ({ ...own, bootId: OTHER_BOOT }), outcome: "taken over", needsFacts: true },
  { what: "a live pid of another boot of another host", holder: (own) => ({ ...own, host: "other", bootId: OTHER_BOOT }), outcome: "elsewhere" },
  { what: "a dead process of another host whose boot is not known", holder: (own, dead) => ({ ...own, pid: dead, host: "other", bootId: null }), outcome: "elsewhere" },
  { what: "a dead process of this boot under another host name", holder: (own, dead) => ({ ...own, pid: dead, host: "container" }), outcome: "taken over", needsFacts: true },
  { what: "a process of another boot, its host not known", holder: (own) => ({ ...own, host: undefined, bootId: OTHER_BOOT }), outcome: "taken over", needsFacts: true },
  { what: "no process at all", holder: () => ({ pid: -1 }), outcome: "taken over" },
  { what: "something else", holder: () => [], outcome: "taken over" },
];
assert.equal(cases.length, 13);
for (const { what, holder, outcome, needsFacts } of cases) {
  test(`lock: file names ${what}: ${outcome}`, async (t) => {
    const dir = await folder(t);
    const own = await lockWorld(dir, { command: "test" });
    await own.release();
    await writeFile(join(dir, "lock"), JSON.stringify(holder(own.holder, await deadPid())));
    const running = outcome !== "taken over" || (needsFacts === true && own.holder.startedAt === null);
    if (running) {
      await assert.rejects(lockWorld(dir, { command: "test" }), isRunning);
      if (outcome === "elsewhere") {
        await assert.rejects(lockWorld(dir, { command: "test" }), { message: `${dir}: held by pid ${(await holderOf(dir)).pid} (test) on host other since ${own.holder.since}`, hint: new RegExp(`remove ${dir}/lock$`) });
      }
    } else {
      const lock = await lockWorld(dir, { command: "test" });
      assert.deepEqual(await holderOf(dir), lock.holder);
      await lock.release();
    }
    assert.deepEqual(await readdir(dir), running ? ["lock"] : []);
  });
}

test("lock: an empty file, as a power loss leaves it: taken over", async (t) => {
  const dir = await folder(t);
  await writeFile(join(dir, "lock"), "");
  const lock = await lockWorld(dir, { command: "test" });
  await lock.release();
  assert.deepEqual(await readdir(dir), []);
});

test("lock: successors that died while taking over: the next one goes on, a live one is waited for", async (t) => {
  const dir = await folder(t);
  const claimOn = (text: string): string => join(dir, `lock.claim-${createHash("sha256").update(text).digest("hex")}`);
  const chain = await Promise.all(["first", "second", "third"].map(async (token) => JSON.stringify({ pid: await deadPid(), token })));
  const [first, second, third] = chain as [string, string, string];
  await writeFile(join(dir, "lock"), first);
  await writeFile(claimOn(first), second);
  await writeFile(claimOn(second), third);
  await writeFile(claimOn(third), JSON.stringify({ pid: process.pid }));
  await assert.rejects(lockWorld(dir, { command: "test" }), isRunning);
  await writeFile(claimOn(third), JSON.stringify({ pid: await deadPid() }));
  const lock = await lockWorld(dir, { command: "test" });
  assert.deepEqual(await readdir(dir), ["lock"]);
  await lock.release();
});

test("lock: no folder: world.lock for the outside", async (t) => {
  const dir = join(await folder(t), "none");
  await assert.rejects(lockWorld(dir, { command: "test" }), (error) => error instanceof AosError && error.code === "world.lock" && error.class === "outside");
});

test("lock: eight processes at once over a stale lock, again and again: exactly one gets it", async (t) => {
  const dir = await folder(t);
  const rounds = 25;
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const script = `
    const { lockWorld } = await import(${JSON.stringify(new URL(`./lock.${extension}`, import.meta.url).href)});
    const { createInterface } = await import("node:readline");
    let lock;
    console.log("ready");
    for await (const line of createInterface({ input: process.stdin })) {
      if (line === "release") { await lock?.release(); lock = undefined; console.log("released"); }
      else console.log(await lockWorld(${JSON.stringify(dir)}, { command: "child" }).then((taken) => { lock = taken; return "won"; }, (error) => error.code));
    }
  `;
  const children = Array.from({ length: 8 }, () => spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["pipe", "pipe", "inherit"] }));
  t.after(() => children.map((child) => child.kill()));
  const lines = children.map((child) => createInterface({ input: child.stdout })[Symbol.asyncIterator]());
  const answers = async (): Promise<readonly unknown[]> => Promise.all(lines.map(async (line) => (await line.next()).value as unknown));
  const ask = (line: string): Promise<readonly unknown[]> => {
    for (const child of children as readonly ChildProcess[]) child.stdin?.write(`${line}\n`);
    return answers();
  };
  assert.deepEqual(await answers(), Array(8).fill("ready"));
  const pid = await deadPid();
  let won = 0;
  for (let round = 0; round < rounds; round++) {
    await writeFile(join(dir, "lock"), JSON.stringify({ pid, token: String(round) }));
    const outcome = await ask("take");
    assert.deepEqual([...outcome].sort(), ["won", ...Array(7).fill("world.running")].sort(), `round ${round}`);
    const winner = children[outcome.indexOf("won")];
    assert.equal((await holderOf(dir)).pid, winner?.pid);
    won += 1;
    await ask("release");
    assert.deepEqual(await readdir(dir), [], `round ${round}`);
  }
  assert.equal(won, rounds);
});
