import { test } from "node:test";
import assert from "node:assert/strict";
import { readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createModuleRunner, decodeRecord, openFileJournal } from "@agentos/kernel";
import { openRepo } from "../git/repo.ts";
import { openStore } from "../git/store.ts";
import { NOTES_REF, readSeals, readSegment } from "../publish/published.ts";
import { spawnController } from "../testing/child-controller.ts";
import { eventually } from "../testing/eventually.ts";
import { outsideWorld, safeUpgradeRepo, type WorldRepo } from "../testing/world-repo.ts";
import { approve, isShadowed, logged, merge, sendStart, settle, start, until, withRemote, type WithRemote } from "../testing/world-steps.ts";
import { verifyRepository } from "../world-access.ts";
import type { RunningController } from "./controller.ts";
import type { LogLine } from "./log.ts";

const KILLS = 10;

/** Names of files below a folder that are locks. */
async function locksBelow(folder: string): Promise<readonly string[]> {
  return (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".lock"));
}

/** What people do meanwhile, as far as they get: propose, approve, merge. */
function people(world: WorldRepo, at: WithRemote): { step(): Promise<"waiting" | "merged">; readonly merged: () => string | undefined } {
  let head: string | undefined;
  let merged: string | undefined;
  return {
    merged: () => merged,
    async step() {
      if (merged !== undefined) return "merged";
      if (head === undefined) {
        head = await world.proposeUpgrade("follow-up");
        await at.push("refs/heads/proposals/follow-up");
      }
      await at.fetch();
      if (!(await isShadowed(world, head))) return "waiting";
      await approve(world, "follow-up", head);
      merged = await merge(world, "follow-up", head);
      await at.push("refs/notes/aos-reviews-reviewer", "refs/heads/main");
      return "merged";
    },
  };
}

test("crash: kill -9 at ten random moments while events flow and a proposal is merged: nothing acknowledged is lost, everything verifies", { timeout: 240_000 }, async () => {
  const world = await safeUpgradeRepo();
  const outside = await outsideWorld();
  const at = await withRemote(world);
  const path = await at.clone("ctl.git");
  const acknowledged: number[] = [];
  const delays: number[] = [];
  const { step, merged } = people(world, at);
  let last: RunningController | undefined;
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const child = spawnController(world, path, "origin");
      // Two of ten die while they start, the others while they work.
      if (kill === 2 || kill === 6) {
        delays.push(Math.random() * 600);
        await sleep(delays.at(-1));
        await child.kill();
        continue;
      }
      await child.opened;
      const deadline = Date.now() + Math.random() * 700;
      delays.push(deadline - Date.now());
      const working = (async (): Promise<void> => {
        if (kill >= 3) await step().catch((error: unknown) => assert.match(String(error), /notes|fetch|remote|not approved/));
      })();
      // However busy the machine is, each of these lives takes an event before it ends.
      const before = acknowledged.length;
      await eventually(async () => {
        await sendStart(path, outside.url).then((seq) => acknowledged.push(seq), () => undefined);
        return Date.now() >= deadline && acknowledged.length > before;
      }, "an event that is acknowledged", { seen: () => child.lines.slice(-5) });
      await child.kill();
      await working;
    }
    last = await start(world, path, { remote: "origin" });
    await eventually(async () => (await step()) === "merged", "the merge", { seen: () => last?.status() });
    await until(last, ({ appliedRevision }) => appliedRevision === merged());
    acknowledged.push(await sendStart(path, outside.url));
    await settle(path);
    await until(last, ({ published, seq, sealedSeq }) => published.status === "True" && sealedSeq === seq - 1);
    await last.stop();

    const told = `killed after ${delays.map(Math.round).join(", ")} ms`;
    const fresh = await openRepo(await at.clone("auditor.git"));
    const report = await verifyRepository({ repo: fresh, trust: world.trust, modules: createModuleRunner() });
    assert.deepEqual(report.problems, [], told);
    assert.deepEqual(report.pending, [], told);
    assert.ok(report.replayed !== undefined);
    const kinds = await publishedKinds(fresh.commonDir);
    assert.ok(acknowledged.length >= KILLS - 1, `${acknowledged.length} events were acknowledged`);
    for (const seq of acknowledged) assert.equal(kinds.get(seq), "event", `event at seq ${seq}; ${told}`);
    assert.deepEqual(await locksBelow(join(path, "refs")), [], told);
    await assert.rejects(stat(join(path, "aos", "lock")), { code: "ENOENT" });
    assert.match(await world.git("--git-dir", fresh.commonDir, "notes", "--ref=aos", "show", merged() ?? ""), /^Applied: /);
    await world.git("--git-dir", path, "fsck", "--strict");
  } finally {
    await last?.stop();
    await outside.close();
    await world.remove();
  }
});

async function publishedKinds(gitDir: string): Promise<ReadonlyMap<number, string>> {
  const store = openStore(gitDir);
  try {
    const found = new Map<number, string>();
    for (const seal of await readSeals(store)) {
      for (const record of (await readSegment(store, seal)).segment.records.map(decodeRecord)) found.set(record.seq, record.kind);
    }
    return found;
  } finally {
    await store.close();
  }
}

test("crash: between apply and seal: after the restart the note is on the commit, and each seal cites its own state", { timeout: 120_000 }, async () => {
  const world = await safeUpgradeRepo();
  const outside = await outsideWorld();
  const path = `${world.folder}/world`;
  const lock = join(path, ".git", `${NOTES_REF}.lock`);
  const first = await start(world);
  try {
    await until(first, ({ ready }) => ready.status === "True");
    const head = await world.proposeUpgrade("follow-up");
    await until(first, ({ proposals, published }) => proposals[0]?.shadow === "done" && published.status === "True");
    await first.stop();
    const { sealedSeq } = first.status();

    const child = spawnController(world, path, undefined);
    await child.opened;
    // Whoever holds this lock keeps every seal out; what is durable in the journal goes on without.
    await writeFile(lock, "");
    await approve(world, "follow-up", head);
    const merged = await merge(world, "follow-up", head);
    await eventually(() => child.lines.some((line) => line.includes('"message":"applied"') || line.includes("seal failed")), "the merge applied", { seen: () => child.lines });
    await sendStart(path, outside.url);
    await settle(path);
    await sendStart(path, outside.url);
    await child.kill();
    assert.match(child.lines.join("\n"), /refs\/notes\/aos: another process holds its lock/);

    const journal = await openFileJournal({ dir: join(path, ".git", "aos", "journal"), mode: "read" });
    assert.ok(journal.nextSeq > sealedSeq + 5, "several turns wait for their seal");
    const next = await start(world);
    await until(next, ({ published, appliedRevision }) => published.status === "True" && appliedRevision === merged);
    await next.stop();
    await assert.rejects(stat(lock), { code: "ENOENT" });
    assert.match(await world.git("notes", "--ref=aos", "show", merged), /^Applied: [^]*\nReport: \{/);
    const { problems } = await verifyRepository({ repo: await openRepo(path), trust: world.trust, modules: createModuleRunner() });
    assert.deepEqual(problems, []);
  } finally {
    await first.stop();
    await outside.close();
    await rm(lock, { force: true });
    await world.remove();
  }
});

test("crash: another process dies with the lock of the journal's ref while the world runs: told, removed when it is old, nothing is lost", { timeout: 120_000 }, async () => {
  const world = await safeUpgradeRepo();
  const outside = await outsideWorld();
  const path = `${world.folder}/world`;
  const lock = join(path, ".git", `${NOTES_REF}.lock`);
  const log: LogLine[] = [];
  const controller = await start(world, path, { log });
  try {
    await until(controller, ({ ready, published }) => ready.status === "True" && published.status === "True");
    await writeFile(lock, "");
    await sendStart(path, outside.url);
    await settle(path);
    const { published } = await until(controller, (status) => /another process holds its lock/.test(status.published.message));
    assert.deepEqual([published.status, published.reason], ["False", "Behind"]);
    const old = new Date(Date.now() - 60_000);
    await utimes(lock, old, old);
    await until(controller, (status) => status.published.status === "True" && status.sealedSeq === status.seq - 1);
    await logged(log, ({ message, paths }) => /locks that a dead process left/.test(message) && JSON.stringify(paths).includes("aos.lock"));
  } finally {
    await controller.stop();
    await outside.close();
    await world.remove();
  }
});
