import { test, type TestContext } from "node:test";
import assert from "node:assert/strict";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AosError } from "@agentos/kernel";
import { generateKey } from "../git/keys.ts";
import type { Oid } from "../git/objects.ts";
import { readRef } from "../git/refs.ts";
import { gitIn, initRepo, type Repo } from "../git/repo.ts";
import { openStore, type ObjectStore } from "../git/store.ts";
import { smallTurns, WORLD } from "../testing/small-turns.ts";
import { NOTES_REF, readSeals } from "./published.ts";
import { createPublisher, type Publisher, type PublisherOptions } from "./publisher.ts";
import { openSealer, type Sealer } from "./seal.ts";

interface Bench {
  readonly repo: Repo;
  readonly remote: Repo;
  readonly store: ObjectStore;
  readonly sealer: Sealer;
  readonly problems: { readonly what: string; readonly code: string }[];
  publisher(change?: Partial<PublisherOptions>): Publisher;
  theirs(): Promise<Oid | undefined>;
  ours(): Promise<Oid | undefined>;
}

async function bench(t: TestContext): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), "aos-publisher-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const [remote, repo] = [await initRepo(join(folder, "remote"), { kind: "bare" }), await initRepo(join(folder, "own"), { kind: "bare" })];
  await gitIn(repo, ["remote", "add", "origin", join(folder, "remote")]);
  const store = openStore(repo.commonDir);
  t.after(() => store.close());
  const blobs = { get: async () => undefined, put: () => Promise.reject(new Error("nothing is put")) };
  const sealer = await openSealer({ store, key: generateKey("ctl").key, principal: "ctl", world: WORLD, blobs, noteOf: async () => "note" });
  const problems: Bench["problems"] = [];
  const stops: Publisher[] = [];
  t.after(async () => void (await Promise.all(stops.map((publisher) => publisher.stop()))));
  return {
    repo, remote, store, sealer, problems,
    publisher(change = {}) {
      const made = createPublisher({
        repo, sealer, remote: "origin", sealAfterMs: 10, pushAfterMs: 10, onFatal: (error) => assert.fail(String(error)),
        onProblem: (what: string, error: AosError) => problems.push({ what, code: error.code }), ...change,
      });
      stops.push(made);
      return made;
    },
    theirs: () => readRef(remote.commonDir, NOTES_REF),
    ours: () => readRef(repo.commonDir, NOTES_REF),
  };
}

/** Waits for something; the test's own timeout ends a wait for what never comes. */
async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

const LIMIT = { timeout: 30_000 };

test("publisher: a turn: sealed and pushed by itself, in time", LIMIT, async (t) => {
  const { publisher, theirs, ours } = await bench(t);
  const made = publisher();
  const turns = await smallTurns();
  made.start();
  made.add(await turns.next());
  assert.equal(made.state.behind, true);
  await eventually(() => !made.state.behind);
  assert.equal(made.state.sealed, 1);
  assert.equal(await theirs(), await ours());
  assert.equal(made.state.pushed, await ours());
});

test("publisher: not started: nothing is sealed, whatever comes; then all of it at once", LIMIT, async (t) => {
  const { publisher, store, theirs, ours } = await bench(t);
  const made = publisher();
  const turns = await smallTurns();
  for (let count = 0; count < 5; count++) made.add(await turns.next());
  await made.flush();
  assert.equal(await ours(), undefined);
  made.start();
  await made.flush();
  assert.equal((await readSeals(store)).length, 1);
  assert.equal(await theirs(), await ours());
});

test("publisher: a seal that a dead process did not push: pushed at the start", LIMIT, async (t) => {
  const { publisher, sealer, theirs, ours } = await bench(t);
  sealer.add(await (await smallTurns()).next());
  await sealer.seal();
  const made = publisher();
  assert.equal(await theirs(), undefined);
  made.start();
  await eventually(() => !made.state.behind);
  assert.equal(await theirs(), await ours());
});

test("publisher: the remote is away: sealing goes on, the reason is told; back again: it catches up", LIMIT, async (t) => {
  const { publisher, remote, store, problems, theirs, ours } = await bench(t);
  const made = publisher();
  const turns = await smallTurns();
  made.start();
  await rename(remote.commonDir, `${remote.commonDir}-away`);
  for (let count = 0; count < 3; count++) {
    made.add(await turns.next());
    await made.flush();
  }
  assert.equal((await readSeals(store)).length, 3);
  assert.equal(made.state.behind, true);
  assert.match(made.state.problem ?? "", /could not reach it/);
  assert.ok(problems.length >= 3 && problems.every(({ what, code }) => what === "push" && code === "git.remote"), JSON.stringify(problems));
  assert.equal(made.state.fenced, false);
  await rename(`${remote.commonDir}-away`, remote.commonDir);
  await eventually(() => !made.state.behind);
  assert.equal(made.state.problem, undefined);
  assert.equal(await theirs(), await ours());
});

test("publisher: somebody else pushed: fenced with the reason, the remote keeps what it has, nothing is sealed any more", LIMIT, async (t) => {
  const { publisher, repo, remote, store, theirs } = await bench(t);
  const made = publisher();
  const turns = await smallTurns();
  made.start();
  const other = (await gitIn(remote, ["-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", "-m", "theirs", (await gitIn(remote, ["hash-object", "-t", "tree", "-w", "--stdin"], { stdin: "" })).stdout.toString().trim()])).stdout.toString().trim();
  await gitIn(remote, ["update-ref", NOTES_REF, other]);
  made.add(await turns.next());
  await made.flush();
  assert.equal(made.state.fenced, true);
  assert.match(made.state.problem ?? "", /rejected refs\/notes\/aos/);
  assert.equal(made.state.behind, true);
  assert.equal(await theirs(), other);
  made.add(await turns.next());
  await made.flush();
  assert.equal((await readSeals(store)).length, 1);
  assert.equal(await theirs(), other);
  assert.ok((await readRef(repo.commonDir, NOTES_REF)) !== undefined);
});

test("publisher: the ref moved here: fenced, what waits is told", LIMIT, async (t) => {
  const { publisher, sealer, repo, problems } = await bench(t);
  const made = publisher({ remote: undefined });
  const turns = await smallTurns();
  made.start();
  sealer.add(await turns.next());
  await made.flush();
  await gitIn(repo, ["update-ref", "-d", NOTES_REF]);
  made.add(await turns.next());
  await made.flush();
  assert.deepEqual(problems, [{ what: "seal", code: "seal.fenced" }]);
  assert.deepEqual({ ...made.state, problem: undefined }, { sealed: 1, pushed: undefined, behind: true, problem: undefined, fenced: true });
});

test("publisher: another ref lost a race: no fence, the journal is pushed all the same", LIMIT, async (t) => {
  const { publisher, repo, remote, theirs, ours } = await bench(t);
  const made = publisher();
  const turns = await smallTurns();
  const commit = async (at: Repo, text: string): Promise<string> => {
    const tree = (await gitIn(at, ["hash-object", "-t", "tree", "-w", "--stdin"], { stdin: "" })).stdout.toString().trim();
    return (await gitIn(at, ["-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", "-m", text, tree])).stdout.toString().trim();
  };
  await gitIn(remote, ["update-ref", "refs/notes/aos-shadow", await commit(remote, "CI was first")]);
  await gitIn(repo, ["update-ref", "refs/notes/aos-shadow", await commit(repo, "the controller's")]);
  made.start();
  made.pushAlso("refs/notes/aos-shadow");
  made.add(await turns.next());
  await made.flush();
  assert.equal(made.state.fenced, false);
  assert.equal(made.state.behind, true);
  assert.match(made.state.problem ?? "", /aos-shadow/);
  assert.equal(await theirs(), await ours());
});

test("publisher: a seal that fails: told, tried again, forgotten when it works", LIMIT, async (t) => {
  const { publisher, sealer, store, problems } = await bench(t);
  let fails = 2;
  const shaky: Sealer = {
    get sealedSeq() { return sealer.sealedSeq; },
    get pending() { return sealer.pending; },
    add: (turn) => sealer.add(turn),
    async seal() {
      if (fails-- > 0) throw new AosError("git.write", "the disk is full", { class: "outside" });
      return sealer.seal();
    },
  };
  const made = publisher({ sealer: shaky, remote: undefined });
  made.start();
  made.add(await (await smallTurns()).next());
  await made.flush();
  assert.equal(made.state.behind, true);
  assert.equal(made.state.problem, "the disk is full");
  await eventually(() => !made.state.behind);
  assert.equal(made.state.problem, undefined);
  assert.deepEqual(problems.map(({ code }) => code), ["git.write", "git.write"]);
  assert.equal((await readSeals(store)).length, 1);
});

test("publisher: the program is wrong: said once, nothing is sealed or pushed after it", LIMIT, async (t) => {
  const { publisher, sealer, ours } = await bench(t);
  const fatal: unknown[] = [];
  let calls = 0;
  const broken: Sealer = { sealedSeq: -1, pending: { records: 1, bytes: 1 }, add: () => undefined, seal: () => Promise.reject(new Error(`broken ${++calls}`)) };
  const made = publisher({ sealer: broken, onFatal: (error) => fatal.push(error) });
  made.start();
  await made.flush();
  await made.flush();
  assert.deepEqual(fatal.map(String), ["Error: broken 1"]);
  assert.equal(calls, 1);
  assert.equal(await ours(), undefined);
  assert.equal(sealer.sealedSeq, -1);
});

test("publisher: stopped: what is left is sealed and pushed once, then it rests", LIMIT, async (t) => {
  const { publisher, store, theirs, ours } = await bench(t);
  const made = publisher({ sealAfterMs: 60_000, pushAfterMs: 60_000 });
  const turns = await smallTurns();
  made.start();
  made.add(await turns.next());
  await made.stop();
  assert.equal((await readSeals(store)).length, 1);
  assert.equal(await theirs(), await ours());
  await made.stop();
});
