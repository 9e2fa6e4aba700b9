import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { AosError, encodePath, memoryBlobs, trees, utf8, type Blobs, type Hash } from "@agentos/kernel";
import { temporaryFolder } from "../testing/aos.ts";
import { DRAFT_PREFIX } from "./drafts.ts";
import type { LinkPlace } from "./link-state.ts";
import { pullLink, type LinkPulled, type PullOptions } from "./pull-link.ts";

type Texts = Readonly<Record<string, string>>;

interface Desk {
  readonly folder: string;
  readonly blobs: Blobs;
  /** The workspace gets these files, and nothing else, as its next version. */
  commit(files: Texts): Promise<void>;
  write(files: Texts): void;
  /** Every file of the folder, drafts among them. */
  files(): Texts;
  pull(options?: Partial<PullOptions>, onBlob?: () => void): Promise<LinkPulled>;
}

/** A folder that is linked to the workspace `notes`, whose versions the test makes. */
async function desk(t: TestContext): Promise<Desk> {
  const root = await temporaryFolder(t);
  const folder = join(root, "docs");
  const blobs = memoryBlobs();
  const roots: Hash[] = [];
  const link = { workspace: "notes", version: undefined, path: undefined, dir: "docs", ignore: ["*.tmp"], annotations: new Map() };
  return {
    folder, blobs,
    async commit(files) {
      let tree: Hash = trees.EMPTY_TREE_HASH;
      for (const [path, text] of Object.entries(files)) tree = (await trees.writeFile(blobs, tree, { path: encodePath(path), bytes: utf8(text) })).root;
      roots.push(tree);
    },
    write(files) {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text);
      }
    },
    files() {
      const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
      return Object.fromEntries(found.sort().map((path) => [path, readFileSync(join(folder, path), "utf8")]));
    },
    pull(options = {}, onBlob = () => undefined) {
      const get: Blobs["get"] = (hash) => {
        onBlob();
        return blobs.get(hash);
      };
      const place: LinkPlace = {
        link, root, gitDir: join(root, ".git"),
        workspaces: {
          blobs: { get },
          versions: () => assert.fail("nobody asks for all versions"),
          resolve: async (workspace) => ({ workspace, head: roots.length, seq: 0, ...(roots.length === 0 ? {} : { found: { version: roots.length, root: roots.at(-1) ?? trees.EMPTY_TREE_HASH, owner: "ada", created: "" } }) }),
        },
      };
      return pullLink(place, { extra: "keep", changed: "keep", mode: "pull", ...options });
    },
  };
}

const acts = ({ changes }: LinkPulled): Texts => Object.fromEntries(changes.map(({ path, act }) => [path, act]));

test("pull: what changed there comes, what changed here stays, both are merged; a dry run says the same and writes nothing", async (t) => {
  const { commit, write, files, pull } = await desk(t);
  assert.deepEqual([(await pull()).version, acts(await pull())], [0, {}]);
  await commit({ "a.txt": "1\n2\n3\n", "b c.txt": "b\n", "d/e": "e\n", "d/f": "f\n", "x.tmp": "left out" });
  assert.deepEqual(acts(await pull()), { "a.txt": "add", "b c.txt": "add", "d/e": "add", "d/f": "add" });
  write({ "a.txt": "I\n2\n3\n", "mine": "mine\n" });
  await commit({ "a.txt": "1\n2\nIII\n", "b c.txt": "B\n", "d/f": "f\n", "g": "g\n" });
  const expected = { "a.txt": "merge", "b c.txt": "change", "d/e": "remove", "g": "add" };
  const before = files();
  assert.deepEqual([acts(await pull({ mode: "dry-run" })), files()], [expected, before]);
  assert.deepEqual([acts(await pull()), files()], [expected, { "a.txt": "I\n2\nIII\n", "b c.txt": "B\n", "d/f": "f\n", "g": "g\n", "mine": "mine\n" }]);
  assert.deepEqual(acts(await pull()), {});
});

test("pull: conflicts: marked and told until somebody resolves them; --force takes the workspace's", async (t) => {
  const { commit, write, files, pull, folder } = await desk(t);
  await commit({ text: "1\n", bin: "\0a", gone: "g\n", kept: "k\n" });
  await pull();
  write({ text: "here\n", bin: "\0here", kept: "changed\n" });
  rmSync(join(folder, "gone"));
  await commit({ text: "there\n", bin: "\0there", gone: "G\n" });
  const conflicts = { bin: "conflict", gone: "conflict", kept: "conflict", text: "conflict" };
  assert.deepEqual(acts(await pull()), conflicts);
  const marked = { bin: "\0here", gone: "G\n", kept: "changed\n", text: "<<<<<<< here\nhere\n=======\nthere\n>>>>>>> notes@2\n" };
  assert.deepEqual(files(), marked);
  assert.deepEqual([acts(await pull()), files()], [conflicts, marked]);
  write({ text: "both\n" });
  assert.deepEqual(acts(await pull()), { bin: "conflict", gone: "conflict", kept: "conflict" });
  await pull({ changed: "overwrite" });
  assert.deepEqual([files(), acts(await pull())], [{ bin: "\0there", gone: "G\n", text: "there\n" }, {}]);
});

test("pull: first meeting: what is only here stays, or goes with --prune; what is left out goes never", async (t) => {
  const { commit, write, files, pull } = await desk(t);
  write({ mine: "m", "own.tmp": "o", same: "s" });
  await commit({ theirs: "t", same: "s" });
  assert.deepEqual([acts(await pull({ mode: "dry-run" })), acts(await pull({ extra: "prune" })), files()], [{ theirs: "add" }, { mine: "remove", theirs: "add" }, { "own.tmp": "o", same: "s", theirs: "t" }]);
});

test("pull: files for folders and folders for files: each in the place of the other", async (t) => {
  const { commit, files, pull, write } = await desk(t);
  await commit({ "a/b": "1", "c": "2" });
  await pull();
  await commit({ "a": "3", "c/d": "4" });
  await pull();
  assert.deepEqual(files(), { "a": "3", "c/d": "4" });
  write({ "c/own.tmp": "left out" });
  await commit({ "a": "3", "c": "5" });
  await assert.rejects(pull(), (error: unknown) => error instanceof AosError && error.code === "sync.files" && /c \(a folder is here\)/.test(error.message));
});

test("pull: a link out of the folder, a file that is left out: nothing is written through or over it", async (t) => {
  const { commit, pull, folder } = await desk(t);
  const outside = join(dirname(folder), "outside");
  mkdirSync(outside);
  mkdirSync(folder);
  symlinkSync("../outside", join(folder, "d"));
  await commit({ "d/x": "1" });
  await assert.rejects(pull(), (error: unknown) => error instanceof AosError && error.code === "sync.files" && /d \(a symbolic link\)/.test(error.message));
  rmSync(folder, { recursive: true });
  symlinkSync("outside", folder);
  await assert.rejects(pull(), { code: "sync.linked", message: "docs: a symbolic link, and links are not followed" });
  assert.deepEqual(readdirSync(outside), []);
});

const BEFORE: Texts = { "a": "1\n2\n3\n", "b": "b\n", "d/e": "e\n", "d/f": "f\n", "x": "x\n" };
const HERE: Texts = { "a": "I\n2\n3\n", "x": "here\n" };
const THERE: Texts = { "a": "1\n2\nIII\n", "b": "B\n", "d": "now a file\n", "n/m": "n\n", "x": "there\n" };

test("pull: cut off at any point: the next one finishes, as if nothing had happened", async (t) => {
  let whole: Texts | undefined;
  let cuts = 0;
  for (const kind of ["file", "blob"] as const) {
    for (let cut = 1; ; cut++) {
      const { commit, write, files, pull } = await desk(t);
      await commit(BEFORE);
      await pull();
      write(HERE);
      await commit(THERE);
      let left = cut;
      const stop = (): void => {
        if (--left === 0) throw new Error("cut off");
      };
      const ended = await pull(kind === "file" ? { onFile: stop } : {}, kind === "blob" ? stop : undefined).then(() => "whole", () => "cut");
      const last = await pull();
      assert.equal(last.version, 2);
      assert.ok(last.changes.some(({ path, act }) => path === "x" && act === "conflict"), "the conflict is told again");
      whole ??= ended === "whole" ? files() : undefined;
      const expected = { "a": "I\n2\nIII\n", "b": "B\n", "d": "now a file\n", "n/m": "n\n", "x": "<<<<<<< here\nhere\n=======\nthere\n>>>>>>> notes@2\n" };
      assert.deepEqual(files(), expected, `${kind} ${cut}`);
      if (ended === "whole") break;
      cuts++;
    }
  }
  assert.ok(cuts > 10, `${cuts} cuts`);
});

test("pull: drafts that a pull left when it was cut off: gone with the next one", async (t) => {
  const { commit, files, pull, write, folder } = await desk(t);
  await commit({ "d/a": "1", "d/b": "2" });
  await pull();
  await commit({ "d/a": "A", "d/b": "B" });
  let all = 0;
  await pull({ mode: "dry-run" }, () => void all++);
  await assert.rejects(pull({}, () => {
    if (all-- === 0) throw new Error("cut off");
  }), /cut off/);
  const { pid } = spawnSync(process.execPath, ["--version"]);
  const memory = join(dirname(folder), ".git/aos/sync");
  const left = `${DRAFT_PREFIX}${hostname()}-${pid}-0`;
  write({ [`d/${left}`]: "half" });
  writeFileSync(join(memory, left), "half");
  // The file that was being replaced is as it was before, so that nothing is to be written there.
  await commit({ "d/a": "1", "d/b": "2", "c": "3" });
  await pull();
  assert.deepEqual(files(), { "c": "3", "d/a": "1", "d/b": "2" });
  assert.deepEqual(readdirSync(memory).filter((name) => name.startsWith(".")), []);
});

test("pull: a file that changes while it is pulled: left as it is", async (t) => {
  const { commit, files, pull, write, folder } = await desk(t);
  await commit({ a: "1", b: "2" });
  await pull();
  await commit({ a: "A", b: "B" });
  await assert.rejects(pull({ onFile: () => write({ b: "just now" }) }), (error: unknown) => error instanceof AosError && error.code === "sync.changed" && error.class === "outside");
  assert.deepEqual([files()["a"], files()["b"]], ["A", "just now"]);
  assert.equal(statSync(join(folder, "a")).mode & 0o777, 0o644);
});
