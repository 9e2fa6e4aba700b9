import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { hashBytes, utf8, type Hash } from "@agentos/kernel";
import { openStore, type ObjectStore } from "../git/store.ts";
import { publishedWorld, type PublishedWorld } from "../testing/published-world.ts";
import { tampering, type Tampering } from "../testing/tamper.ts";
import { blobPath, NOTES_REF, publishedBlobs, readSeals, readSegment, readTip } from "./published.ts";

let published: PublishedWorld;
before(async () => {
  published = await publishedWorld();
}, { timeout: 60_000 });
after(() => published.remove());

async function reading<T>(use: (store: ObjectStore, t: Tampering) => Promise<T>, tamper: (t: Tampering) => Promise<unknown> = async () => undefined): Promise<T> {
  const t = tampering(await published.copy(), published.world);
  await tamper(t);
  const store = openStore(t.folder);
  try {
    return await use(store, t);
  } finally {
    await store.close();
  }
}

test("published: seals: from the first to the tip, their segments one run of records", async () => {
  await reading(async (store) => {
    const seals = await readSeals(store);
    assert.ok(seals.length >= 3);
    assert.deepEqual(await readTip(store), seals.at(-1));
    let next = 0;
    for (const [number, seal] of seals.entries()) {
      const { segment } = await readSegment(store, seal);
      assert.equal(segment.number, number);
      assert.equal(segment.firstSeq, next);
      assert.equal(seal.checkpoint.lastSeq, next + segment.records.length - 1);
      next += segment.records.length;
    }
    assert.ok(next >= 20, `${next} records`);
  });
});

test("published: nothing: no seals and no tip", async () => {
  await reading(async (store) => {
    assert.deepEqual(await readSeals(store), []);
    assert.equal(await readTip(store), undefined);
  }, (t) => t.git(["update-ref", "-d", NOTES_REF]));
});

test("published: a history that is no line of seals: the commit is named", async () => {
  const rows = [
    ["seal.merge", /has one parent, this has 2/, async (t: Tampering) => {
      const [tip, below] = (await t.seals()).slice(-2).reverse();
      await t.setRef(NOTES_REF, await t.commit({ tree: tip?.tree ?? "", parents: [tip?.oid ?? "", below?.oid ?? ""], message: tip?.message ?? "", signer: "controller" }));
    }],
    ["seal.message", /has no valid Seq/, (t: Tampering) => t.git(["-c", "user.name=x", "-c", "user.email=x@x", "notes", "--ref=aos", "append", "-m", "hi", "refs/heads/main"])],
  ] as const;
  for (const [code, message, tamper] of rows) await reading((store) => assert.rejects(readSeals(store), { code, message, class: "unverified" }), tamper);
  assert.equal(rows.length, 2);
});

test("published: a segment: gone or other bytes than its seal vouches for: file and commit are named", async () => {
  await reading(async (store, t) => {
    const seal = (await readSeals(store))[1];
    assert.ok(seal !== undefined);
    const gone = await t.tree(seal.commit.tree, new Map([[seal.checkpoint.segment, null]]));
    await assert.rejects(readSegment(store, seal, gone), { code: "segment.missing", message: new RegExp(`commit ${seal.oid}: ${seal.checkpoint.segment} is not there`) });
    const other = await t.tree(seal.commit.tree, new Map([[seal.checkpoint.segment, utf8("x")]]));
    await assert.rejects(readSegment(store, seal, other), { code: "segment.head", message: /is not what Journal-Head says/ });
  });
});

test("published: blobs: read by hash and checked; other bytes or another name are refused", async () => {
  await reading(async (store, t) => {
    const tip = await readTip(store);
    assert.ok(tip !== undefined);
    const blobs = await publishedBlobs(store, tip.oid);
    assert.ok(blobs.all().length >= 3);
    for (const hash of blobs.all()) assert.equal(hashBytes((await blobs.get(hash)) ?? utf8("")), hash);
    const absent = hashBytes(utf8("absent"));
    assert.equal(blobs.has(absent), false);
    assert.equal(await blobs.get(absent), undefined);

    const hash = blobs.all()[0] as Hash;
    const path = (await t.git(["ls-tree", "-r", "--name-only", tip.oid])).split("\n").find((name) => name.endsWith(hash.slice(7))) ?? "";
    const changed = await publishedBlobs(store, await t.tree(tip.commit.tree, new Map([[path, utf8("x")]])));
    await assert.rejects(changed.get(hash), { code: "blob.corrupt", message: new RegExp(hash.slice(7)) });
    await assert.rejects(publishedBlobs(store, await t.tree(tip.commit.tree, new Map([["blobs/d00/d00/s00/readme", utf8("x")]]))), { code: "blob.name", message: /readme: not the name of a blob/ });
  });
  assert.equal(blobPath(0x010203, `sha256:${"e".repeat(64)}` as Hash), `blobs/d01/d02/s03/${"e".repeat(64)}`);
});
