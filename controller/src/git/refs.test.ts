import { test } from "node:test";
import assert from "node:assert/strict";
import { access, mkdir, readFile, readdir, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { someCommits, startWriter, stock, stockGit, temporaryRepo } from "./fixture.ts";
import type { Oid } from "./objects.ts";
import { casRef, cleanStaleLocks, deleteRef, isRefName, listRefs, readRef, readSymbolicRef } from "./refs.ts";
import { openRepo } from "./repo.ts";

const NOTES = "refs/notes/aos";

test("readRef: loose, packed, symbolic, both, none: what git rev-parse says", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const [a, b] = await someCommits(store, 2);
  assert.ok(a !== undefined && b !== undefined);
  await stockGit(gitDir, "update-ref", "refs/heads/main", a);
  await stockGit(gitDir, "update-ref", "refs/notes/deep/x", a);
  await stockGit(gitDir, "tag", "-m", "annotated", "v1", a);
  await stockGit(gitDir, "pack-refs", "--all");
  await stockGit(gitDir, "update-ref", "refs/heads/main", b);
  await stockGit(gitDir, "update-ref", "refs/heads/loose", a);
  await stockGit(gitDir, "symbolic-ref", "refs/heads/alias", "refs/heads/loose");
  const refs = ["HEAD", "refs/heads/main", "refs/heads/loose", "refs/heads/alias", "refs/notes/deep/x", "refs/tags/v1"];
  for (const ref of refs) assert.equal(await readRef(gitDir, ref), await stockGit(gitDir, "rev-parse", ref), ref);
  assert.equal(refs.length, 6);
  assert.equal(await readRef(gitDir, "refs/heads/none"), undefined);
  assert.equal(await readRef(gitDir, "refs/notes/deep"), undefined);
  assert.equal(await readRef(gitDir, "refs/heads/main/x"), undefined);
  assert.deepEqual([await readSymbolicRef(gitDir, "HEAD"), await readSymbolicRef(gitDir, "refs/heads/main")], ["refs/heads/main", undefined]);
});

test("readRef: circles, empty files, names that leave the folder: errors", async (t) => {
  const { gitDir } = await temporaryRepo(t);
  await writeFile(join(gitDir, "refs/heads/a"), "ref: refs/heads/b\n");
  await writeFile(join(gitDir, "refs/heads/b"), "ref: refs/heads/a\n");
  await writeFile(join(gitDir, "refs/heads/empty"), "");
  await writeFile(join(gitDir, "refs/heads/out"), "ref: refs/../../x\n");
  const rows: readonly (readonly [string, string])[] = [["refs/heads/a", "git.ref"], ["refs/heads/empty", "git.ref"], ["refs/heads/out", "git.ref"], ["refs/../config", "git.refname"], ["config", "git.refname"], ["/etc/passwd", "git.refname"]];
  for (const [ref, code] of rows) await assert.rejects(readRef(gitDir, ref), { code }, ref);
  assert.equal(rows.length, 6);
});

test("isRefName: names: as git check-ref-format judges", async (t) => {
  const { gitDir } = await temporaryRepo(t);
  const names = ["refs/heads/main", "refs/heads/a/b", "refs/notes/aos-reviews-ann", "refs/heads/é", "refs/x", "refs/heads/a.lock", "refs/heads/a.lock/b", "refs/heads/.a", "refs/heads/a..b", "refs/heads/a b", "refs/heads/a~", "refs/heads/a^", "refs/heads/a:b", "refs/heads/a?", "refs/heads/a*", "refs/heads/a[", "refs/heads/a\\b", "refs/heads//a", "refs/heads/a/", "refs/heads/a.", "refs/heads/a@{b", "refs/heads/@", "refs/heads/a\u0001", "refs/heads/a\u007f"];
  let good = 0;
  for (const name of names) {
    const { code } = await stock("git", gitDir, ["check-ref-format", name]);
    assert.equal(isRefName(name), code === 0, JSON.stringify(name));
    if (code === 0) good++;
  }
  assert.deepEqual([names.length, good], [24, 6]);
});

test("listRefs: loose over packed, by prefix: what git for-each-ref lists", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const commits = await someCommits(store, 6);
  for (const [at, oid] of commits.entries()) await stockGit(gitDir, "update-ref", `refs/notes/n${at}/x`, oid);
  await stockGit(gitDir, "pack-refs", "--all");
  for (const [at, oid] of commits.toReversed().entries()) if (at % 2 === 0) await stockGit(gitDir, "update-ref", `refs/notes/n${at}/x`, oid);
  await stockGit(gitDir, "update-ref", "refs/heads/main", commits[0] ?? "");
  await writeFile(join(gitDir, "refs/notes/held.lock"), "");
  for (const [prefix, count] of [["refs/notes/", 6], ["refs/", 7], ["refs/notes/n1", 1], ["refs/none/", 0]] as const) {
    const listed = [...(await listRefs(gitDir, prefix))].map(([name, oid]) => `${oid} ${name}`);
    const shown = (await stockGit(gitDir, "for-each-ref", "--format=%(objectname) %(refname)")).split("\n").filter((line) => line.slice(41).startsWith(prefix));
    assert.deepEqual(listed, shown, prefix);
    assert.equal(listed.length, count, prefix);
  }
});

test("casRef: expectations that hold and that do not: moved once, git sees it", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const [a, b, c] = await someCommits(store, 3);
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  const rows: readonly (readonly [Oid | null, Oid, "updated" | "stale", Oid])[] = [
    [null, a, "updated", a],
    [null, b, "stale", a],
    [b, c, "stale", a],
    [a, b, "updated", b],
    [a, c, "stale", b],
    [b, b, "updated", b],
  ];
  for (const [expected, next, outcome, then] of rows) {
    assert.equal(await casRef(gitDir, NOTES, expected, next), outcome);
    assert.equal(await stockGit(gitDir, "rev-parse", NOTES), then);
  }
  assert.equal(rows.length, 6);
  await stockGit(gitDir, "pack-refs", "--all", "--prune");
  await assert.rejects(access(join(gitDir, NOTES)));
  assert.equal(await casRef(gitDir, NOTES, a, c), "stale");
  assert.equal(await casRef(gitDir, NOTES, b, c), "updated");
  assert.equal(await readRef(gitDir, NOTES), c);
  assert.deepEqual((await readdir(join(gitDir, "refs/notes"))), ["aos"]);
});

test("casRef: names in each other's way, loose or packed, and symbolic refs: git.ref; empty folders: no obstacle", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const [a, b] = await someCommits(store, 2);
  assert.ok(a !== undefined && b !== undefined);
  assert.equal(await casRef(gitDir, "refs/aos/x/y", null, a), "updated");
  for (const state of ["loose", "packed"]) {
    if (state === "packed") await stockGit(gitDir, "pack-refs", "--all", "--prune");
    for (const ref of ["refs/aos/x", "refs/aos/x/y/z", "refs/aos/x/y/z/w"]) await assert.rejects(casRef(gitDir, ref, null, b), { code: "git.ref" }, `${state} ${ref}`);
    assert.equal(await readRef(gitDir, "refs/aos/x/y"), a);
  }
  await stockGit(gitDir, "symbolic-ref", "refs/heads/alias", "refs/heads/main");
  await assert.rejects(casRef(gitDir, "refs/heads/alias", null, a), { code: "git.ref" });
  await assert.rejects(casRef(gitDir, "HEAD", null, a), { code: "git.ref" });
  await mkdir(join(gitDir, "refs/aos/e/f"), { recursive: true });
  assert.equal(await casRef(gitDir, "refs/aos/e", null, a), "updated");
  assert.equal(await stockGit(gitDir, "rev-parse", "refs/aos/e"), a);
  const { removed, kept } = await cleanStaleLocks(gitDir, { olderThanMs: 0 });
  assert.deepEqual([removed, kept], [[], []]);
});

test("casRef: another's lock: waits a little, then git.locked with the file and the way out; freed in time: goes on", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const [a] = await someCommits(store, 1);
  assert.ok(a !== undefined);
  const lock = join(gitDir, `${NOTES}.lock`);
  await mkdir(dirname(lock), { recursive: true });
  await writeFile(lock, "");
  await assert.rejects(casRef(gitDir, NOTES, null, a, { lockTimeoutMs: 60 }), (error: unknown) => {
    assert.ok(error instanceof Error && "code" in error && "class" in error && "hint" in error);
    assert.deepEqual([error.code, error.class], ["git.locked", "outside"]);
    assert.ok(error.message.includes(lock) && String(error.hint).includes(`rm '${lock}'`));
    return true;
  });
  const moving = casRef(gitDir, NOTES, null, a, { lockTimeoutMs: 20_000 });
  assert.equal(await readRef(gitDir, NOTES), undefined);
  assert.deepEqual((await cleanStaleLocks(gitDir, { olderThanMs: 0 })).removed, [lock]);
  assert.equal(await moving, "updated");
});

test("casRef and readRef: a linked worktree: its HEAD is its own, refs are the repository's", async (t) => {
  const { folder, repo, store } = await temporaryRepo(t, { kind: "worktree" });
  const [a, b] = await someCommits(store, 2);
  assert.ok(a !== undefined && b !== undefined);
  await stockGit(folder, "update-ref", "refs/heads/main", a);
  await stockGit(folder, "worktree", "add", "-q", "-b", "side", `${folder}-linked`, a);
  const linked = await openRepo(`${folder}-linked`);
  assert.equal(linked.commonDir, repo.gitDir);
  assert.notEqual(linked.gitDir, repo.gitDir);
  assert.equal(await readSymbolicRef(linked.gitDir, "HEAD"), "refs/heads/side");
  assert.equal(await casRef(linked.gitDir, NOTES, null, b), "updated");
  assert.equal(await stockGit(folder, "rev-parse", NOTES), b);
  assert.equal(await readRef(linked.gitDir, NOTES), b);
});

test("casRef: five processes and stock git with one expectation: exactly one wins each round", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const writers = Array.from({ length: 4 }, () => startWriter(t, "cas", gitDir, NOTES));
  for (const writer of writers) assert.equal(await writer.next(), "ready");
  const [first, ...commits] = await someCommits(store, 1 + 12 * 6);
  assert.ok(first !== undefined);
  assert.equal(await casRef(gitDir, NOTES, null, first), "updated");
  let rounds = 0;
  let tip: Oid = first;
  for (; rounds < 12; rounds++) {
    const targets: readonly Oid[] = commits.slice(rounds * 6, rounds * 6 + 6);
    const [forUs = first, forGit = first, ...forWriters] = targets;
    const moves: readonly string[] = await Promise.all([
      casRef(gitDir, NOTES, tip, forUs, { lockTimeoutMs: 20_000 }),
      stock("git", gitDir, ["update-ref", NOTES, forGit, tip]).then(({ code }) => (code === 0 ? "updated" : "stale")),
      ...writers.map((writer, at) => writer.ask(`${tip} ${forWriters[at]}`)),
    ]);
    assert.deepEqual(moves.toSorted(), ["stale", "stale", "stale", "stale", "stale", "updated"]);
    const winner = targets[moves.indexOf("updated")];
    assert.equal(await readRef(gitDir, NOTES), winner);
    tip = winner ?? tip;
    if (rounds % 4 === 3) await stockGit(gitDir, "pack-refs", "--all", "--prune");
  }
  assert.equal(rounds, 12);
});

test("casRef: pack-refs running at the same time: no move is lost", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const commits = await someCommits(store, 60);
  let packing = true;
  let packed = 0;
  const packer = (async () => {
    for (; packing; packed++) await stock("git", gitDir, ["pack-refs", "--all", "--prune"]);
  })();
  let tip: Oid | null = null;
  for (const next of commits) {
    assert.equal(await readRef(gitDir, NOTES), tip ?? undefined);
    assert.equal(await casRef(gitDir, NOTES, tip, next, { lockTimeoutMs: 20_000 }), "updated");
    tip = next;
  }
  packing = false;
  await packer;
  assert.ok(packed > 0);
  assert.equal(await stockGit(gitDir, "rev-parse", NOTES), commits[59]);
});

test("deleteRef: at its value: gone, packed or loose; elsewhere: stale", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const [a, b] = await someCommits(store, 2);
  assert.ok(a !== undefined && b !== undefined);
  await casRef(gitDir, "refs/aos/inbox/ann/1", null, a);
  await casRef(gitDir, "refs/aos/inbox/ann/2", null, a);
  await stockGit(gitDir, "pack-refs", "--all");
  assert.equal(await deleteRef(gitDir, "refs/aos/inbox/ann/1", b), "stale");
  assert.equal(await deleteRef(gitDir, "refs/aos/inbox/ann/1", a), "deleted");
  assert.equal(await deleteRef(gitDir, "refs/aos/inbox/ann/1", a), "stale");
  assert.deepEqual([...(await listRefs(gitDir, "refs/aos/"))], [["refs/aos/inbox/ann/2", a]]);
});

test("cleanStaleLocks: locks of all kinds: old ones go, young ones are named, refs stay", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const [a] = await someCommits(store, 1);
  assert.ok(a !== undefined);
  await casRef(gitDir, NOTES, null, a);
  const old = ["HEAD.lock", "packed-refs.lock", "refs/heads/main.lock", "refs/notes/aos.lock"].map((name) => join(gitDir, name));
  const young = join(gitDir, "refs/notes/young.lock");
  for (const path of [...old, young]) await writeFile(path, "");
  for (const path of old) await utimes(path, new Date(0), new Date(0));
  assert.deepEqual(await cleanStaleLocks(gitDir, { olderThanMs: 3_600_000 }), { removed: old, kept: [young] });
  assert.equal(await readFile(join(gitDir, NOTES), "utf8"), `${a}\n`);
  assert.equal(await stockGit(gitDir, "update-ref", NOTES, a, a), "");
});
