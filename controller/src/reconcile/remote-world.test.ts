import { test, type TestContext } from "node:test";
import assert from "node:assert/strict";
import { chmod, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createModuleRunner, decodeRecord, fileBlobs, openFileJournal, turnsOf } from "@agentos/kernel";
import { openRepo } from "../git/repo.ts";
import { readRef } from "../git/refs.ts";
import { openStore } from "../git/store.ts";
import { NOTES_REF, readSeals, readSegment } from "../publish/published.ts";
import { eventually } from "../testing/eventually.ts";
import { tampering } from "../testing/tamper.ts";
import { outsideWorld, safeUpgradeRepo, type Outside, type WorldRepo } from "../testing/world-repo.ts";
import { approve, logged, merge, sendStart, settle, start, until, withRemote, type StartChange, type WithRemote } from "../testing/world-steps.ts";
import { connectWorld } from "../control/connect.ts";
import { verifyRepository } from "../world-access.ts";
import type { RunningController } from "./controller.ts";
import type { LogLine } from "./log.ts";
import { markRestoring, stateFolderAt } from "./state-folder.ts";

interface Scene {
  readonly world: WorldRepo;
  readonly at: WithRemote;
  readonly outside: Outside;
  readonly path: string;
  /** Starts a controller on a clone; it is stopped at the end. */
  begin(path?: string, change?: StartChange): Promise<RunningController>;
  /** The same, and waits until its world runs. */
  ready(path?: string, change?: StartChange): Promise<RunningController>;
}

async function scene(t: TestContext): Promise<Scene> {
  const [world, outside] = [await safeUpgradeRepo(), await outsideWorld()];
  const at = await withRemote(world);
  const path = await at.clone("ctl.git");
  const running: RunningController[] = [];
  t.after(async () => {
    for (const controller of running) await controller.stop();
    await outside.close();
    await world.remove();
  });
  const begin = async (where = path, change: StartChange = {}): Promise<RunningController> => {
    const controller = await start(world, where, { remote: "origin", pushAfterMs: 20, ...change });
    running.push(controller);
    return controller;
  };
  return {
    world, at, outside, path, begin,
    async ready(where, change) {
      const controller = await begin(where, change);
      await until(controller, ({ ready }) => ready.status === "True");
      return controller;
    },
  };
}

const LIMIT = { timeout: 120_000 };
const published = (controller: RunningController): Promise<unknown> => until(controller, (status) => status.published.status === "True" && status.sealedSeq === status.seq - 1);

/** The world fetches once. */
async function fetched(path: string, url: string): Promise<void> {
  await sendStart(path, url);
  await settle(path);
}

async function problemsOf({ world, at }: Scene, name: string): Promise<unknown> {
  const repo = await openRepo(await at.clone(name));
  return (await verifyRepository({ repo, trust: world.trust, modules: createModuleRunner() })).problems;
}

test("remote: away and back: the world keeps running, Published says why not, then it catches up", LIMIT, async (t) => {
  const all = await scene(t);
  const { at, outside, path, begin, ready } = all;
  const controller = await ready();
  await published(controller);
  await rename(at.remote, `${at.remote}-away`);
  await fetched(path, outside.url);
  assert.equal(outside.requests.length, 1, "the effect ran");
  const status = await until(controller, ({ published: { status, message }, reconciling }) => status === "False" && /could not reach it/.test(message) && reconciling.reason === "ProgressingWithRetry");
  assert.deepEqual([status.ready.status, status.stalled.status, status.published.reason], ["True", "False", "Behind"]);
  await until(controller, ({ seq, sealedSeq }) => sealedSeq === seq - 1);
  await controller.stop();

  const again = await begin();
  assert.equal(again.status().ready.status, "True", "a remote that is away does not keep a world from running again");
  await fetched(path, outside.url);
  await rename(`${at.remote}-away`, at.remote);
  await published(again);
  await until(again, ({ reconciling }) => reconciling.status === "False");
  assert.equal(await readRef(at.remote, NOTES_REF), await readRef(path, NOTES_REF));
  await again.stop();
  assert.deepEqual(await problemsOf(all, "auditor.git"), []);
});

test("remote: away at the very first start: an error of the outside", LIMIT, async (t) => {
  const { at, begin } = await scene(t);
  await rename(at.remote, `${at.remote}-away`);
  await assert.rejects(begin(), { code: "git.remote", class: "outside" });
});

test("remote: a second controller writes: the first is fenced and says so, takes no events, overwrites nothing; nor after a restart", LIMIT, async (t) => {
  const all = await scene(t);
  const { at, outside, path, begin, ready } = all;
  const log: LogLine[] = [];
  const first = await ready(path, { pollMs: 50, log });
  await published(first);
  const other = await at.clone("other.git");
  const second = await begin(other);
  assert.equal(second.status().seq, first.status().seq, "it begins from what is published");
  await fetched(other, outside.url);
  await published(second);
  const tip = await readRef(at.remote, NOTES_REF);

  const status = await until(first, ({ stalled }) => stalled.reason === "Fenced");
  assert.deepEqual([status.ready.status, status.published.status, status.published.reason], ["False", "False", "Fenced"]);
  assert.match(status.stalled.message, /origin has [0-9a-f]{12} on refs\/notes\/aos, which this controller did not write/);
  await assert.rejects(sendStart(path, outside.url), { code: "world.fenced", class: "refused" });
  await logged(log, ({ message }) => /read-only from here on/.test(message));
  const { seq } = first.status();
  const client = (await connectWorld(await openRepo(path))) ?? assert.fail("it still answers");
  assert.equal(((await client.ask("GET", "/journal")) as { readonly end: number }).end, seq);
  await first.stop();
  await second.stop();
  assert.equal(await readRef(at.remote, NOTES_REF), tip);
  await assert.rejects(begin(), { code: "world.fenced", class: "refused", hint: /another controller writes this world/ });
  assert.notEqual(await readRef(path, NOTES_REF), tip, "the loser's journal stays what it was");
  assert.deepEqual(await problemsOf(all, "auditor.git"), []);
});

test("remote: two controllers push at once: one wins, the other is fenced by the push, what it acknowledged is in its own journal", LIMIT, async (t) => {
  const { at, outside, path, begin, ready } = await scene(t);
  const first = await ready(path, { pollMs: 600_000 });
  await published(first);
  const other = await at.clone("other.git");
  const second = await begin(other, { pollMs: 600_000 });
  // Both have had their look at the remote: from here on only a push tells them of each other.
  await until(second, ({ observedRevision }) => observedRevision !== undefined);
  await Promise.all([sendStart(path, outside.url), sendStart(other, outside.url)]);
  const all = [first, second];
  await eventually(() => all.some((controller) => controller.status().published.reason === "Fenced"), "one of two is fenced", { seen: () => all.map((controller) => controller.status()) });
  const loser = first.status().published.reason === "Fenced" ? 0 : 1;
  assert.match(all[loser]?.status().stalled.message ?? "", /rejected refs\/notes\/aos/);
  const winner = all[1 - loser] ?? assert.fail();
  await published(winner);
  assert.equal(await readRef(at.remote, NOTES_REF), await readRef([path, other][1 - loser] ?? "", NOTES_REF));
  assert.ok((all[loser]?.status().seq ?? 0) > 2, "the event is journaled");
});

test("remote: local state deleted: rebuilt from what is published, the same state root, and it goes on", LIMIT, async (t) => {
  const all = await scene(t);
  const { outside, path, begin, ready } = all;
  const first = await ready();
  await fetched(path, outside.url);
  await published(first);
  await first.stop();
  const { seq } = first.status();
  const before = (await sealsOf(path)).at(-1)?.checkpoint.stateRoot;
  await rm(join(path, "aos"), { recursive: true });

  const log: LogLine[] = [];
  const second = await begin(path, { log });
  assert.equal(log.find(({ message }) => message.startsWith("rebuilt"))?.["records"], seq);
  assert.equal(second.status().seq, seq);
  await fetched(path, outside.url);
  await published(second);
  await second.stop();
  assert.equal(outside.requests.length, 2, "nothing is sent again that has its receipt");
  assert.ok((await sealsOf(path)).some(({ checkpoint }) => checkpoint.stateRoot === before && checkpoint.lastSeq === seq - 1));
  assert.deepEqual(await problemsOf(all, "auditor.git"), []);
});

async function sealsOf(path: string): ReturnType<typeof readSeals> {
  const store = openStore(path);
  try {
    return await readSeals(store);
  } finally {
    await store.close();
  }
}

test("remote: a rebuild that was cut short: the next start goes on with it", LIMIT, async (t) => {
  const { outside, path, begin, ready } = await scene(t);
  const first = await ready();
  await fetched(path, outside.url);
  await published(first);
  await first.stop();
  const folder = stateFolderAt(await openRepo(path));
  await rm(folder.journal, { recursive: true });
  await rm(folder.blobs, { recursive: true });
  const store = openStore(path);
  const [seal] = await readSeals(store);
  const turns = [...turnsOf((await readSegment(store, seal ?? assert.fail())).segment.records)];
  await store.close();
  const journal = await openFileJournal({ dir: folder.journal, mode: "append" });
  await journal.append(turns.slice(0, 1).map((records) => ({ firstSeq: decodeRecord(records[0] ?? new Uint8Array()).seq, records })));
  await journal.close();

  await assert.rejects(begin(), { code: "journal.behind", hint: /move .*ctl\.git\/aos\/journal away/ }, "a journal cut short for no known reason is not touched");
  await markRestoring(folder, "begun");
  const second = await begin();
  assert.equal(second.status().seq, first.status().seq);
  const blobs = fileBlobs(folder.blobs);
  const applied = turns.flat().map(decodeRecord).find((record) => record.kind === "applied");
  assert.ok(applied !== undefined);
  assert.ok((await blobs.get(applied.bundle)) !== undefined, "the blobs are back");
});

test("remote: what is published does not verify: nothing is rebuilt from it", LIMIT, async (t) => {
  const { world, at, outside, path, begin, ready } = await scene(t);
  const first = await ready();
  await fetched(path, outside.url);
  await published(first);
  await first.stop();
  await tampering(at.remote, world).reseal((drafts) => drafts.map((draft) => ({ ...draft, signer: "author" })));
  const fresh = await at.clone("fresh.git");
  await assert.rejects(begin(fresh), { code: "seal.signature", class: "unverified", message: /does not verify, so the world is not rebuilt from it: .*signed by author/, hint: /aos verify/ });
});

test("remote: CI writes shadow notes too: the controller's reports go on top of them, the journal is not held up", LIMIT, async (t) => {
  const { world, at, path, ready } = await scene(t);
  const controller = await ready();
  await world.git("-c", "user.name=ci", "-c", "user.email=ci@aos", "notes", "--ref=aos-shadow", "add", "-m", "CI was here", "main");
  await at.push("refs/notes/aos-shadow");
  const theirs = await readRef(at.remote, "refs/notes/aos-shadow");
  const head = await world.proposeUpgrade("follow-up");
  await at.push("refs/heads/proposals/follow-up");
  await until(controller, ({ proposals }) => proposals[0]?.shadow === "done");
  await published(controller);
  assert.equal(await readRef(at.remote, "refs/notes/aos-shadow"), await readRef(path, "refs/notes/aos-shadow"));
  await at.fetch();
  assert.match(await world.git("notes", "--ref=aos-shadow", "show", head), /Report/i);
  assert.equal(await world.git("notes", "--ref=aos-shadow", "show", "main"), "CI was here");
  assert.ok((await world.git("rev-list", "refs/notes/aos-shadow")).includes(theirs ?? "?"));

  // The ref replaced as a whole: what was the controller's in it is made again.
  await world.git("--git-dir", at.remote, "update-ref", "refs/notes/aos-shadow", await world.git("rev-parse", "main"));
  const lost = await readRef(at.remote, "refs/notes/aos-shadow");
  await eventually(async () => (await readRef(at.remote, "refs/notes/aos-shadow")) !== lost, "another shadow note on the remote");
  await at.fetch();
  assert.match(await world.git("notes", "--ref=aos-shadow", "show", head), /Report/i);
  assert.equal(controller.status().stalled.status, "False");
});

test("remote: its notes rewound or deleted, its reviews missing: pushed again, as long as nobody else wrote there", LIMIT, async (t) => {
  const { world, at, outside, path, ready } = await scene(t);
  const controller = await ready();
  await fetched(path, outside.url);
  await published(controller);
  const tip = await readRef(path, NOTES_REF);
  for (const args of [["update-ref", NOTES_REF, `${NOTES_REF}^`], ["update-ref", "-d", NOTES_REF]]) {
    await world.git("--git-dir", at.remote, ...args);
    await eventually(async () => (await readRef(at.remote, NOTES_REF)) === tip, "the journal on the remote again", { seen: () => controller.status() });
  }

  // Reviews that it wrote down and a crash kept from being pushed: neither a fetch nor a look loses them.
  const reviews = "refs/notes/aos-reviews-controller";
  await world.git("--git-dir", path, "update-ref", reviews, NOTES_REF);
  await eventually(async () => (await readRef(at.remote, reviews)) === tip, "the reviews on the remote", { seen: () => controller.status() });
  assert.equal(await readRef(path, reviews), tip);
  assert.equal(controller.status().stalled.status, "False");
});

test("remote: a busy world: seals many times, fetches no more often than it polls", LIMIT, async (t) => {
  const { world, outside, path, ready } = await scene(t);
  const script = join(world.folder, "upload-pack");
  const calls = join(world.folder, "fetches");
  await writeFile(script, `#!/bin/sh\necho fetch >> '${calls}'\nexec git-upload-pack "$@"\n`);
  await chmod(script, 0o755);
  await world.git("--git-dir", path, "config", "remote.origin.uploadpack", script);
  const controller = await ready(path, { pollMs: 600_000 });
  for (let count = 0; count < 8; count++) {
    await fetched(path, outside.url);
    await until(controller, ({ seq, sealedSeq }) => sealedSeq === seq - 1);
  }
  const seals = await sealsOf(path);
  assert.ok(seals.length >= 8, `${seals.length} seals`);
  const fetches = (await readFile(calls, "utf8")).trim().split("\n").length;
  assert.ok(fetches <= 2, `${fetches} fetches: one at the start, one for the first look`);
});

test("remote: a merge before its review: held with the reason; the review arrives: applied", LIMIT, async (t) => {
  const { world, at, ready } = await scene(t);
  const controller = await ready();
  const head = await world.proposeUpgrade("follow-up");
  await at.push("refs/heads/proposals/follow-up");
  await until(controller, ({ proposals }) => proposals[0]?.shadow === "done");
  await published(controller);
  await at.fetch();
  await approve(world, "follow-up", head);
  const merged = await merge(world, "follow-up", head);
  await at.push("refs/heads/main");
  const { held } = await until(controller, (status) => status.held.length > 0);
  assert.equal(held[0]?.commit, merged);
  assert.match(held[0]?.reason ?? "", /is not approved: 0 of 1 approvals/);
  await at.push("refs/notes/aos-reviews-reviewer");
  const status = await until(controller, ({ appliedRevision }) => appliedRevision === merged);
  assert.deepEqual(status.held, []);
});
