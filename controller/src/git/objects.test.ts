import { test } from "node:test";
import assert from "node:assert/strict";
import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { IDENTITY, T0, allowedSignersFile, stock, stockGit, temporaryRepo, testKey } from "./fixture.ts";
import { generateKey, writeKey } from "./keys.ts";
import { blobObject, commitObject, gitObject, isEntryName, parseCommit, parseOid, parseTree, treeObject, verifyCommit } from "./objects.ts";
import type { CommitContent, GitObject, Oid, TreeEntry } from "./objects.ts";
import { sshsigSign, armor } from "./sshsig.ts";

const EMPTY_BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391" as Oid;
const WHO = { ...IDENTITY, time: T0, tz: "+0000" };

function content(more: Partial<CommitContent> = {}): CommitContent {
  return { tree: treeObject([]).oid, parents: [], author: WHO, committer: WHO, message: "subject\n\nbody\n", ...more };
}

test("objects: blobs, trees, commits: the ids git gives them", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const blob = blobObject(Buffer.from("x"));
  const tree = treeObject([{ mode: "100644", name: "f", oid: blob.oid }]);
  const objects = [blobObject(new Uint8Array(0)), blob, blobObject(Buffer.alloc(70_000, 1)), treeObject([]), tree, commitObject(content({ tree: tree.oid })), commitObject(content(), testKey(1))];
  await (await store.writePack(objects)).release();
  for (const { oid, type, bytes } of objects) {
    await writeFile(join(gitDir, "bytes"), bytes);
    assert.equal(await stockGit(gitDir, "hash-object", "-t", type, "bytes"), oid);
    assert.equal(await stockGit(gitDir, "cat-file", "-t", oid), type);
  }
  assert.equal(objects.length, 7);
});

test("treeObject: entries in any order: the bytes git mktree writes", async (t) => {
  const { gitDir } = await temporaryRepo(t);
  const empty = treeObject([]);
  await stock("git", gitDir, ["hash-object", "-w", "--stdin"]);
  await stock("git", gitDir, ["hash-object", "-w", "-t", "tree", "--stdin"]);
  const names: readonly (readonly [string, TreeEntry["mode"]])[] = [
    ["a", "40000"], ["a-", "100644"], ["a.b", "100755"], ["a0", "120000"], ["ab", "40000"], ["Z", "100644"], ["é", "100644"], ["\u{1f600}", "100644"], ["\uffee", "100644"], ["a b", "40000"],
  ];
  const entries = names.map(([name, mode]) => ({ name, mode, oid: mode === "40000" ? empty.oid : EMPTY_BLOB }));
  const lines = entries.map(({ mode, name, oid }) => `${mode.padStart(6, "0")} ${mode === "40000" ? "tree" : "blob"} ${oid}\t${name}`);
  const made = await stock("git", gitDir, ["mktree", "-z"], { stdin: `${lines.join("\0")}\0` });
  const tree = treeObject(entries);
  assert.equal(tree.oid, made.stdout.trim(), made.stderr);
  assert.deepEqual(treeObject(entries.toReversed()), tree);
  assert.deepEqual(treeObject(parseTree(tree.bytes)), tree);
  assert.equal(parseTree(tree.bytes).length, 10);
});

test("parseTree: bytes git would not write: git.object", () => {
  const entry = (mode: string, name: string | Uint8Array): Buffer => Buffer.concat([Buffer.from(`${mode} `), Buffer.from(name), Buffer.from([0]), Buffer.alloc(20, 1)]);
  const join = (...entries: Buffer[]): Buffer => Buffer.concat(entries);
  assert.equal(parseTree(join(entry("100644", "a"), entry("40000", "b"))).length, 2);
  const bad = [
    entry("100644", "a").subarray(0, -1),
    Buffer.from("100644 a"),
    Buffer.from("1"),
    entry("0100644", "a"),
    entry("040000", "a"),
    entry("100664", "a"),
    entry("100644", ""),
    entry("100644", "."),
    entry("100644", ".."),
    entry("100644", ".Git"),
    entry("100644", "a/b"),
    entry("100644", Buffer.from([0x66, 0xff])),
    join(entry("100644", "b"), entry("100644", "a")),
    join(entry("100644", "a"), entry("100644", "a")),
    join(entry("40000", "a"), entry("100644", "a.b")),
  ];
  for (const bytes of bad) assert.throws(() => parseTree(bytes), { code: "git.object" }, bytes.toString("latin1"));
  assert.equal(bad.length, 15);
});

test("isEntryName: names: those a folder can hold", () => {
  const rows: readonly (readonly [string, boolean])[] = [["a", true], ["...", true], [".gitx", true], ["\ufffd", true], ["", false], [".", false], ["..", false], [".git", false], [".GIT", false], ["a/b", false], ["a\0", false]];
  for (const [name, fit] of rows) assert.equal(isEntryName(name), fit, name);
  assert.equal(rows.length, 11);
});

test("commitObject: contents: parsed back the same, signed or not", () => {
  const parent = commitObject(content()).oid;
  const rows: readonly CommitContent[] = [
    content(),
    content({ parents: [parent] }),
    content({ parents: [parent, EMPTY_BLOB], message: "" }),
    content({ message: "no newline" }),
    content({ message: "\n\n odd\n\n\n gpgsig x\n" }),
    content({ author: { name: "Ünïcode O'Name", email: "a@b", time: 0, tz: "-0730" } }),
  ];
  const key = testKey(2);
  for (const row of rows) {
    const plain = commitObject(row);
    const signed = commitObject(row, key);
    const { signature, payload, ...back } = parseCommit(signed.bytes);
    assert.deepEqual(back, row);
    assert.deepEqual(payload, Buffer.from(plain.bytes));
    assert.equal(signature, armor(sshsigSign(key, "git", plain.bytes)));
    assert.equal(parseCommit(plain.bytes).signature, undefined);
    assert.equal(verifyCommit(plain.bytes), undefined);
    assert.deepEqual(verifyCommit(signed.bytes), { publicKey: key.publicKey });
  }
  assert.equal(rows.length, 6);
});

test("commitObject: names and addresses that break a commit: git.identity", () => {
  const rows = [{ name: "" }, { name: "a<b" }, { name: "a\nb" }, { name: " a" }, { email: "" }, { email: "a>b" }, { email: "a\0" }];
  for (const row of rows) assert.throws(() => commitObject(content({ author: { ...WHO, ...row } })), { code: "git.identity" });
  assert.equal(rows.length, 7);
});

test("commits signed here: git verify-commit: accepted from an allowed signer, refused when tampered or from another", async (t) => {
  const { folder, gitDir, store } = await temporaryRepo(t);
  const allowed = await allowedSignersFile(gitDir, [testKey(1)], ["git"]);
  await stockGit(folder, "config", "gpg.ssh.allowedSignersFile", allowed);
  const good = commitObject(content({ message: "approved\n" }), testKey(1));
  const tamperedText = Buffer.from(Buffer.from(good.bytes).toString("utf8").replace("approved", "attacked"));
  const tampered = gitObject("commit", tamperedText);
  const stranger = commitObject(content(), testKey(2));
  const unsigned = commitObject(content());
  const receipt = Buffer.from(unsigned.bytes).toString("utf8");
  const wrongNamespace = armor(sshsigSign(testKey(1), "aos-receipt", unsigned.bytes)).trimEnd().replaceAll("\n", "\n ");
  const misused = gitObject("commit", Buffer.from(receipt.replace("\n\n", `\ngpgsig ${wrongNamespace}\n\n`)));
  await (await store.writePack([treeObject([]), good, tampered, stranger, unsigned, misused])).release();
  const rows: readonly (readonly [string, GitObject, boolean, boolean])[] = [
    ["good", good, true, true],
    ["tampered", tampered, false, false],
    ["stranger", stranger, false, true],
    ["unsigned", unsigned, false, false],
    ["misused", misused, false, false],
  ];
  for (const [name, commit, accepted, holds] of rows) {
    const { code, stderr } = await stock("git", folder, ["verify-commit", commit.oid]);
    assert.equal(code === 0, accepted, `${name}: ${stderr}`);
    assert.equal(verifyCommit(commit.bytes) !== undefined, holds, name);
  }
  assert.equal(rows.length, 5);
});

test("verifyCommit: a commit signed by git commit -S: the key; the same bytes written here", async (t) => {
  const { folder, store } = await temporaryRepo(t, { kind: "worktree" });
  const generated = generateKey("person");
  const keyPath = join(folder, ".git", "person");
  await writeKey(keyPath, generated);
  await stockGit(folder, "-c", "gpg.format=ssh", "-c", `user.signingKey=${keyPath}`, "commit", "-q", "-S", "--allow-empty", "-m", "signed by git");
  const oid = parseOid(await stockGit(folder, "rev-parse", "HEAD"));
  const object = await store.read(oid);
  assert.ok(object !== undefined);
  assert.deepEqual(verifyCommit(object.bytes), { publicKey: generated.key.publicKey });
  assert.equal(commitObject(parseCommit(object.bytes), generated.key).oid, oid);
});

test("parseCommit: heads git would not write, or that hide something: git.object", () => {
  const good = Buffer.from(commitObject(content({ parents: [EMPTY_BLOB] }), testKey(1)).bytes).toString("utf8");
  const author = `author ${IDENTITY.name} <${IDENTITY.email}> ${T0} +0000`;
  const signature = good.slice(good.indexOf("gpgsig "), good.indexOf("\n\nsubject"));
  const bad = [
    "",
    good.slice(0, 60),
    good.replace("tree ", "tee "),
    good.replace("tree 4", "tree G"),
    good.replace(`${author}\n`, ""),
    good.replace(author, `${author}\n${author}`),
    good.replace(author, `parent ${EMPTY_BLOB}x\n${author}`),
    good.replace(signature, `${signature}\nparent ${EMPTY_BLOB}`),
    good.replace(signature, `${signature}\ntree ${EMPTY_BLOB}`),
    good.replace(signature, `${signature}\n${signature}`),
    good.replace(`> ${T0}`, `> -${T0}`),
    good.replace("author ", "author \0"),
    good.replace("tree ", " tree "),
  ];
  parseCommit(Buffer.from(good));
  for (const text of bad) assert.throws(() => parseCommit(Buffer.from(text)), { code: "git.object" }, text);
  assert.equal(bad.length, 13);
});

test("verifyCommit: headers of another signature scheme beside ours: judged as git judges", async (t) => {
  const { folder, gitDir, store } = await temporaryRepo(t);
  const allowed = await allowedSignersFile(gitDir, [testKey(1)], ["git"]);
  await stockGit(folder, "config", "gpg.ssh.allowedSignersFile", allowed);
  const good = Buffer.from(commitObject(content(), testKey(1)).bytes).toString("utf8");
  const rows: readonly (readonly [string, boolean])[] = [
    [good.replace("\n\nsubject", "\ngpgsig-sha256 x\n y\n\nsubject"), true],
    [good.replace("\n\nsubject", "\nencoding UTF-8\n\nsubject"), false],
  ];
  for (const [text, holds] of rows) {
    const commit = gitObject("commit", Buffer.from(text));
    await (await store.writePack([treeObject([]), commit])).release();
    assert.equal((await stock("git", folder, ["verify-commit", commit.oid])).code === 0, holds);
    assert.equal(verifyCommit(commit.bytes) !== undefined, holds);
  }
  assert.equal(rows.length, 2);
});
