import { test, type TestContext } from "node:test";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { AosError } from "@agentos/kernel";
import { atEnd } from "../testing/at-end.ts";
import { generateKey } from "../git/keys.ts";
import type { Oid } from "../git/objects.ts";
import { listRefs, readRef } from "../git/refs.ts";
import { gitIn, initRepo, type Repo } from "../git/repo.ts";
import { openStore, type ObjectStore } from "../git/store.ts";
import { eventually } from "../testing/eventually.ts";
import { smallTurns, WORLD } from "../testing/small-turns.ts";
import { NOTES_REF, readSeals } from "./published.ts";
import { besidePusher } from "./push-beside.ts";
import { createPublisher, type Publisher, type PublisherOptions } from "./publisher.ts";
import { openSealer, type Sealer } from "./seal.ts";

interface Bench {
  readonly repo: Repo;
  readonly remote: Repo;
  readonly store: ObjectStore;
  readonly sealer: Sealer;
  readonly problems: { readonly what: string; readonly code: string }[];
  publisher(change?: Partial<PublisherOptions>): Publisher;
  /** Gives the remote a pre-receive hook. */
  remoteHook(script: string): Promise<void>;
  theirs(): Promise<Oid | undefined>;
  ours(): Promise<Oid | undefined>;
}

async function bench(t: TestContext): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), "aos-publisher-"));
  atEnd(t, () => rm(folder, { recursive: true, force: true }));
  const [remote, repo] = [await initRepo(join(folder, "remote"), { kind: "bare" }), await initRepo(join(folder, "own"), { kind: "bare" })];
  await gitIn(repo, ["remote", "add", "origin", join(folder, "remote")]);
  const store = openStore(repo.commonDir);
  atEnd(t, () => store.close());
  const blobs = { get: async () => undefined, put: () => Promise.reject(new Error("nothing is put")) };
  const sealer = await openSealer({ store, key: generateKey("ctl").key, principal: "ctl", world: WORLD, blobs, noteOf: async () => "note" });
  const problems: Bench["problems"] = [];
  const stops: Publisher[] = [];
  atEnd(t, async () => void (await Promise.all(stops.map((publisher) => publisher.stop()))));
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
    async remoteHook(script) {
      const hook = join(remote.commonDir, "hooks", "pre-receive");
      await mkdir(dirname(hook), { recursive: true });
      await writeFile(`${hook}.new`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      await rename(`${hook}.new`, hook);
    },
    theirs: () => readRef(remote.commonDir, NOTES_REF),
    ours: () => readRef(repo.commonDir, NOTES_REF),
  };
}


/** A commit without files. */
async function commit(at: Repo, text: string, ...parents: readonly string[]): Promise<string> {
  const tree = (await gitIn(at, ["hash-object", "-t", "tree", "-w", "--stdin"], { stdin: "" })).stdout.toString().trim();
  return (await gitIn(at, ["-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", "-m", text, ...parents.flatMap((parent) => ["-p", parent]), tree])).stdout.toString().trim();
}

const LIMIT = { timeout: 120_000 };

test("publisher: a turn: sealed and pushed by itself, in time", LIMIT, async (t) => {
  const { publisher, theirs, ours } = await bench(t);
  const made = publisher();
  const turns = await smallTurns();
  made.start();
  made.add(await turns.next());
  assert.equal(made.state.behind, true);
  await eventually(() => !made.state.behind, "nothing is due", { seen: () => made.state });
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
  await eventually(() => !made.state.behind, "nothing is due", { seen: () => made.state });
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
  await eventually(() => !made.state.behind, "nothing is due", { seen: () => made.state });
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
  assert.deepEqual({ ...made.state, problem: undefined }, { sealed: 1, pushed: undefined, behind: true, problem: undefined, rejected: [], fenced: true });
});

test("publisher: another ref lost a race: no fence, the journal is pushed all the same", LIMIT, async (t) => {
  const { publisher, repo, remote, theirs, ours } = await bench(t);
  const made = publisher();
  const turns = await smallTurns();
  await gitIn(remote, ["update-ref", "refs/notes/aos-shadow", await commit(remote, "CI was first")]);
  await gitIn(repo, ["update-ref", "refs/notes/aos-shadow", await commit(repo, "the controller's")]);
  made.start();
  made.pushAlso("refs/notes/aos-shadow");
  made.add(await turns.next());
  await made.flush();
  assert.equal(made.state.fenced, false);
  assert.equal(made.state.behind, true);
  assert.deepEqual(made.state.rejected.map(({ ref }) => ref), ["refs/notes/aos-shadow"]);
  assert.match(made.state.rejected[0]?.reason ?? "", /rejected refs\/notes\/aos-shadow \(fetch first\)/);
  assert.equal(await theirs(), await ours());
});

test("publisher: another ref moves while it is being pushed: what it moved to is pushed too", LIMIT, async (t) => {
  const { publisher, repo, remote, remoteHook } = await bench(t);
  const made = publisher();
  const ref = "refs/aos/workspaces/notes";
  const first = await commit(repo, "first");
  const second = await commit(repo, "second", first);
  const [begun, goOn] = [join(remote.commonDir, "begun"), join(remote.commonDir, "go-on")];
  await promisify(execFile)("mkfifo", [goOn]);
  await remoteHook(`touch "${begun}"; read -r word < "${goOn}"`);
  await gitIn(repo, ["update-ref", ref, first]);
  made.start();
  made.pushAlso(ref);
  await eventually(() => access(begun).then(() => true, () => false), "the push of the first commit reaches the remote");
  await gitIn(repo, ["update-ref", ref, second]);
  made.pushAlso(ref);
  await remoteHook("exit 0");
  await writeFile(goOn, "on\n");
  await eventually(async () => (await readRef(remote.commonDir, ref)) === second, "the remote has the second commit");
  await eventually(() => !made.state.behind, "nothing is due", { seen: () => made.state });
});

const REFUSALS = [
  // A stale ref is the remote's to judge one by one; a hook says no to all that come in one push.
  ["a ref that was moved there", async (remote: Repo, ref: string) => gitIn(remote, ["update-ref", ref, await commit(remote, "somebody else")]), /fetch first/],
  ["a hook that does not want it", (_: Repo, ref: string, hook: (script: string) => Promise<void>) => hook(`if grep -q "${ref}"; then echo "not that one" >&2; exit 1; fi`), /not that one/],
] as const;

for (const [name, refuse, reason] of REFUSALS) {
  test(`publisher: several refs, one rejected: ${name}: the others are pushed, that one is told once, and pushed when it may`, LIMIT, async (t) => {
    const { publisher, repo, remote, remoteHook, problems, theirs, ours } = await bench(t);
    const made = publisher();
    const refs = ["a", "b", "c"].map((slug) => `refs/aos/workspaces/${slug}`);
    const bad = refs[1] ?? assert.fail();
    for (const ref of refs) await gitIn(repo, ["update-ref", ref, await commit(repo, ref)]);
    await refuse(remote, bad, remoteHook);
    made.start();
    made.add(await (await smallTurns()).next());
    for (const ref of refs) made.pushAlso(ref);
    await made.flush();
    await made.flush();
    for (const ref of refs) assert.equal((await readRef(remote.commonDir, ref)) === (await readRef(repo.commonDir, ref)), ref !== bad, ref);
    assert.equal(await theirs(), await ours());
    assert.deepEqual(made.state.rejected.map(({ ref }) => ref), [bad]);
    assert.match(made.state.rejected[0]?.reason ?? "", reason);
    assert.deepEqual([made.state.fenced, made.state.behind, made.state.problem], [false, true, undefined]);
    assert.deepEqual(problems, [{ what: "push", code: "git.rejected" }]);

    await remoteHook("exit 0");
    if ((await readRef(remote.commonDir, bad)) !== undefined) await gitIn(remote, ["update-ref", "-d", bad]);
    await eventually(() => !made.state.behind, "the ref is tried again by itself");
    assert.equal(await readRef(remote.commonDir, bad), await readRef(repo.commonDir, bad));
    assert.deepEqual(made.state.rejected, []);
  });
}

test("publisher: many refs, and a hook that does not want them: told apart by halves, in a bounded number of pushes", LIMIT, async (t) => {
  const { repo, remote, remoteHook } = await bench(t);
  const calls = join(remote.commonDir, "calls");
  const refs = Array.from({ length: 64 }, (_, at) => `refs/aos/workspaces/w${String(at).padStart(2, "0")}`);
  const oid = await commit(repo, "a version");
  await gitIn(repo, ["update-ref", "--stdin"], { stdin: refs.map((ref) => `create ${ref} ${oid}\n`).join("") });
  const told: string[] = [];
  const beside = besidePusher(repo, "origin", { onRejected: ({ message }) => told.push(message) });
  const run = async (hook: string): Promise<readonly [pushes: number, there: number, rejected: number]> => {
    await remoteHook(`echo call >> "${calls}"\n${hook}`);
    await writeFile(calls, "");
    await beside.run({ timeoutMs: 60_000 });
    return [(await readFile(calls, "utf8")).length / "call\n".length, (await listRefs(remote.commonDir, "refs/aos/workspaces/")).size, beside.rejected.length];
  };
  for (const ref of refs) beside.add(ref);

  assert.deepEqual(await run('echo "not today" >&2; exit 1'), [16, 0, 64], "no more pushes than that, whatever is refused");
  assert.ok(told.length <= 16 && told.every((message) => message.length < 500), told.join("\n"));
  const before = told.length;
  const [pushes, there, rejected] = await run('if grep -q "/w41$"; then echo "not that one" >&2; exit 1; fi');
  assert.deepEqual([there, rejected], [63, 1]);
  assert.ok(pushes <= 1 + 2 * 6, `${pushes} pushes`);
  assert.deepEqual(told.slice(before).map((message) => /w41 .*not that one/.test(message)), [true]);
  // The one that is known to be refused is no reason to tell the new ones apart.
  await gitIn(repo, ["update-ref", "refs/aos/workspaces/new", oid]);
  beside.add("refs/aos/workspaces/new");
  assert.deepEqual(await run('if grep -q "/w41$"; then echo "not that one" >&2; exit 1; fi'), [3, 64, 1]);
  assert.deepEqual(await run("exit 0"), [1, 65, 0]);
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
  // Made first: a failed seal is tried again after 250 ms, however long a turn takes to make.
  const turn = await (await smallTurns()).next();
  const made = publisher({ sealer: shaky, remote: undefined });
  made.start();
  made.add(turn);
  await made.flush();
  assert.equal(made.state.behind, true);
  assert.equal(made.state.problem, "the disk is full");
  await eventually(() => !made.state.behind, "nothing is due", { seen: () => made.state });
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

test("publisher: stopped: refs that are moved when all is sealed are pushed too; never started: they are left", LIMIT, async (t) => {
  for (const phase of ["running", "new"] as const) {
    const { publisher, repo, remote, sealer } = await bench(t);
    const made = publisher({ sealAfterMs: 60_000, pushAfterMs: 60_000 });
    const ref = "refs/aos/workspaces/notes";
    if (phase === "running") made.start();
    made.add(await (await smallTurns()).next());
    let sealed: number | undefined;
    await made.stop(async () => {
      sealed = sealer.sealedSeq;
      await gitIn(repo, ["update-ref", ref, await commit(repo, "the last version")]);
      made.pushAlso(ref);
    });
    assert.equal(sealed, phase === "running" ? 1 : -1, phase);
    assert.equal(await readRef(remote.commonDir, ref), phase === "running" ? await readRef(repo.commonDir, ref) : undefined, phase);
  }
});

test("publisher: stopped: what is to be done once all is sealed fails: the journal is pushed all the same", LIMIT, async (t) => {
  const { publisher, theirs, ours } = await bench(t);
  const made = publisher({ sealAfterMs: 60_000, pushAfterMs: 60_000 });
  made.start();
  made.add(await (await smallTurns()).next());
  await assert.rejects(made.stop(() => Promise.reject(new Error("no more room"))), /no more room/);
  assert.ok((await ours()) !== undefined);
  assert.equal(await theirs(), await ours());
});
