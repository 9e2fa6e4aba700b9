import { test } from "node:test";
import assert from "node:assert/strict";
import { IDENTITY, T0, someCommits, stock, stockGit, temporaryRepo } from "./fixture.ts";
import type { RepoFixture } from "./fixture.ts";
import { buildNotesTree, noteFor, readNotes } from "./notes.ts";
import type { NotesChanges } from "./notes.ts";
import { blobObject, commitObject, parseOid, treeObject } from "./objects.ts";
import type { GitObject, Oid, TreeEntry } from "./objects.ts";
import { casRef, readRef } from "./refs.ts";

const NOTES = "refs/notes/aos";
const BODY = "-----BEGIN-----\n\n  verbatim \n\n-----END-----\n";

/** Commits a change of notes with our codec, unsigned. */
async function commitNotes({ gitDir, store }: RepoFixture, changes: Partial<NotesChanges>): Promise<{ tree: Oid; objects: readonly GitObject[] }> {
  const tip = (await readRef(gitDir, NOTES)) ?? null;
  const parent = tip === null ? undefined : await store.readCommit(tip);
  const built = await buildNotesTree(store, parent?.tree ?? null, { notes: new Map(), entries: new Map(), ...changes });
  const who = { ...IDENTITY, time: (parent?.committer.time ?? T0) + 1, tz: "+0000" };
  const commit = commitObject({ tree: built.tree, parents: tip === null ? [] : [tip], author: who, committer: who, message: "notes\n" });
  await (await store.writePack([...built.objects, commit])).release();
  assert.equal(await casRef(gitDir, NOTES, tip, commit.oid), "updated");
  return built;
}

async function tipTree({ gitDir, store }: RepoFixture): Promise<Oid> {
  const tip = await readRef(gitDir, NOTES);
  assert.ok(tip !== undefined);
  return (await store.readCommit(tip)).tree;
}

/** What stock git says every note is: annotated object → text. */
async function stockNotes({ gitDir }: RepoFixture): Promise<ReadonlyMap<string, string>> {
  const notes = new Map<string, string>();
  for (const line of (await stockGit(gitDir, "notes", "--ref", NOTES, "list")).split("\n")) {
    const [blob = "", target = ""] = line.split(" ");
    notes.set(target, await stockGit(gitDir, "cat-file", "blob", blob));
  }
  return notes;
}

function sorted(notes: ReadonlyMap<string, string>): readonly (readonly [string, string])[] {
  return [...notes].sort(([a], [b]) => (a < b ? -1 : 1));
}

for (const count of [1, 10, 300]) {
  test(`notes: ${count} written here: stock git lists and shows them verbatim, and so do we`, async (t) => {
    const fixture = await temporaryRepo(t);
    const targets = await someCommits(fixture.store, count);
    const bodies = new Map(targets.map((target, at) => [target, Buffer.from(`${at} ${BODY}`)]));
    await commitNotes(fixture, { notes: bodies, entries: new Map([["journal/d00/d00/s00", Buffer.from("segment")], ["aos/format", Buffer.from("aos-notes 1\n")]]) });
    const tree = await tipTree(fixture);
    const names = (await fixture.store.listTree(tree, { depth: "all" })).map(({ path }) => path);
    assert.ok(names.every((path) => /^([0-9a-f]{2}\/[0-9a-f]{38}|journal\/d00\/d00\/s00|aos\/format)$/.test(path)));
    assert.equal(names.length, count + 2);
    assert.equal((await stock("git", fixture.gitDir, ["fsck", "--strict"])).code, 0);
    const expected = new Map([...bodies].map(([target, body]) => [target as string, body.toString("utf8").replace(/\n$/, "")]));
    assert.deepEqual(sorted(await stockNotes(fixture)), sorted(expected));
    const shown = await stock("git", fixture.gitDir, ["notes", "--ref", NOTES, "show", targets[0] ?? ""]);
    assert.equal(shown.stdout, `0 ${BODY}`);
    const read = await readNotes(fixture.store, tree);
    assert.deepEqual([...read.keys()], [...targets].sort());
    for (const target of targets) assert.equal(await noteFor(fixture.store, tree, target), blobObject(bodies.get(target) ?? Buffer.alloc(0)).oid);
  });
}

test("notes: 300 stock git notes add on top of ours: all read, entries kept; our next write is 2/38 again", async (t) => {
  const fixture = await temporaryRepo(t);
  const { gitDir, store } = fixture;
  const targets = await someCommits(store, 320);
  const [ours, theirs, more] = [targets.slice(0, 10), targets.slice(10, 310), targets.slice(310)];
  const entries = new Map([["journal/d00/d00/s00", Buffer.from("segment")]]);
  await commitNotes(fixture, { notes: new Map(ours.map((target) => [target, Buffer.from("ours\n")])), entries });
  // One process for each, as people do it; the tree goes flat, then fans out as git sees fit.
  for (const target of theirs) await stockGit(gitDir, "notes", "--ref", NOTES, "add", "-m", "theirs", target);
  const mixed = await tipTree(fixture);
  assert.equal((await readNotes(store, mixed)).size, 310);
  assert.deepEqual(new Set((await readNotes(store, mixed)).values()), new Set([blobObject(Buffer.from("ours\n")).oid, blobObject(Buffer.from("theirs\n")).oid]));
  for (const target of [...ours, ...theirs]) assert.ok((await noteFor(store, mixed, target)) !== undefined);
  assert.equal(Buffer.from((await store.readPath(mixed, "journal/d00/d00/s00")) ?? []).toString("utf8"), "segment");
  await commitNotes(fixture, { notes: new Map(more.map((target) => [target, Buffer.from("more\n")])) });
  const after = await tipTree(fixture);
  assert.equal((await readNotes(store, after)).size, 320);
  assert.equal((await stockNotes(fixture)).size, 320);
  const paths = (await store.listTree(after, { depth: "all" })).map(({ path }) => path);
  assert.equal(paths.filter((path) => /^[0-9a-f]{2}\/[0-9a-f]{38}$/.test(path)).length, 320);
  assert.ok(paths.includes("journal/d00/d00/s00"));
});

test("notes: stock git removes, appends and copies on a tree of ours: read as it means", async (t) => {
  const fixture = await temporaryRepo(t);
  const { gitDir, store } = fixture;
  const [a, b, c] = await someCommits(store, 3);
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  await commitNotes(fixture, { notes: new Map([[a, Buffer.from("a\n")], [b, Buffer.from("b\n")]]), entries: new Map([["aos/format", Buffer.from("1")]]) });
  await stockGit(gitDir, "notes", "--ref", NOTES, "remove", a);
  await stockGit(gitDir, "notes", "--ref", NOTES, "copy", b, c);
  await stockGit(gitDir, "notes", "--ref", NOTES, "append", "-m", "and more", b);
  const tree = await tipTree(fixture);
  const read = await readNotes(store, tree);
  assert.deepEqual([...read.keys()].sort(), [b, c].sort());
  assert.equal(Buffer.from(await store.readBlob(read.get(b) ?? a)).toString("utf8"), "b\n\nand more\n");
  assert.equal(await noteFor(store, tree, a), undefined);
  assert.ok((await store.readPath(tree, "aos/format")) !== undefined);
});

/** Trees in memory, so that fan-outs can be built by hand and reads counted. */
function memory(): { readTree(oid: Oid): Promise<readonly TreeEntry[]>; tree(files: Readonly<Record<string, string>>): Oid } {
  const trees = new Map<Oid, readonly TreeEntry[]>();
  const tree = (files: Readonly<Record<string, string>>): Oid => {
    const names = [...new Set(Object.keys(files).map((path) => path.split("/")[0] ?? ""))];
    const entries = names.map((name): TreeEntry => {
      const direct = files[name];
      if (direct !== undefined) return { name, mode: "100644", oid: blobObject(Buffer.from(direct)).oid };
      const below = Object.entries(files).filter(([path]) => path.startsWith(`${name}/`)).map(([path, text]) => [path.slice(name.length + 1), text]);
      return { name, mode: "40000", oid: tree(Object.fromEntries(below)) };
    });
    const object = treeObject(entries);
    trees.set(object.oid, entries);
    return object.oid;
  };
  return {
    tree,
    async readTree(oid) {
      const entries = trees.get(oid);
      assert.ok(entries !== undefined, "only trees of the base are read");
      return entries;
    },
  };
}

const X = parseOid("aabbccddeeff00112233445566778899aabbccdd");
const Y = parseOid("aabb00000000000000000000000000000000000f");
const Z = parseOid("0123456789abcdef0123456789abcdef01234567");

test("readNotes and noteFor: every fan-out, and names that only look like notes: the notes alone", async () => {
  const forms: readonly Readonly<Record<string, string>>[] = [
    { [X]: "x", [Z]: "z" },
    { [`aa/${X.slice(2)}`]: "x", [`01/${Z.slice(2)}`]: "z" },
    { [`aa/bb/${X.slice(4)}`]: "x", [`01/23/${Z.slice(4)}`]: "z" },
    { [`aa/bb/cc/${X.slice(6)}`]: "x", [Z]: "z" },
    { [(X.match(/../g) ?? []).join("/")]: "x", [`01/${Z.slice(2)}`]: "z" },
  ];
  const notNotes = { "journal/d00/d00/s00": "s", "ab/README": "r", deadbeef: "d", "zz/file": "f", [X.toUpperCase()]: "u", [`journal/${X.slice(2)}`]: "j", "aa/bb/zz": "q" };
  for (const form of forms) {
    const source = memory();
    const tree = source.tree({ ...form, ...notNotes });
    const expected = [[Z, blobObject(Buffer.from("z")).oid], [X, blobObject(Buffer.from("x")).oid]];
    assert.deepEqual([...(await readNotes(source, tree))], expected);
    assert.equal(await noteFor(source, tree, X), blobObject(Buffer.from("x")).oid);
    assert.equal(await noteFor(source, tree, Z), blobObject(Buffer.from("z")).oid);
    assert.equal(await noteFor(source, tree, Y), undefined);
  }
  assert.equal(forms.length, 5);
  assert.equal((await readNotes(memory(), null)).size, 0);
  assert.equal(await noteFor(memory(), null, X), undefined);
});

test("notes: one object with two notes: notes.duplicate, unless the write replaces it", async () => {
  const source = memory();
  const twice = source.tree({ [X]: "x", [`aa/${X.slice(2)}`]: "other" });
  await assert.rejects(readNotes(source, twice), { code: "notes.duplicate", class: "unverified" });
  await assert.rejects(noteFor(source, twice, X), { code: "notes.duplicate" });
  const withNote = (target: Oid, text: string): ReturnType<typeof buildNotesTree> => buildNotesTree(source, twice, { notes: new Map([[target, Buffer.from(text)]]), entries: new Map() });
  await assert.rejects(withNote(Z, "z"), { code: "notes.duplicate" });
  const replaced = await withNote(X, "new");
  assert.equal(replaced.tree, source.tree({ [`aa/${X.slice(2)}`]: "new" }));
});

test("buildNotesTree: bases of every form with a change: one form where something changed, all else as it was", async () => {
  const rest = (oid: Oid): string => `${oid.slice(0, 2)}/${oid.slice(2)}`;
  const none: NotesChanges = { notes: new Map(), entries: new Map() };
  const rows: readonly (readonly [Readonly<Record<string, string>>, NotesChanges, Readonly<Record<string, string>>])[] = [
    [{}, { ...none, notes: new Map([[X, Buffer.from("x")]]) }, { [rest(X)]: "x" }],
    [{ [Y]: "y", [Z]: "z" }, { ...none, notes: new Map([[X, Buffer.from("x")]]) }, { [rest(X)]: "x", [rest(Y)]: "y", [rest(Z)]: "z" }],
    [{ [`aa/bb/${Y.slice(4)}`]: "y", "01/23/45/note": "n", "aa/bb/zz": "q" }, { ...none, notes: new Map([[X, Buffer.from("x")]]) }, { [rest(X)]: "x", [rest(Y)]: "y", "01/23/45/note": "n", "aa/bb/zz": "q" }],
    [{ [`01/23/${Z.slice(4)}`]: "z", [rest(Y)]: "y" }, { ...none, notes: new Map([[X, Buffer.from("x")]]) }, { [`01/23/${Z.slice(4)}`]: "z", [rest(Y)]: "y", [rest(X)]: "x" }],
    [{ [X]: "old" }, { ...none, notes: new Map([[X, Buffer.from("x")]]) }, { [rest(X)]: "x" }],
    [{ [`aa/bb/${X.slice(4)}`]: "old" }, { ...none, notes: new Map([[X, Buffer.from("x")]]) }, { [rest(X)]: "x" }],
    [{ [rest(X)]: "x", [rest(Y)]: "y" }, { ...none, notes: new Map([[X, null]]) }, { [rest(Y)]: "y" }],
    [{ [X]: "x", a: "a" }, { ...none, notes: new Map([[X, null]]) }, { a: "a" }],
    [{ [rest(X)]: "x" }, { ...none, notes: new Map([[X, null]]) }, {}],
    [{ "snapshots/1": "s", [rest(X)]: "x" }, { ...none, entries: new Map([["snapshots/1", null], ["snapshots/2", Buffer.from("t")]]) }, { "snapshots/2": "t", [rest(X)]: "x" }],
    [{ "journal/d00/d00/s00": "a" }, { ...none, entries: new Map([["journal/d00/d00/s01", Buffer.from("b")]]) }, { "journal/d00/d00/s00": "a", "journal/d00/d00/s01": "b" }],
    [{ a: "a" }, none, { a: "a" }],
  ];
  for (const [base, changes, expected] of rows) {
    const source = memory();
    const built = await buildNotesTree(source, Object.keys(base).length === 0 ? null : source.tree(base), changes);
    assert.equal(built.tree, source.tree(expected), JSON.stringify(base));
  }
  assert.equal(rows.length, 12);
});

test("buildNotesTree: entries that look like notes, run through files or leave the tree: refused", async () => {
  const source = memory();
  const base = source.tree({ "journal/x": "x" });
  const rows: readonly (readonly [string, string])[] = [["ab/c", "notes.path"], ["AB", "notes.path"], [X, "notes.path"], ["journal/x/y", "git.path"], ["journal", "git.path"], ["a//b", "git.path"], ["../a", "git.path"], ["a/.git", "git.path"], ["", "git.path"]];
  for (const [path, code] of rows)
    await assert.rejects(buildNotesTree(source, base, { notes: new Map(), entries: new Map([[path, Buffer.from("")]]) }), { code }, path);
  assert.equal(rows.length, 9);
});

test("buildNotesTree: one note among 20 000: reads and writes only the folders on its way", async (t) => {
  const { store } = await temporaryRepo(t);
  const notes = new Map(Array.from({ length: 20_000 }, (_, at) => [blobObject(Buffer.from(`target ${at}`)).oid, Buffer.from(`note ${at % 10}`)]));
  const base = await buildNotesTree(store, null, { notes, entries: new Map([["journal/d00/d00/s00", Buffer.from("s")]]) });
  await (await store.writePack(base.objects)).release();
  const reads: Oid[] = [];
  const counted = {
    readTree(oid: Oid): Promise<readonly TreeEntry[]> {
      reads.push(oid);
      return store.readTree(oid);
    },
  };
  const built = await buildNotesTree(counted, base.tree, { notes: new Map([[X, Buffer.from("x")]]), entries: new Map([["journal/d00/d00/s01", Buffer.from("t")]]) });
  assert.equal(new Set(reads).size, 5); // the top, aa, journal, d00, d00
  assert.equal(built.objects.length, 7); // the same five, a note and a segment
  await (await store.writePack(built.objects)).release();
  assert.equal((await readNotes(store, built.tree)).size, 20_001);
});
