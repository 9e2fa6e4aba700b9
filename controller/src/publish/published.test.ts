import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { hashBytes, utf8, type Hash } from "@agentos/kernel";
import { sealedTurns, WORLD, type SealedTurns } from "../testing/small-turns.ts";
import { tampering, type Tampering } from "../testing/tamper.ts";
import { blobPath, NOTES_REF, publishedBlobs, readSeals, readSegment, readTip } from "./published.ts";

let sealed: SealedTurns;
let t: Tampering;
before(async () => {
  sealed = await sealedTurns();
  t = tampering(sealed.folder, { folder: sealed.folder, trust: WORLD, keys: undefined });
});
after(() => sealed.remove());

/** With the ref elsewhere for a while. */
async function moved(to: string, use: () => Promise<unknown>): Promise<void> {
  const tip = await t.git(["rev-parse", NOTES_REF]);
  await t.setRef(NOTES_REF, to);
  await use();
  await t.setRef(NOTES_REF, tip);
}

test("published: seals: from the first to the tip, their segments one run of records", async () => {
  const { store, records } = sealed;
  const seals = await readSeals(store);
  assert.equal(seals.length, 4);
  assert.deepEqual(await readTip(store), seals.at(-1));
  let next = 0;
  for (const [number, seal] of seals.entries()) {
    const { segment } = await readSegment(store, seal);
    assert.deepEqual([segment.number, segment.firstSeq, seal.checkpoint.firstSeq], [number, next, next]);
    next += segment.records.length;
    assert.equal(seal.checkpoint.lastSeq, next - 1);
  }
  assert.equal(next, records.length);
});

test("published: nothing: no seals and no tip", async () => {
  assert.deepEqual(await readSeals(sealed.store, "refs/notes/none"), []);
  assert.equal(await readTip(sealed.store, "refs/notes/none"), undefined);
});

test("published: a history that is no line of seals: the commit is named", async () => {
  const [tip, below] = [...(await readSeals(sealed.store))].reverse();
  assert.ok(tip !== undefined && below !== undefined);
  const merge = await t.commit({ tree: tip.commit.tree, parents: [tip.oid, below.oid], message: tip.commit.message, signer: "nobody" });
  const note = await t.commit({ tree: tip.commit.tree, parents: [tip.oid], message: "Notes added by 'git notes append'\n", signer: "nobody" });
  const rows = [["seal.merge", new RegExp(`commit ${merge}: a seal has one parent, this has 2`), merge], ["seal.message", new RegExp(`commit ${note}: the seal has no valid Seq`), note]] as const;
  for (const [code, message, oid] of rows) await moved(oid, () => assert.rejects(readSeals(sealed.store), { code, message, class: "unverified" }));
  assert.equal(rows.length, 2);
});

test("published: a segment: gone or other bytes than its seal vouches for: file and commit are named", async () => {
  const seal = (await readSeals(sealed.store))[1];
  assert.ok(seal !== undefined);
  const gone = await t.tree(seal.commit.tree, new Map([[seal.checkpoint.segment, null]]));
  await assert.rejects(readSegment(sealed.store, seal, gone), { code: "segment.missing", message: `commit ${seal.oid}: ${seal.checkpoint.segment} is not there` });
  const other = await t.tree(seal.commit.tree, new Map([[seal.checkpoint.segment, utf8("x")]]));
  await assert.rejects(readSegment(sealed.store, seal, other), { code: "segment.head", message: /is not what Journal-Head says/ });
});

test("published: blobs: read by hash and checked; other bytes or another name are refused", async () => {
  const { store, body } = sealed;
  const tip = await readTip(store);
  assert.ok(tip !== undefined);
  const blobs = await publishedBlobs(store, tip.oid);
  assert.deepEqual(blobs.all(), [body]);
  assert.deepEqual(Buffer.from((await blobs.get(body)) ?? []).toString(), "a body");
  const absent = hashBytes(utf8("absent"));
  assert.equal(blobs.has(absent), false);
  assert.equal(await blobs.get(absent), undefined);

  const changed = await publishedBlobs(store, await t.tree(tip.commit.tree, new Map([[blobPath(1, body), utf8("x")]])));
  await assert.rejects(changed.get(body), { code: "blob.corrupt", message: new RegExp(body.slice(7)) });
  await assert.rejects(publishedBlobs(store, await t.tree(tip.commit.tree, new Map([["blobs/d00/d00/s00/readme", utf8("x")]]))), { code: "blob.name", message: /readme: not the name of a blob/ });
  assert.equal(blobPath(0x010203, `sha256:${"e".repeat(64)}` as Hash), `blobs/d01/d02/s03/${"e".repeat(64)}`);
});
