import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { AosError, hashBytes, utf8 } from "@agentos/kernel";
import { git, temporaryFolder } from "../testing/aos.ts";
import { ignoreRules } from "./ignore-rules.ts";
import { keptBytes, scanFolder, type Scan } from "./scan.ts";
import { readStatCache, type LookedAt } from "./stat-cache.ts";

function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

function scan(root: string, dir = ".", patterns: readonly string[] = [], cacheFile = join(root, "no-cache")): Scan {
  return scanFolder(join(root, dir), { rules: ignoreRules({ root, dir, patterns }), cache: readStatCache(cacheFile), bytes: "leave" });
}

/** The same, looked at a moment after they were changed, or long after. */
function looked(files: Scan["files"], look: LookedAt["look"]): ReadonlyMap<string, LookedAt> {
  return new Map([...files].map(([path, file]) => [path, { ...file, look }]));
}

test("ignore rules: .gitignore files at every depth: what git itself takes", async (t) => {
  const root = await temporaryFolder(t);
  await git(root, "init", "--quiet");
  write(root, {
    ".gitignore": "*.log\n/build/\n!keep.log\nsecret\n", "a.log": "", "keep.log": "", "build/x": "", "sub/build/y": "", "sub/.gitignore": "!a.log\n*.txt\n!deep/\ndeep/*\n!deep/in.txt\n",
    "sub/a.log": "", "sub/b.txt": "", "sub/deep/in.txt": "", "sub/deep/out.txt": "", "sub/deep/.gitignore": "in.txt\n", "secret/s": "", "sub/secret": "", "other/.gitignore": "*\n", "other/z": "", "odd name.md": "", "ünï.md": "",
  });
  const listed = await git(root, "ls-files", "--others", "--exclude-standard", "-z");
  const expected = listed.split("\0").filter((path) => path !== "").sort();
  assert.ok(expected.length > 5 && expected.includes("sub/a.log"), "git lists something");
  assert.deepEqual([...scan(root).files.keys()].sort(), expected);
  const below = expected.filter((path) => path.startsWith("sub/")).map((path) => path.slice(4));
  assert.deepEqual([...scan(root, "sub").files.keys()].sort(), below, "from the top down to the synced folder");
});

test("ignore rules: names and ends of names: what git itself takes, capital letters apart", async (t) => {
  const root = await temporaryFolder(t);
  await git(root, "init", "--quiet");
  write(root, {
    ".gitignore": "# words\n\nlib/\n.DS_Store\n*.log\n*-dist/\n", "a.log": "", "A.LOG": "", ".log": "", "log": "", "lib/x": "", "deep/lib/y": "", "Lib/z": "", "deep/.DS_Store/in": "", ".DS_Store": "", "deep/.ds_store": "",
    "my-dist/x": "", "deep/my-dist": "", "deep/-dist/x": "", "deep/lib.ts": "", "mylib/x": "", "deep/.gitignore": "only\r\n", "deep/only": "", "deep/x/only": "", "only": "",
  });
  const expected = (await git(root, "ls-files", "--others", "--exclude-standard", "-z")).split("\0").filter((path) => path !== "").sort();
  const all = [...scan(root).files.keys()].sort();
  assert.deepEqual(all, expected);
  assert.deepEqual(["Lib/z", "A.LOG", "deep/my-dist", "log", "mylib/x", "only"].filter((path) => !expected.includes(path)), []);
  const rules = ignoreRules({ root, dir: ".", patterns: [] });
  assert.deepEqual(all.filter((path) => rules.covers(path)), []);
  assert.deepEqual(["deep/lib/y", "lib/x", "deep/.DS_Store/in", "my-dist/x", "deep/x/only"].filter((path) => !rules.covers(path)), []);
});

test("ignore rules: the sync map's patterns: on top of .gitignore, and they win", async (t) => {
  const root = await temporaryFolder(t);
  write(root, { ".gitignore": "out/\n*.tmp\n", "docs/a.md": "", "docs/b.tmp": "", "docs/keep.tmp": "", "docs/out/x": "", "docs/out/y": "", "docs/drafts/d.md": "", "docs/.git/HEAD": "", "docs/.aos-draft-7": "", "out/site/i.html": "" });
  const rows: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ["docs", [], ["a.md", "drafts/d.md"]], ["docs", ["drafts/"], ["a.md"]], ["docs", ["!keep.tmp"], ["a.md", "drafts/d.md", "keep.tmp"]], ["docs", ["!out/x"], ["a.md", "drafts/d.md", "out/x"]],
    ["docs", ["!out/"], ["a.md", "drafts/d.md", "out/x", "out/y"]], ["docs", ["*", "!a.md"], ["a.md"]], ["docs", ["!*"], ["a.md", "b.tmp", "drafts/d.md", "keep.tmp", "out/x", "out/y"]], ["out", [], ["site/i.html"]],
  ];
  for (const [dir, patterns, expected] of rows) {
    assert.deepEqual([...scan(root, dir, patterns).files.keys()], expected, `${dir} ${patterns.join(" ")}`);
    const rules = ignoreRules({ root, dir, patterns });
    for (const path of expected) assert.equal(rules.covers(path), false, `${path} is not left out`);
    if (dir === "docs") assert.equal(rules.covers("b.tmp"), !patterns.includes("!*"), "a path that is asked for, not walked to");
  }
  assert.equal(rows.length, 8);
});

test("scan: names, modes and hashes: as a tree entry has them", async (t) => {
  const root = await temporaryFolder(t);
  write(root, { "a b.txt": "hi", "bin/run": "#!", "~tilde": "", "empty/none": "", ".git/config": "", "sub/.GIT/hooks/x": "" });
  chmodSync(join(root, "bin/run"), 0o710);
  mkdirSync(join(root, "nothing"));
  const { files } = scan(root);
  assert.deepEqual([...files].map(([path, { size, mode }]) => [path, size, mode]), [["a b.txt", 2, 0o644], ["bin/run", 2, 0o755], ["empty/none", 0, 0o644], ["~tilde", 0, 0o644]]);
  assert.equal(files.get("a b.txt")?.hash, `sha256:${createHash("sha256").update("hi").digest("hex")}`);
  assert.equal(scan(root, "not-there").files.size, 0);
});

test("scan: what a workspace cannot hold: all of it told at once", async (t) => {
  const root = await temporaryFolder(t);
  write(root, { "a/Readme": "", "a/README": "", "fine": "" });
  symlinkSync("fine", join(root, "link"));
  execFileSync("mkfifo", [join(root, "pipe")]);
  writeFileSync(Buffer.concat([Buffer.from(`${root}/bad`), Buffer.from([0xff])]), "");
  assert.throws(() => scan(root), (error: unknown) => {
    assert.ok(error instanceof AosError && error.code === "sync.files");
    assert.deepEqual(error.data["problems"], [
      { path: "bad\\xff", what: "its name is not UTF-8" }, { path: "a/Readme", what: "the same name as a/README on some systems" },
      { path: "link", what: "a symbolic link" }, { path: "pipe", what: "neither a file nor a folder" },
    ]);
    assert.match(error.message, /4 paths cannot be in a workspace: bad\\xff \(its name is not UTF-8\), /);
    return true;
  });
  assert.throws(() => scan(root, ".", ["link", "pipe", "a/README"]), /: 1 path cannot be in a workspace: bad/, "what is left out is no problem");
});

function cached(root: string, count: number): { readonly file: string; readonly first: Scan } {
  write(root, Object.fromEntries(Array.from({ length: count }, (_, at) => [`d${at % 10}/f${at}`, `text ${at}`])));
  const long = new Date(Date.now() - 60_000);
  for (let at = 0; at < count; at++) utimesSync(join(root, `d${at % 10}/f${at}`), long, long);
  const first = scan(root);
  const file = join(dirname(root), "stats.json");
  // As if some time had passed since the files were written.
  readStatCache(file).write(looked(first.files, "settled"), undefined);
  return { file, first };
}

test("scan: a tree that did not change: stats alone; what changed is read", async (t) => {
  const root = join(await temporaryFolder(t), "tree");
  const { file, first } = cached(root, 200);
  assert.equal(first.hashed, 200);
  const cache = readStatCache(file);
  assert.equal(scanFolder(root, { rules: ignoreRules({ root, dir: ".", patterns: [] }), cache, bytes: "leave" }).files, cache.files, "nothing is told of what is the same");
  const again = scan(root, ".", [], file);
  assert.deepEqual([again.hashed, [...again.files].map(([path, { hash }]) => [path, hash])], [0, [...first.files].map(([path, { hash }]) => [path, hash])]);
  writeFileSync(join(root, "d1/f1"), "other");
  // The same size and the same time: the entry itself was changed, and shows it.
  const { atime, mtime } = lstatSync(join(root, "d2/f2"));
  writeFileSync(join(root, "d2/f2"), "text X");
  utimesSync(join(root, "d2/f2"), atime, mtime);
  const after = scan(root, ".", [], file);
  assert.equal(after.hashed, 2);
  assert.notEqual(after.files.get("d2/f2")?.hash, first.files.get("d2/f2")?.hash);
  readStatCache(file).write(after.files, undefined);
  rmSync(join(root, "d3"), { recursive: true });
  rmSync(join(root, "d4/f4"));
  write(root, { "d5/a new one": "new", "top": "", "d6/f/x": "" });
  const later = scan(root, ".", [], file);
  assert.deepEqual([...later.files.keys()].sort(), [...scan(root).files.keys()].sort());
  assert.deepEqual([later.files.size, later.files.has("d3/f3"), later.files.has("d4/f4"), later.files.get("d5/f5")], [200 - 20 - 1 + 3, false, false, after.files.get("d5/f5")]);
});

test("scan: some paths alone: what is new of them, however it came; all others as the cache has them, not looked at", async (t) => {
  const root = join(await temporaryFolder(t), "tree");
  const { file, first } = cached(root, 200);
  write(root, { "d1/f1": "other", "d1/f11": "other too", "d2/new": "", "d2/not asked for": "" });
  for (const path of ["d3", "d4/f4", "d4/f14"]) rmSync(join(root, path), { recursive: true });
  symlinkSync("f5", join(root, "d5/link"));
  const wanted = ["d1/f1", "d2/f2", "d2/new", "d3/f3", "d4/f4", "none/at all"];
  let looked = 0;
  const some = scanFolder(root, { rules: ignoreRules({ root, dir: ".", patterns: [] }), cache: readStatCache(file), bytes: "leave", paths: new Set(wanted), onFile: () => looked++ });
  assert.deepEqual([looked, some.hashed], [3, 2]);
  const hashOf = (path: string): unknown => some.files.get(path)?.hash;
  assert.deepEqual([hashOf("d1/f1"), hashOf("d2/new")], [hashBytes(utf8("other")), hashBytes(new Uint8Array())]);
  const differ = [...new Set([...some.files.keys(), ...first.files.keys()])].filter((path) => hashOf(path) !== first.files.get(path)?.hash);
  assert.deepEqual(differ.sort(), ["d1/f1", "d2/new", "d3/f3", "d4/f4"]);
});

test("scan: bytes that are kept: of all scans together no more than there is room for, the same ones once", async (t) => {
  const root = await temporaryFolder(t);
  write(root, { "one/a": "aaaa", "one/b": "bbbb", "two/a": "aaaa", "two/c": "cc", "two/d": "dddd" });
  const kept = keptBytes(10);
  for (const dir of ["one", "two"]) assert.equal(scanFolder(join(root, dir), { rules: ignoreRules({ root, dir, patterns: [] }), cache: readStatCache(join(root, "none")), bytes: kept }).hashed, dir === "one" ? 2 : 3);
  assert.deepEqual([...kept.files].map(([hash, bytes]) => [hash === hashBytes(bytes), Buffer.from(bytes).toString()]), [[true, "aaaa"], [true, "bbbb"], [true, "cc"]]);
  assert.equal(kept.room, 0);
});

test("stat cache: a file changed just before it was taken, a damaged cache: read again", async (t) => {
  const root = join(await temporaryFolder(t), "tree");
  const { file, first } = cached(root, 20);
  readStatCache(file).write(looked(first.files, "again"), undefined);
  assert.equal(scan(root, ".", [], file).hashed, 20);
  readStatCache(file).write(looked(first.files, "settled"), undefined);
  assert.equal(scan(root, ".", [], file).hashed, 0);
  const whole = readFileSync(file);
  const damaged = [Buffer.alloc(0), Buffer.from("{"), whole.subarray(0, -1), Buffer.concat([whole, whole]), Buffer.from(whole.map((byte, at) => (at === 100 ? byte ^ 1 : byte)))];
  for (const [at, bytes] of damaged.entries()) {
    writeFileSync(file, bytes);
    assert.equal(scan(root, ".", [], file).hashed, 20, `damage ${at}`);
  }
});

test("stat cache: written with the root of a tree: gives back that tree's files, and no other's", async (t) => {
  const root = join(await temporaryFolder(t), "tree");
  const { file, first } = cached(root, 20);
  const [tree, other] = [hashBytes(utf8("tree")), hashBytes(utf8("other"))];
  assert.deepEqual([readStatCache(file).root, readStatCache(file).filesOf(tree)], [undefined, undefined]);
  readStatCache(file).write(first.files, tree);
  const cache = readStatCache(file);
  assert.deepEqual([...(cache.filesOf(tree) ?? [])].map(([path, { hash, size, mode }]) => [path, { hash, size, mode }]), [...first.files].map(([path, { hash, size, mode }]) => [path, { hash, size, mode }]));
  assert.deepEqual([cache.filesOf(other), cache.holds(first.files, tree), cache.holds(first.files, other)], [undefined, true, false]);
  const [path = ""] = first.files.keys();
  assert.equal(cache.holds(new Map([...first.files].filter(([one]) => one !== path)), tree), false);
});
