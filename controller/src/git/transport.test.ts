import { test } from "node:test";
import assert from "node:assert/strict";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { IDENTITY, T0, stock, stockGit, temporaryFolder, temporaryRepo, testKey } from "./fixture.ts";
import type { RepoFixture } from "./fixture.ts";
import { readNotes } from "./notes.ts";
import type { Oid } from "./objects.ts";
import { casRef, listRefs, readRef } from "./refs.ts";
import { appendSigned } from "./signed-ref.ts";
import { openStore } from "./store.ts";
import { clone, fetch, lsRemote, push } from "./transport.ts";

const NOTES = "refs/notes/aos";

/** One more signed commit on a ref: its message as a file. */
async function grow({ store }: Pick<RepoFixture, "store">, ref: string, message: string): Promise<Oid> {
  const changes = ref.startsWith("refs/notes/")
    ? { notes: new Map([["e69de29bb2d1d6434b8b29ae775ad8c2e48c5391" as Oid, Buffer.from(message)]]), entries: new Map() }
    : { files: new Map([["file", { kind: "write", bytes: Buffer.from(message), mode: "100644" } as const]]) };
  const done = await appendSigned({ store, ref, key: testKey(1), identity: IDENTITY, message, timeSeconds: T0, changes });
  assert.ok(done.kind === "updated");
  return done.commit;
}

async function hook(gitDir: string, name: string, script: string): Promise<void> {
  await writeFile(join(gitDir, "hooks", name), `#!/bin/sh\n${script}\n`);
  await chmod(join(gitDir, "hooks", name), 0o755);
}

test("clone, push, fetch, lsRemote: a world with notes and its own refs: all of it travels", async (t) => {
  const remote = await temporaryRepo(t);
  let main = await grow(remote, "refs/heads/main", "one");
  let notes = await grow(remote, NOTES, "note one");
  const space = await grow(remote, "refs/aos/workspaces/w", "w");
  const folder = await temporaryFolder(t);
  const seen: string[] = [];
  for (const kind of ["bare", "worktree"] as const) {
    const repo = await clone(remote.folder, join(folder, kind), { kind });
    assert.equal(repo.bare, kind === "bare");
    assert.deepEqual([await readRef(repo.gitDir, "refs/heads/main"), await readRef(repo.gitDir, NOTES), await readRef(repo.gitDir, "refs/aos/workspaces/w")], [main, notes, space]);
    const branches = kind === "bare" ? "refs/heads" : "refs/remotes/origin";
    assert.deepEqual((await stockGit(repo.gitDir, "config", "--get-all", "remote.origin.fetch")).split("\n").toSorted(), ["+refs/aos/*:refs/aos/*", `+refs/heads/*:${branches}/*`, "+refs/notes/*:refs/notes/*"]);
    const store = openStore(repo.gitDir);
    t.after(() => store.close());
    const tip = await grow({ store }, NOTES, `from ${kind}`);
    assert.deepEqual(await push(repo, "origin", [`${NOTES}:${NOTES}`, `${NOTES}:refs/heads/aos/notes`, "refs/heads/main"]), [
      { ref: "refs/heads/aos/notes", outcome: kind === "bare" ? "created" : "fast-forward" },
      { ref: "refs/heads/main", outcome: "unchanged" },
      { ref: NOTES, outcome: "fast-forward" },
    ]);
    assert.deepEqual(await lsRemote(repo, "origin", { patterns: ["refs/notes/*"] }), new Map([[NOTES, tip]]));
    assert.equal(await readRef(remote.gitDir, NOTES), tip);
    notes = await grow(remote, NOTES, `after ${kind}`);
    main = await grow(remote, "refs/heads/main", `after ${kind}`);
    await fetch(repo, "origin");
    assert.deepEqual([await readRef(repo.gitDir, NOTES), await readRef(repo.gitDir, `${branches}/main`)], [notes, main]);
    assert.equal((await readNotes(store, (await store.readCommit(notes)).tree)).size, 1);
    assert.equal((await stock("git", join(folder, kind), ["fsck", "--strict"])).code, 0);
    seen.push(kind);
  }
  assert.equal(seen.length, 2);
  assert.equal((await lsRemote(remote.repo, remote.folder)).get("HEAD"), main);
  await casRef(remote.gitDir, "refs/aos/inbox/ann/1", null, main);
  assert.deepEqual(await push(remote.repo, remote.folder, [":refs/aos/inbox/ann/1"]), [{ ref: "refs/aos/inbox/ann/1", outcome: "deleted" }]);
});

test("fetch: explicit refspecs and prune: beside our own refs, gone when gone", async (t) => {
  const remote = await temporaryRepo(t);
  const local = await temporaryRepo(t);
  const theirs = await grow(remote, NOTES, "theirs");
  const ours = await grow(local, NOTES, "ours");
  const refspecs = ["+refs/notes/*:refs/aos-remote/notes/*"];
  await fetch(local.repo, remote.folder, { refspecs });
  assert.deepEqual([await readRef(local.gitDir, NOTES), await readRef(local.gitDir, "refs/aos-remote/notes/aos")], [ours, theirs]);
  await stockGit(remote.folder, "update-ref", "-d", NOTES);
  await fetch(local.repo, remote.folder, { refspecs });
  assert.equal((await listRefs(local.gitDir, "refs/aos-remote/")).size, 1);
  await fetch(local.repo, remote.folder, { refspecs, gone: "prune" });
  assert.equal((await listRefs(local.gitDir, "refs/aos-remote/")).size, 0);
});

interface Rejected {
  readonly code: string;
  readonly class: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly data: { readonly kind: string; readonly refs: readonly { readonly ref: string }[]; readonly said: readonly string[] };
}

async function rejection(pushing: Promise<unknown>): Promise<Rejected> {
  let caught: unknown;
  await assert.rejects(pushing, (error: unknown) => {
    caught = error;
    return true;
  });
  return caught as Rejected;
}

test("push: somebody else was first: git.rejected, stale, and with several refs none moves; with each by itself the others do", async (t) => {
  const remote = await temporaryRepo(t);
  const main = await grow(remote, "refs/heads/main", "one");
  await grow(remote, NOTES, "one");
  const repo = await clone(remote.folder, join(await temporaryFolder(t), "c"), { kind: "bare" });
  const store = openStore(repo.gitDir);
  t.after(() => store.close());
  const theirs = await grow(remote, NOTES, "theirs");
  await grow({ store }, NOTES, "ours");
  await grow({ store }, "refs/heads/main", "ours");
  const error = await rejection(push(repo, "origin", [NOTES, "refs/heads/main"]));
  assert.deepEqual([error.code, error.class, error.data.kind, error.data.said], ["git.rejected", "refused", "stale", []]);
  assert.match(error.message, /^origin: rejected refs\/notes\/aos \(/);
  assert.match(String(error.hint), /fetch/);
  assert.deepEqual([await readRef(remote.gitDir, NOTES), await readRef(remote.gitDir, "refs/heads/main")], [theirs, main]);

  const alone = await rejection(push(repo, "origin", [NOTES, "refs/heads/main"], { together: "each" }));
  assert.deepEqual([alone.code, alone.data.kind, alone.data.refs.map(({ ref }) => ref)], ["git.rejected", "stale", [NOTES]]);
  assert.deepEqual([await readRef(remote.gitDir, NOTES), await readRef(remote.gitDir, "refs/heads/main")], [theirs, await readRef(repo.gitDir, "refs/heads/main")]);
});

test("push: hooks of the remote say no: git.rejected, refused, with their words and no terminal codes", async (t) => {
  const remote = await temporaryRepo(t);
  const local = await temporaryRepo(t);
  await grow(local, "refs/heads/main", "one");
  await grow(local, NOTES, "one");
  const rows: readonly (readonly [string, string])[] = [
    ["pre-receive", "echo 'aos: not approved' >&2; echo 'see \\033[31mpolicy' >&2; exit 1"],
    ["update", 'test "$1" != refs/notes/aos || { echo "aos: not approved" >&2; printf "see \\033[31mpolicy\\n" >&2; exit 1; }'],
  ];
  for (const [name, script] of rows) {
    await hook(remote.gitDir, name, script);
    const error = await rejection(push(local.repo, remote.folder, ["refs/heads/main", NOTES]));
    assert.deepEqual([error.code, error.class, error.data.kind], ["git.rejected", "refused", "refused"], name);
    assert.deepEqual(error.data.said.slice(0, 2).map((line) => line.replace("\\033", "")), ["aos: not approved", "see [31mpolicy"]);
    assert.match(error.message, /aos: not approved/);
    assert.equal(error.data.refs.length, 2);
    assert.equal((await listRefs(remote.gitDir, "refs/")).size, 0);
    await hook(remote.gitDir, name, "exit 0");
  }
  assert.equal(rows.length, 2);
  assert.equal((await push(local.repo, remote.folder, ["refs/heads/main", NOTES])).length, 2);
});

test("push: a rule of the remote: refused; a rewound ref: stale; force: an invariant; no remote: git.remote", async (t) => {
  const remote = await temporaryRepo(t);
  const local = await temporaryRepo(t);
  const first = await grow(local, "refs/heads/main", "one");
  await grow(local, "refs/heads/main", "two");
  await stockGit(remote.folder, "config", "receive.denyDeletes", "true");
  await push(local.repo, remote.folder, ["refs/heads/main"]);
  assert.equal((await rejection(push(local.repo, remote.folder, [":refs/heads/main"]))).data.kind, "refused");
  assert.equal((await rejection(push(local.repo, remote.folder, [`${first}:refs/heads/main`]))).data.kind, "stale");
  await assert.rejects(push(local.repo, remote.folder, ["+refs/heads/main"]), { name: "InvariantError" });
  await assert.rejects(push(local.repo, remote.folder, ["refs/heads/none"]), { code: "git.failed", message: /src refspec refs\/heads\/none does not match any/ });
  await assert.rejects(push(local.repo, `${remote.folder}-none`, ["refs/heads/main"]), { code: "git.remote", class: "outside" });
  await assert.rejects(clone(`${remote.folder}-none`, join(remote.folder, "c"), { kind: "bare" }), { code: "git.remote" });
  await assert.rejects(fetch(local.repo, "none"), { code: "git.remote" });
  await assert.rejects(lsRemote(local.repo, "--upload-pack=touch x"), { code: "git.failed" });
});

test("quarantine: inside a pre-receive hook: the objects of the push are read, refs are still the old ones", async (t) => {
  const remote = await temporaryRepo(t);
  const local = await temporaryRepo(t);
  const commit = await grow(local, NOTES, "judged");
  const modules = import.meta.resolve("./run.ts").replace(/run\.(ts|js)$/, "");
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const script = `
    const { quarantine } = await import("${modules}run.${extension}");
    const { openStore } = await import("${modules}store.${extension}");
    const { firstParents, openRepo } = await import("${modules}repo.${extension}");
    const { readRef } = await import("${modules}refs.${extension}");
    const seen = await openStore(process.cwd(), { env: quarantine() }).readCommit("${commit}");
    const repo = await openRepo(process.cwd(), { env: quarantine() });
    const parents = await firstParents(repo, null, "${commit}");
    const without = await openStore(process.cwd()).read("${commit}");
    console.error("message " + seen.message + ", commits " + parents.length + ", outside " + without + ", ref " + (await readRef(process.cwd(), "${NOTES}")));
    process.exit(1);`;
  await writeFile(join(remote.gitDir, "judge.mjs"), script);
  await hook(remote.gitDir, "pre-receive", `exec '${process.execPath}' "$PWD/judge.mjs"`);
  const error = await rejection(push(local.repo, remote.folder, [NOTES]));
  assert.deepEqual(error.data.said, ["message judged, commits 1, outside undefined, ref undefined"]);
});
