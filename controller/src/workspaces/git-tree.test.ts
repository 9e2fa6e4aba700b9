import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import fc from "fast-check";
import { compareText, encodeAnnotations, encodeName, encodeTree, hashBytes, memoryBlobs, trees, utf8, type Hash } from "@agentos/kernel";
import { git } from "../git/run.ts";
import { initRepo } from "../git/repo.ts";
import { commitObject, parseTree, type GitObject, type Oid } from "../git/objects.ts";
import { openStore, type ObjectStore } from "../git/store.ts";
import { decodeAnnotationsFile } from "./annotations-file.ts";
import { treeOfGit, type GitSource } from "./from-git.ts";
import { ANNOTATIONS_FILE, gitNameOf, nameOfGit } from "./git-name.ts";
import { packSink } from "./pack-sink.ts";
import { gitTreeOf, type GitTwin, type ToGit } from "./to-git.ts";

const LIMIT = { timeout: 120_000 };

test("git names: real names where git can hold them, the workspace's own behind a mark elsewhere; each has one", () => {
  const rows: readonly (readonly [name: string, inGit: string])[] = [
    ["README.md", "README.md"], ["~6261722062617A", "bar baz"], ["~7E74696C6465", "~tilde"], ["a~b", "a~b"], ["~tilde", "~aos-~tilde"], ["~", "~aos-~"], ["~C3A9", "é"], ["~616263", "~aos-~616263"],
    ["~2E2E", "~aos-~2E2E"], ["~612F62", "~aos-~612F62"], ["~00", "~aos-~00"], [".git", "~aos-.git"], [".GIT", "~aos-.GIT"], ["git~1", "~aos-git~1"], [".gitmodules", "~aos-.gitmodules"],
    [".gitignore", ".gitignore"], [".gitattributes", ".gitattributes"], [encodeName(".g\u200cit"), `~aos-${encodeName(".g\u200cit")}`], [encodeName(".git "), `~aos-${encodeName(".git ")}`],
    [encodeName("a\\.git"), `~aos-${encodeName("a\\.git")}`], ["~aos-x", "~aos-~aos-x"], [encodeName("~aos-x"), `~aos-${encodeName("~aos-x")}`], [ANNOTATIONS_FILE, `~aos-${ANNOTATIONS_FILE}`],
    [encodeName("line\nbreak"), "line\nbreak"],
  ];
  for (const [name, inGit] of rows) {
    assert.equal(gitNameOf(name), inGit);
    assert.equal(nameOfGit(inGit), name);
  }
  assert.equal(rows.length, 24);
  for (const name of ["~aos-plain", "~aos-", ".git", "git~1", "", ".", "..", ANNOTATIONS_FILE]) assert.throws(() => nameOfGit(name), { code: "workspace.git_name" }, name);
});

/** A folder of a random tree: files and folders by name, with what they are annotated with. */
interface Folder {
  readonly notes: ReadonlyMap<string, Uint8Array> | undefined;
  readonly entries: ReadonlyMap<string, { readonly bytes: Uint8Array; readonly exec: boolean; readonly notes: ReadonlyMap<string, Uint8Array> | undefined } | Folder>;
}

const bytes = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.string().map(utf8), fc.constantFrom(utf8("\ufeffbom"), utf8("{}\n"), new Uint8Array(0)));
const notes = fc.option(fc.uniqueArray(fc.tuple(fc.oneof(fc.constantFrom("http.content-type", "__proto__", "2", "10", ""), fc.string()), bytes), { selector: ([key]) => key, maxLength: 3 }).map((list) => new Map(list)), { nil: undefined, freq: 2 });
const segment = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9._~-]{1,8}$/).filter((name) => name !== "." && name !== ".."),
  fc.string({ minLength: 1, maxLength: 6, unit: "grapheme" }).filter((name) => !/[/\0]/.test(name) && name !== "." && name !== "..").map(encodeName),
  fc.constantFrom(".git", "git~1", ".gitmodules", ANNOTATIONS_FILE, "~", "~FF", "~aos-a", "a", "a-b", "a.b", "__proto__"),
);
const { folder } = fc.letrec<{ folder: Folder; file: unknown }>((tie) => ({
  file: fc.record({ bytes, exec: fc.boolean(), notes }),
  folder: fc.record({
    notes,
    entries: fc.uniqueArray(fc.tuple(segment, fc.oneof({ depthSize: "small", withCrossShrink: true }, tie("file"), tie("folder"))), { selector: ([name]) => name, maxLength: 5 }).map((list) => new Map(list)),
  }) as fc.Arbitrary<Folder>,
}));

type Store = ReturnType<typeof memoryBlobs>;

async function store(blobs: Store, tree: Folder): Promise<Hash> {
  const entries: trees.TreeEntry[] = [];
  for (const [name, item] of tree.entries) {
    if ("entries" in item) entries.push({ name, kind: "dir", hash: await store(blobs, item), size: 0, mode: 0o755 });
    else entries.push({ name, kind: "file", hash: await blobs.put(item.bytes), size: item.bytes.length, mode: item.exec ? 0o755 : 0o644, ...(await notesOf(blobs, item.notes)) });
  }
  entries.sort((a, b) => compareText(a.name, b.name));
  return blobs.put(encodeTree({ entries, ...(await notesOf(blobs, tree.notes)) }));
}

async function notesOf(blobs: Store, found: Folder["notes"]): Promise<{ readonly annotations_hash?: Hash }> {
  if (found === undefined) return {};
  const hashes = new Map<string, Hash>();
  for (const [key, value] of found) hashes.set(key, await blobs.put(value));
  return { annotations_hash: await blobs.put(encodeAnnotations(hashes)) };
}

async function repository(t: TestContext): Promise<{ readonly path: string; readonly objects: ObjectStore }> {
  const path = await mkdtemp(join(tmpdir(), "aos-ws-"));
  const repo = await initRepo(join(path, "r.git"), { kind: "bare" });
  const objects = openStore(repo.gitDir);
  t.after(async () => {
    await objects.close();
    await rm(path, { recursive: true, force: true });
  });
  return { path: repo.gitDir, objects };
}

async function toGit(objects: ObjectStore, blobs: Store, root: Hash, base?: GitTwin): Promise<{ readonly tree: Oid; readonly added: number }> {
  const sink = packSink(objects);
  let added = 0;
  const add = async (object: Parameters<typeof sink.add>[0]): Promise<void> => {
    added++;
    await sink.add(object);
  };
  const tree = await gitTreeOf({ blobs, git: sink, add }, root, base);
  await sink.flush();
  await sink.release();
  return { tree, added };
}

test("git trees: any names, any bytes, modes and annotations: tree, commit and back give the same root; git finds nothing wrong", LIMIT, async (t) => {
  const { path, objects } = await repository(t);
  const all = new Map<Oid, GitObject>();
  const source: GitSource = { readTree: async (oid) => parseTree(all.get(oid)?.bytes ?? assert.fail(oid)), readBlob: async (oid) => all.get(oid)?.bytes ?? assert.fail(oid) };
  const to = (blobs: Store): ToGit => ({ blobs, git: source, add: async (object) => void all.set(object.oid, object) });
  const made: { readonly blobs: Store; readonly root: Hash; readonly tree: Oid }[] = [];
  await fc.assert(fc.asyncProperty(folder, async (tree) => {
    const blobs = memoryBlobs();
    const root = await store(blobs, tree);
    const last = made.at(-1);
    const oid = await gitTreeOf(to(blobs), root);
    assert.equal(await treeOfGit(source, oid, memoryBlobs()), root);
    if (last !== undefined) {
      const both: Store = { get: async (hash) => (await blobs.get(hash)) ?? last.blobs.get(hash), put: blobs.put };
      assert.equal(await gitTreeOf(to(both), root, last), oid, "what it is made from does not show");
    }
    made.push({ blobs, root, tree: oid });
  }), { numRuns: 300 });
  assert.ok(made.length >= 300);
  const identity = { name: "a", email: "a@b", time: 1, tz: "+0000" };
  const commits = made.map(({ tree }, index) => commitObject({ tree, parents: [], author: identity, committer: identity, message: `${index}\n` }));
  await (await objects.writePack([...all.values(), ...commits])).release();
  await git(path, ["fsck", "--strict", "--full"], { env: { GIT_DIR: path } });
  for (const { root, tree } of made.slice(-50)) assert.equal(await treeOfGit(objects, tree, memoryBlobs()), root);
});

test("git trees: one file of a large tree changed: only the folders on the way and the file are made, and only their nodes are read", async (t) => {
  const { objects } = await repository(t);
  const blobs = memoryBlobs();
  const edits = new Map<string, trees.FileEdit>();
  for (let index = 0; index < 1_000; index++) edits.set(`d${index % 40}/e/f${index}`, { hash: await blobs.put(utf8(`file ${index}`)), size: utf8(`file ${index}`).length });
  const root = await trees.changeTree(blobs, trees.EMPTY_TREE_HASH, edits);
  const first = await toGit(objects, blobs, root);
  assert.equal(first.added, 1_000 + 81);
  const next = await trees.writeFile(blobs, root, { path: "d7/e/f7", bytes: utf8("other") });
  let reads = 0;
  const counted: Store = { put: blobs.put, get: (hash) => (reads++, blobs.get(hash)) };
  const second = await toGit(objects, counted, next.root, { root, tree: first.tree });
  assert.deepEqual({ added: second.added, reads }, { added: 4, reads: 7 });
});

test("git trees: an annotation whose value is not stored: its hash travels", async (t) => {
  const { objects } = await repository(t);
  const blobs = memoryBlobs();
  const gone = hashBytes(utf8("nowhere"));
  const { root } = await trees.annotate(blobs, trees.EMPTY_TREE_HASH, { patch: new Map([["k", gone]]) });
  const { tree } = await toGit(objects, blobs, root);
  assert.match(Buffer.from((await objects.readPath(tree, ANNOTATIONS_FILE)) ?? []).toString(), new RegExp(`"hash": "${gone}"`));
  assert.equal(await treeOfGit(objects, tree, memoryBlobs()), root);
});

test("git trees: what a workspace cannot hold: refused with the path", LIMIT, async (t) => {
  const { path, objects } = await repository(t);
  const run = async (args: readonly string[], stdin?: string): Promise<string> => (await git(path, args, { env: { GIT_DIR: path }, ...(stdin === undefined ? {} : { stdin }) })).stdout.toString().trim();
  const blob = await run(["hash-object", "-w", "--stdin"], '{"files":{"a":{}}}');
  const rows = [
    [`120000 blob ${blob}\tlink`, { code: "workspace.git_mode", message: /^link: a symbolic link/ }],
    [`100644 blob ${blob}\t~aos-x`, { code: "workspace.git_name", message: /^~aos-x: / }],
    [`100644 blob ${blob}\t${ANNOTATIONS_FILE}`, { code: "workspace.annotations", message: /files\/a: there is no such file/ }],
  ] as const;
  for (const [line, error] of rows) await assert.rejects(treeOfGit(objects, (await run(["mktree"], `${line}\n`)) as Oid, memoryBlobs()), error);
  for (const text of ["[]", '{"x":1}', '{"files":{"a":{"k":{"base64":"!"}}}}', '{"folder":{"k":7}}']) assert.throws(() => decodeAnnotationsFile(utf8(text), "f"), { code: "workspace.annotations" });
  assert.equal(rows.length, 3);
});
