// Push and pull of folders against a world that is here only as far as they see it: its blobs on disk, and the versions it was given.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { AosError, fileBlobs, fileBlobStreams, hashBytes, memoryBlobs, trees, utf8, type Hash, type Json } from "@agentos/kernel";
import { BLOB_BYTES_MAX, type ControlClient, type NewVersion, type WorkspaceLink } from "@agentos/controller";
import { temporaryFolder } from "../testing/aos.ts";
import { gitOutlet, type GitOutlet } from "./git-outlet.ts";
import { socketOutlet } from "./outlet.ts";
import { planLink, type PlanOptions } from "./plan-push.ts";
import { pullLink, type LinkPulled } from "./pull-link.ts";
import { pushPlans, type LinkPushed, type SendOptions } from "./push-link.ts";
import { keptBytes } from "./scan.ts";
import { readSyncState, stateFiles, writeSyncState } from "./sync-state.ts";

type Annotations = WorkspaceLink["annotations"];

/** What was asked of the world since it was last looked at. */
interface Asked {
  requests: string[];
  sentBytes: number;
  readBlobs: number;
  looks: number;
}
interface Folder {
  readonly path: string;
  annotations: Annotations;
  write(files: Readonly<Record<string, string>>): void;
  push(options?: Partial<PlanOptions & SendOptions>): Promise<LinkPushed>;
  pull(changed?: "keep" | "overwrite"): Promise<LinkPulled>;
}
interface Stage {
  readonly blobs: string;
  asked(): Asked;
  /** A folder of its own that is linked to the one workspace. */
  folder(name: string): Folder;
  /** From here on the world takes no versions. */
  unroute(): void;
  /** What every commit is refused for from here on. */
  refuse(why: AosError): void;
  /** As somebody else would. */
  annotate(path: string, patch: Readonly<Record<string, Uint8Array | null>>): Promise<void>;
}

async function stage(t: TestContext): Promise<Stage> {
  const root = await temporaryFolder(t);
  const dir = join(root, "blobs");
  const [streams, stored] = [fileBlobStreams(dir), fileBlobs(dir)];
  const roots: Hash[] = [];
  let refusal: AosError | undefined;
  let asked: Asked = { requests: [], sentBytes: 0, readBlobs: 0, looks: 0 };
  let unrouted = false;
  const client = {
    async ask(_method: string, path: string, body: { readonly hashes: readonly Hash[] }) {
      asked.requests.push(path);
      return { missing: await streams.missing(body.hashes) };
    },
    async bytes(_method: string, path: string, body: AsyncIterable<Uint8Array>) {
      asked.requests.push(path);
      const parts: Uint8Array[] = [];
      for await (const part of body) parts.push(part);
      const all = Buffer.concat(parts);
      asked.sentBytes += all.length;
      await streams.writeAll(unframed(all));
      return undefined;
    },
  } as unknown as ControlClient;
  const blobs = {
    get(hash: Hash) {
      asked.readBlobs++;
      return stored.get(hash);
    },
  };
  const outlet = {
    ...socketOutlet(client, blobs),
    async commit(version: NewVersion) {
      asked.requests.push("/events");
      if (refusal !== undefined) throw refusal;
      assert.equal(version.expectedHead, roots.length);
      return roots.push(version.root);
    },
  };
  const workspaces = {
    blobs,
    versions: async () => roots.map((root, at) => ({ version: at + 1, root, owner: "ada", created: "" })),
    async resolve(workspace: string) {
      asked.requests.push("/workspaces");
      const found = roots.at(-1);
      return { workspace, head: roots.length, seq: 0, ...(found === undefined ? {} : { found: { version: roots.length, root: found, owner: "ada", created: "" } }), ...(unrouted ? { unrouted: true as const } : {}) };
    },
  };
  return {
    blobs: dir,
    refuse: (why) => void (refusal = why),
    unroute: () => void (unrouted = true),
    asked() {
      const before = asked;
      asked = { requests: [], sentBytes: 0, readBlobs: 0, looks: 0 };
      return before;
    },
    folder(name) {
      const path = join(root, name);
      const place = () => ({ link: { workspace: "notes", version: undefined, path: undefined, dir: name, ignore: [], annotations: folder.annotations }, root, gitDir: join(root, ".git"), workspaces, onFile: () => void asked.looks++ });
      const folder: Folder = {
        path, annotations: new Map(),
        write(files) {
          for (const [at, text] of Object.entries(files)) {
            mkdirSync(dirname(join(path, at)), { recursive: true });
            writeFileSync(join(path, at), text);
          }
        },
        async push(options = {}) {
          const kept = keptBytes();
          const plan = await planLink(place(), { extra: "keep", newer: "refuse", missing: "empty", kept, ...options });
          const keepAnnotations: SendOptions["keepAnnotations"] = async (_, annotations) => void (folder.annotations = annotations);
          const [pushed] = await pushPlans(outlet, [plan], { message: undefined, kept, owner: async () => "ada", nowNs: 1n, keepAnnotations, ...options });
          return pushed ?? assert.fail();
        },
        pull: (changed = "keep") => pullLink(place(), { extra: "keep", changed, mode: "pull", keepAnnotations: async (annotations) => void (folder.annotations = annotations) }),
      };
      return folder;
    },
    async annotate(path, patch) {
      const hashes = new Map<string, Hash | null>();
      for (const [key, bytes] of Object.entries(patch)) hashes.set(key, bytes === null ? null : await stored.put(bytes));
      roots.push((await trees.annotate(stored, roots.at(-1) ?? trees.EMPTY_TREE_HASH, { ...(path === "" ? {} : { path }), patch: hashes })).root);
    },
  };
}

async function* unframed(all: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < all.length; at += 4 + all.readUInt32BE(at)) yield all.subarray(at + 4, at + 4 + all.readUInt32BE(at));
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort();
}

const of = (values: Readonly<Record<string, Json>>): ReadonlyMap<string, Json> => new Map(Object.entries(values));

test("push, pull: 1000 files, and then 10 of them: what is asked, sent, read and written grows with what changed", async (t) => {
  const { folder, asked, blobs } = await stage(t);
  const [here, there] = [folder("here"), folder("there")];
  here.write(Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`d${at % 20}/f${at}`, `text ${at}\n`])));
  const first = await here.push();
  assert.deepEqual([first.changes.length, first.version], [1_000, 1]);
  assert.deepEqual(asked().requests, ["/workspaces", "/missing-blobs", "/blobs", "/events"]);
  assert.equal(filesIn(blobs).length, 1, "all blobs in one file, with one wait for the disk");
  assert.equal((await there.pull()).changes.length, 1_000);
  assert.equal(asked().readBlobs, 1_000 + 21, "each file and each node once");

  const some = Object.fromEntries(Array.from({ length: 10 }, (_, at) => [`d${at}/f${at}`, `other ${at}\n`]));
  here.write(some);
  const second = await here.push();
  assert.deepEqual([second.changes.length, second.version], [10, 2]);
  const { requests, sentBytes, readBlobs, looks } = asked();
  assert.equal(looks, 1_000, "each file is looked at once");
  assert.deepEqual(requests, ["/workspaces", "/missing-blobs", "/blobs", "/events"]);
  assert.equal(readBlobs, 11, "the nodes on the way to what changed");
  const nodes = 11 * 50 * 140;
  assert.ok(sentBytes < nodes, `${sentBytes} bytes: ten files and eleven nodes`);
  assert.equal(filesIn(blobs).length, 2, "one more wait for the disk");
  assert.deepEqual((await there.pull()).changes.map(({ path, act }) => [path, act]), Object.keys(some).sort().map((path) => [path, "change"]));
  assert.equal(asked().readBlobs, 10 + 2 * 11, "what changed, and the nodes on the way to it in both trees");
  assert.deepEqual(filesIn(there.path).map((path) => readFileSync(path, "utf8")), filesIn(here.path).map((path) => readFileSync(path, "utf8")));
  const remembered = (): readonly number[] => filesIn(join(dirname(here.path), ".git")).filter((path) => path.endsWith(".json")).map((path) => statSync(path).ino);
  const before = remembered();
  for (const one of [here, there]) assert.deepEqual([(await one.push()).changes, (await one.pull()).changes], [[], []]);
  assert.deepEqual([before.length, remembered()], [2, before], "nothing new is remembered, so nothing waits for the disk");
  assert.deepEqual([asked().readBlobs, filesIn(blobs).length], [0, 2]);
});

test("push, pull: a file where a folder is to be: refused", async (t) => {
  const { folder } = await stage(t);
  const here = folder("here");
  writeFileSync(here.path, "a file\n");
  for (const act of [() => here.push(), () => here.pull()]) await assert.rejects(act, { code: "sync.link", message: "here: a file, and a link joins a folder to a workspace" });
});

test("push: a folder that is not there: refused where it was named, and where it would empty the workspace; one that went is pushed", async (t) => {
  const { folder } = await stage(t);
  const [here, typo] = [folder("here"), folder("typo")];
  await assert.rejects(typo.push({ missing: "refuse" }), { code: "sync.link", message: "typo: there is no such folder" });
  here.write({ a: "a\n" });
  await here.push();
  await assert.rejects(typo.push(), { code: "sync.behind" });
  for (const options of [{ extra: "prune" }, { newer: "overwrite" }] as const) await assert.rejects(typo.push(options), { code: "sync.link" });
  rmSync(here.path, { recursive: true });
  assert.deepEqual((await here.push({ missing: "refuse" })).changes, [{ path: "a", act: "remove" }]);
  assert.equal((await folder("empty").push()).version, 2);
});

test("push: refused for a version that cannot be seen from here: told to pull", async (t) => {
  const { folder, refuse } = await stage(t);
  const here = folder("here");
  here.write({ a: "a\n" });
  refuse(new AosError("workspace.head_moved", "workspace notes: the commit is on version 0, the head is 1", { class: "refused", hint: "read the head again" }));
  await assert.rejects(here.push(), { code: "sync.raced", class: "refused", message: /the head is 1$/, hint: /^`aos pull` brings it here/ });
  refuse(new AosError("workspace.full", "workspace notes: full", { class: "refused" }));
  await assert.rejects(here.push(), { code: "workspace.full" });
});

test("push: what fails first is what is told, whatever fails after it", async (t) => {
  const { folder } = await stage(t);
  const here = folder("here");
  here.write({ a: "a\n" });
  await here.push();
  const { stats } = stateFiles(join(dirname(here.path), ".git"), { workspace: "notes", path: undefined, dir: "here" });
  rmSync(stats);
  mkdirSync(join(stats, "in the way"), { recursive: true });
  here.write({ a: "b\n" });
  await assert.rejects(here.push({ owner: async () => assert.fail("first") }), /first/);
});

test("pull: a new file of which only the beginning was written: finished; one that was changed since: merged", async (t) => {
  const { folder } = await stage(t);
  const [here, there] = [folder("here"), folder("there")];
  here.write({ a: "0123456789\n", b: "b\n", c: "c\n", "d/e": "e\n", gone: "gone\n" });
  await here.push();
  rmSync(join(here.path, "gone"));
  await here.push();
  await there.pull();
  const memory = stateFiles(join(dirname(here.path), ".git"), { workspace: "notes", path: undefined, dir: "there" });
  const { base } = await readSyncState(memory.state);
  const hashes = { a: hashBytes(utf8("0123456789\n")), b: hashBytes(utf8("b\n")), c: hashBytes(utf8("c\n")), "d/e": hashBytes(utf8("e\n")), gone: hashBytes(utf8("gone\n")) };
  await writeSyncState(memory.state, { base: undefined, pull: { ...(base ?? assert.fail()), files: new Map(Object.entries(hashes)) }, conflicts: new Map() });
  there.write({ a: "0123", b: "", c: "mine\n", gone: "go" });
  rmSync(join(there.path, "d"), { recursive: true });
  const { changes } = await there.pull();
  assert.deepEqual(changes, [{ path: "a", act: "add" }, { path: "b", act: "add" }, { path: "c", act: "conflict" }, { path: "d/e", act: "add" }, { path: "gone", act: "remove" }]);
  assert.deepEqual(["a", "b", "d/e"].map((path) => readFileSync(join(there.path, path), "utf8")), ["0123456789\n", "b\n", "e\n"]);
  assert.match(readFileSync(join(there.path, "c"), "utf8"), /mine/);
});

test("annotations: there and back: texts, other JSON, of files, folders and the whole; what went goes", async (t) => {
  const { folder, annotate } = await stage(t);
  const [here, there] = [folder("here"), folder("there")];
  here.write({ "a b.txt": "a\n", "d/e": "e\n" });
  here.annotations = new Map([["", of({ owner: "ada" })], ["a b.txt", of({ tags: ["x", 1, true], say: "words\n" })], ["d", of({ n: -1, nothing: null })]]);
  await here.push({ message: "The first" });
  assert.deepEqual((await there.pull()).changes.filter(({ act }) => act === "annotate").map(({ path }) => path), ["", "a b.txt", "d"]);
  assert.deepEqual(there.annotations, here.annotations);
  assert.deepEqual([(await there.push()).version, (await there.pull()).changes, (await here.pull()).changes], [1, [], []]);

  there.annotations = new Map([...there.annotations, ["a b.txt", of({ tags: ["y"], say: "words\n" })]]);
  assert.deepEqual((await there.push()).changes, [{ path: "a b.txt", act: "annotate" }]);
  await assert.rejects(here.push(), (error: unknown) => error instanceof AosError && error.code === "sync.behind" && /a b\.txt/.test(error.message));
  assert.deepEqual((await here.pull()).changes, [{ path: "a b.txt", act: "annotate" }]);
  assert.deepEqual(here.annotations.get("a b.txt"), of({ say: "words\n", tags: ["y"] }));

  await annotate("d", { n: null, nothing: null, bytes: new Uint8Array([0xff, 0]) });
  await here.pull();
  assert.equal(here.annotations.has("d"), false, "bytes that are no JSON stay in the workspace alone");
  assert.deepEqual((await here.push()).changes, []);
});

test("annotations: changed on both sides: told, and ours stay; --force takes the workspace's", async (t) => {
  const { folder, annotate } = await stage(t);
  const here = folder("here");
  here.write({ a: "a\n" });
  here.annotations = new Map([["a", of({ k: "old", same: "s" })]]);
  await here.push();
  await annotate("a", { k: utf8("theirs"), more: utf8("m") });
  here.annotations = new Map([["a", of({ k: "ours", same: "s" })]]);
  assert.deepEqual((await here.pull()).changes, [{ path: "a", act: "annotate" }, { path: "a", act: "conflict", key: "k" }]);
  assert.deepEqual(here.annotations.get("a"), of({ k: "ours", same: "s", more: "m" }));
  assert.deepEqual((await here.pull("overwrite")).changes, [{ path: "a", act: "annotate" }]);
  assert.deepEqual(here.annotations.get("a"), of({ k: "theirs", same: "s", more: "m" }));
});

test("push: a world that takes no versions: refused before anything is sent; what is in step is in step", async (t) => {
  const { folder, unroute, asked, blobs } = await stage(t);
  const [here, other] = [folder("here"), folder("other")];
  here.write({ a: "a\n" });
  await here.push();
  asked();
  unroute();
  assert.deepEqual((await here.push()).changes, []);
  here.write({ a: "b\n" });
  const before = filesIn(blobs);
  await assert.rejects(here.push(), (error: unknown) => error instanceof AosError && error.code === "workspace.unrouted" && error.class === "refused" && /aos push --only air/.test(error.hint ?? ""));
  other.write({ b: "b\n" });
  await assert.rejects(other.push({ extra: "prune" }), { code: "workspace.unrouted" });
  assert.deepEqual([asked().requests, filesIn(blobs)], [["/workspaces", "/workspaces", "/workspaces"], before]);
});

test("push: files over what a blob may be: named, before anything is sent", async (t) => {
  const { folder, asked } = await stage(t);
  const here = folder("here");
  here.write({ a: "a\n", big: "", "d/bigger": "" });
  for (const path of ["big", "d/bigger"]) truncateSync(join(here.path, path), BLOB_BYTES_MAX + 1);
  await assert.rejects(here.push(), (error: unknown) => error instanceof AosError && error.code === "blob.too_large" && /here\/big: its 67108865 bytes are over 67108864, and so are those of .*\/d\/bigger$/.test(error.message));
  assert.deepEqual(asked().requests, ["/workspaces"]);
});

test("annotations: of what went from the folder: they go with it, here and there; of what never was: refused", async (t) => {
  const { folder } = await stage(t);
  const [here, there] = [folder("here"), folder("there")];
  const all: Annotations = new Map([["", of({ owner: "ada" })], ["a", of({ k: "a" })], ["d", of({ k: "d" })], ["d/e", of({ k: "e" })], ["kept", of({ k: "kept" })]]);
  here.write({ a: "a\n", "d/e": "e\n", kept: "k\n" });
  here.annotations = all;
  await here.push();
  await there.pull();
  assert.deepEqual(there.annotations, all);
  for (const path of ["a", "d"]) rmSync(join(here.path, path), { recursive: true });
  const { changes, orphans, version } = await here.push();
  assert.deepEqual([changes, orphans, version], [[{ path: "a", act: "remove" }, { path: "d/e", act: "remove" }], ["a", "d", "d/e"], 2]);
  assert.deepEqual([...here.annotations.keys()], ["", "kept"]);
  assert.equal((await here.push()).orphans, undefined);

  // Who had removed the same file too, and who pulls, find nothing left to annotate either.
  rmSync(join(there.path, "a"));
  await there.pull();
  assert.deepEqual([...there.annotations.keys()], ["", "kept"]);
  rmSync(join(there.path, "kept"));
  rmSync(join(here.path, "kept"));
  await there.push();
  assert.deepEqual([await here.push(), [...here.annotations.keys()]], [{ ref: "notes", dir: "here", changes: [], from: 3, version: 3, orphans: ["kept"] }, [""]]);

  // A sync map from before, as a new clone has it.
  const late = folder("late");
  late.annotations = all;
  await late.pull();
  assert.deepEqual([await late.push(), [...late.annotations.keys()]], [{ ref: "notes", dir: "late", changes: [], from: 3, version: 3, orphans: ["a", "d", "d/e", "kept"] }, [""]]);

  here.annotations = new Map([["typo", of({ k: "v" })]]);
  await assert.rejects(here.push(), { code: "sync.annotation", message: "aos.sync.json: annotations of typo: here has no such file or folder" });
});

test("push through Git: more than a letter holds: the file and its size, before it is read", async () => {
  const store = { readPath: () => Promise.reject(new Error("who may sign?")) };
  const options = { blobs: memoryBlobs(), bytesMax: 100, store, key: {} } as unknown as GitOutlet;
  const source = (path: string, size: number) => ({ path, size, hash: hashBytes(utf8(path)), read: async () => (size > 90 ? assert.fail("not read") : new Uint8Array(size)) });
  const { staged } = gitOutlet(options);
  await assert.rejects(staged.flush([source("/w/small", 60), source("/w/other", 50)]), (error: unknown) => error instanceof AosError && error.code === "inbox.too_large" && /^\/w\/other: its 50 bytes do not fit: with the files before it 110 bytes .* and 100 may$/.test(error.message));
  await assert.rejects(gitOutlet(options).staged.flush([source("/w/big", 101)]), { code: "inbox.too_large" });
  await assert.rejects(gitOutlet(options).requireSendable([source("/w/small", 60), source("/w/other", 50)]), { code: "inbox.too_large" });
  await assert.rejects(gitOutlet(options).requireSendable([source("/w/small", 60), source("/w/small", 60)]), /who may sign\?/, "the same bytes count once");
  await assert.rejects(gitOutlet(options).staged.flush([source("/w/huge", 65 << 20)]), { code: "blob.too_large" });
});
