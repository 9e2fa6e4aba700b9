import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { encodeName, hashBytes, memoryBlobs, trees, utf8, type Hash } from "@agentos/kernel";
import { generateKey, publicKeyLine } from "../git/keys.ts";
import { deleteRef, readRef } from "../git/refs.ts";
import { initRepo } from "../git/repo.ts";
import { openStore, type ObjectStore } from "../git/store.ts";
import type { WorkspaceHistory, WorkspaceVersion } from "./history.ts";
import { treeOfGit } from "./from-git.ts";
import { authorOf, MESSAGE_KEY, parseVersionMessage, versionMessage, workspaceRef } from "./version-commit.ts";
import { writeVersions, type VersionWriter } from "./write-versions.ts";

const run = promisify(execFile);
const ENV = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", LC_ALL: "C" };
const LIMIT = { timeout: 120_000 };

interface Bench {
  readonly folder: string;
  readonly store: ObjectStore;
  readonly writer: VersionWriter;
  readonly blobs: ReturnType<typeof memoryBlobs>;
  git(...args: string[]): Promise<string>;
}

async function bench(t: TestContext): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), "aos-ws-"));
  const repo = await initRepo(join(folder, "r.git"), { kind: "bare" });
  const store = openStore(repo.gitDir);
  const [blobs, { key }] = [memoryBlobs(), generateKey("controller")];
  t.after(async () => {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });
  await writeFile(join(folder, "signers"), `controller@aos namespaces="git" ${publicKeyLine(key)}\n`);
  return { folder, store, blobs, writer: { store, blobs, key, principal: "controller" }, git: async (...args) => (await run("git", ["--git-dir", repo.gitDir, ...args], { env: ENV })).stdout.trimEnd() };
}

const version = (number: bigint, root: Hash, more: Partial<WorkspaceVersion> = {}): WorkspaceVersion => ({ version: number, root, owner: "ann", createdNs: 1_700_000_000_000_000_000n + number * 1_000_000_000n, ...more });
const history = (name: string, versions: readonly WorkspaceVersion[]): WorkspaceHistory => ({ name, head: BigInt(versions.length), versions });

/** Three versions: two files, one changed and one made executable, one gone under a real name that a workspace cannot spell. */
async function three({ blobs }: Bench): Promise<WorkspaceHistory> {
  const first = await trees.writeFile(blobs, (await trees.writeFile(blobs, trees.EMPTY_TREE_HASH, { path: "src/main.ts", bytes: utf8("one\ntwo\n") })).root, { path: encodeName("café au lait.txt"), bytes: utf8("milk\n") });
  const second = await trees.writeFile(blobs, first.root, { path: "src/main.ts", bytes: utf8("one\n2\n"), mode: 0o755 });
  const said = await blobs.put(utf8("Take the milk away\n\nVersion: 99\n"));
  const third = await trees.annotate(blobs, await trees.removePath(blobs, second.root, encodeName("café au lait.txt")), { patch: new Map([[MESSAGE_KEY, said]]) });
  return history("notes", [version(1n, first.root), version(2n, second.root, { owner: "Bo <bo@example.org>" }), version(3n, third.root)]);
}

test("workspace versions: stock git reads them: log, show, checkout, signatures; every commit gives its root back", LIMIT, async (t) => {
  const made = await bench(t);
  const { store, writer, folder, git } = made;
  const versions = await three(made);
  const { ref, commits, tip, missing } = await writeVersions(writer, versions);
  assert.deepEqual({ ref, commits, missing }, { ref: "refs/aos/workspaces/notes", commits: 3, missing: [] });
  assert.equal(await git("log", "--format=%an|%ae|%at|%cn|%s|%(trailers:key=Version,valueonly,separator=%x2C)|%(trailers:key=AIR-Root,valueonly,separator=%x2C)", ref), [
    `ann|ann@aos|1700000003|controller|Take the milk away|3|${versions.versions[2]?.root}`,
    `Bo|bo@example.org|1700000002|controller|notes: version 2|2|${versions.versions[1]?.root}`,
    `ann|ann@aos|1700000001|controller|notes: version 1|1|${versions.versions[0]?.root}`,
  ].join("\n"));
  assert.match(await git("show", "--format=", `${ref}~1`), /old mode 100644\nnew mode 100755\n[^]*-two\n\+2$/);
  assert.equal(await git("-c", "core.quotePath=false", "diff", "--name-status", `${ref}~1`, ref), "A\t.aos-annotations.json\nD\tcafé au lait.txt");
  const out = join(folder, "out");
  await mkdir(out);
  await git("--work-tree", out, "checkout", "--quiet", "--force", `${ref}~2`, "--", ".");
  assert.equal(await readFile(join(out, "café au lait.txt"), "utf8"), "milk\n");
  await git("-c", `gpg.ssh.allowedSignersFile=${join(folder, "signers")}`, "verify-commit", `${ref}`, `${ref}~2`);
  await git("fsck", "--strict");
  for (const [index, { root }] of versions.versions.entries()) {
    const oid = (await git("rev-parse", `${ref}~${2 - index}`)) as Parameters<typeof treeOfGit>[1];
    assert.equal(await treeOfGit(store, oid, memoryBlobs()), root);
  }
  assert.equal(tip, await readRef(store.gitDir, ref));
});

test("workspace versions: again, one by one, or after the ref was lost: the same commits", LIMIT, async (t) => {
  const made = await bench(t);
  const { store, writer } = made;
  const versions = await three(made);
  const steps: (string | undefined)[] = [];
  for (const count of [1, 2, 3, 3]) steps.push((await writeVersions(writer, history("notes", versions.versions.slice(0, count)))).tip);
  assert.equal(new Set(steps).size, 3);
  const ref = workspaceRef("notes");
  const tip = await readRef(store.gitDir, ref);
  assert.ok(tip !== undefined);
  assert.equal(await deleteRef(store.gitDir, ref, tip), "deleted");
  const again = await writeVersions(writer, versions);
  assert.deepEqual([again.commits, again.tip], [3, tip]);
  assert.equal((await writeVersions(writer, versions)).commits, 0);
});

test("workspace versions: a tree that is not stored: the files of the version before, said so; the next one is whole", LIMIT, async (t) => {
  const made = await bench(t);
  const { writer, git } = made;
  const [first, , third] = (await three(made)).versions;
  assert.ok(first !== undefined && third !== undefined);
  const gone = hashBytes(utf8("no such tree"));
  const rows = history("h", [version(1n, gone), { ...first, version: 2n }, version(3n, gone), version(4n, gone), { ...third, version: 5n }]);
  const whole = await writeVersions(writer, rows);
  assert.deepEqual(whole.missing, [1n, 3n, 4n]);
  const listed = await Promise.all([4, 3, 2, 1, 0].map((back) => git("ls-tree", "-r", "--name-only", `${whole.ref}~${back}`)));
  assert.deepEqual(listed.map((names) => names.split("\n").filter((name) => name !== "").length), [0, 2, 2, 2, 2]);
  assert.equal(await git("log", "--format=%(trailers:key=AIR-Tree,valueonly,separator=%x2C)", whole.ref), "\nmissing\nmissing\n\nmissing");
  const stepwise = await bench(t);
  for (const count of [1, 2, 3, 4, 5]) await writeVersions({ ...stepwise.writer, blobs: made.blobs, key: writer.key }, history("h", rows.versions.slice(0, count)));
  assert.equal(await readRef(stepwise.store.gitDir, whole.ref), whole.tip);
});

test("workspace versions: a ref that somebody else moved: left alone", LIMIT, async (t) => {
  const made = await bench(t);
  const { writer, store, git } = made;
  const versions = await three(made);
  const { ref } = await writeVersions(writer, versions);
  const other = await writeVersions(writer, history("other", [version(1n, trees.EMPTY_TREE_HASH)]));
  await git("update-ref", ref, other.tip ?? "");
  await assert.rejects(writeVersions(writer, versions), { code: "workspace.ref", class: "unverified" });
  assert.equal(await readRef(store.gitDir, ref), other.tip);
  const foreign = await git("-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", "-m", "mine", `${other.tip}^{tree}`);
  await git("update-ref", ref, foreign);
  await assert.rejects(writeVersions(writer, versions), { code: "workspace.commit", class: "unverified" });
});

test("workspace refs, authors and messages: any name and owner has one that git takes", () => {
  const names = ["dev", "a.b", "a..b", ".hidden", "x.lock", "a~b", "a.", "-x", "~7E"];
  const refs = names.map(workspaceRef);
  assert.equal(new Set(refs).size, names.length);
  assert.deepEqual([refs[1], refs[2], refs[5]], ["refs/aos/workspaces/a.b", "refs/aos/workspaces/a%2E%2Eb", "refs/aos/workspaces/a%7Eb"]);
  const owners = [["ann", "ann <ann@aos>"], ["", "unknown <unknown@aos>"], ["Bo B <bo@x.org>", "Bo B <bo@x.org>"], ["a<b>\nc", "a b  c <a-b-c@aos>"], ["É", "É <unknown@aos>"]] as const;
  for (const [owner, expected] of owners) {
    const { name, email, time } = authorOf({ owner, createdNs: 1_999_999_999n });
    assert.deepEqual([`${name} <${email}>`, time], [expected, 1]);
  }
  assert.equal(owners.length, 5);
  const facts = { workspace: "w", version: 2n ** 63n, root: trees.EMPTY_TREE_HASH, tree: "missing" } as const;
  assert.deepEqual(parseVersionMessage(versionMessage(facts, "Workspace: x\nVersion: 3\0\r\n"), "0".repeat(40) as never), facts);
  assert.throws(() => parseVersionMessage("nothing\n", "0".repeat(40) as never), { code: "workspace.commit" });
});
