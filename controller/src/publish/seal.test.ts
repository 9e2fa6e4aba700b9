import { test, type TestContext } from "node:test";
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AosError, canonical, hashBytes, stateRoot, trees, utf8, type Blobs, type DurableTurn, type Hash, type JournalRecord, type Seq } from "@agentos/kernel";
import { temporaryFolder } from "../git/fixture.ts";
import { generateKey } from "../git/keys.ts";
import { verifyCommit } from "../git/objects.ts";
import { readRef } from "../git/refs.ts";
import { gitIn, initRepo, type Repo } from "../git/repo.ts";
import { openStore, type ObjectStore } from "../git/store.ts";
import { smallTurns, WORLD } from "../testing/small-turns.ts";
import { withheldBlobs } from "./mentions.ts";
import { NOTES_REF, publishedBlobs, readSeals, readSegment } from "./published.ts";
import { openSealer, type Sealer } from "./seal.ts";

const key = generateKey("ctl").key;

interface Place {
  readonly repo: Repo;
  readonly store: ObjectStore;
  open(change?: { readonly blobs?: Blobs; readonly segmentBytes?: number; readonly blobBytes?: number; readonly withheldAt?: string; readonly noteOf?: () => Promise<string> }): Promise<Sealer>;
}

async function place(t: TestContext): Promise<Place> {
  const folder = await temporaryFolder(t);
  const repo = await initRepo(folder, { kind: "bare" });
  const store = openStore(repo.commonDir);
  t.after(() => store.close());
  const blobs: Blobs = { get: async () => undefined, put: () => Promise.reject(new Error("a sealer puts nothing")) };
  return { repo, store, open: (change = {}) => openSealer({ store, key, principal: "ctl", world: WORLD, blobs, noteOf: async () => "note", ...change }) };
}

test("seal: turns: one signed commit that holds them, chained to the one before; a sealer opened anew goes on", async (t) => {
  const { store, open } = await place(t);
  const turns = await smallTurns();
  const sealer = await open();
  assert.equal(await sealer.seal(), undefined, "nothing waits");
  const made: DurableTurn[] = [await turns.next(), await turns.next()];
  made.forEach((turn) => sealer.add(turn));
  assert.deepEqual(sealer.pending.records, 3);
  const first = await sealer.seal();
  assert.deepEqual(sealer.pending, { records: 0, bytes: 0 });
  assert.equal(sealer.sealedSeq, 2);

  const again = await open();
  assert.equal(again.sealedSeq, 2);
  again.add(made[1] ?? (await turns.next()));
  assert.equal(await again.seal(), undefined, "what is sealed is not sealed again");
  const third = await turns.next();
  again.add(third);
  const second = await again.seal();

  const seals = await readSeals(store);
  assert.deepEqual(seals.map(({ oid }) => oid), [first, second]);
  assert.deepEqual(seals.map(({ checkpoint }) => [checkpoint.firstSeq, checkpoint.lastSeq, checkpoint.segment]), [[0, 2, "journal/d00/d00/s00"], [3, 3, "journal/d00/d00/s01"]]);
  const segments = await Promise.all(seals.map((seal) => readSegment(store, seal)));
  assert.equal(Buffer.from(segments[1]?.segment.previous ?? []).toString("hex"), seals[0]?.checkpoint.journalHead.slice(7));
  assert.equal(seals[1]?.checkpoint.stateRoot, stateRoot(third.world));
  for (const { oid, commit } of seals) {
    const object = await store.read(oid);
    assert.deepEqual(verifyCommit(object?.bytes ?? new Uint8Array())?.publicKey, Uint8Array.from(key.publicKey));
    assert.equal(commit.committer.email, "ctl@aos");
  }
});

test("seal: before a control plane is in force: what comes waits", async (t) => {
  const { open } = await place(t);
  const sealer = await open();
  const turn = await (await smallTurns()).next();
  const { commit: _, ...world } = turn.world;
  sealer.add({ ...turn, world: { ...world, commit: undefined } });
  assert.equal(await sealer.seal(), undefined);
  assert.equal(sealer.pending.records, 2);
});

test("seal: more than a segment takes: several seals, each citing the world after its own last record", async (t) => {
  const { store, open } = await place(t);
  const turns = await smallTurns();
  const sealer = await open({ segmentBytes: 1000 });
  const made: DurableTurn[] = [];
  for (let count = 0; count < 9; count++) made.push(await turns.next("y".repeat(300)));
  made.forEach((turn) => sealer.add(turn));
  let count = 0;
  while ((await sealer.seal()) !== undefined) count++;
  assert.ok(count >= 3, `${count} seals`);
  const seals = await readSeals(store);
  const rootAt = new Map(made.map(({ world }) => [world.nextSeq - 1, stateRoot(world)]));
  for (const { checkpoint } of seals) assert.equal(checkpoint.stateRoot, rootAt.get(checkpoint.lastSeq), `seq ${checkpoint.lastSeq}`);
  assert.ok(new Set(rootAt.values()).size > 1, "the worlds differ");
  assert.equal(seals.at(-1)?.checkpoint.lastSeq, made.at(-1)?.records.at(-1)?.seq);
});

test("seal: the clock goes back: commits are dated later and later", async (t) => {
  const { store, open } = await place(t);
  const turns = await smallTurns();
  const sealer = await open();
  for (let count = 0; count < 4; count++) {
    const turn = await turns.next();
    sealer.add({ ...turn, records: turn.records.map((record) => ("now_ns" in record ? { ...record, now_ns: BigInt(1000 - count) * 1_000_000_000n } : record)) });
    await sealer.seal();
  }
  const times = (await readSeals(store)).map(({ commit }) => commit.committer.time);
  assert.deepEqual(times, [1000, 1001, 1002, 1003]);
});

test("seal: another writer moved the ref: fenced, nothing is overwritten, what waited still waits", async (t) => {
  const { repo, open } = await place(t);
  const turns = await smallTurns();
  const [ours, theirs] = [await open(), await open()];
  const turn = await turns.next();
  ours.add(turn);
  theirs.add(turn);
  const tip = await theirs.seal();
  await assert.rejects(ours.seal(), { code: "seal.fenced", class: "refused", message: /somebody else seals/ });
  assert.equal(await readRef(repo.commonDir, NOTES_REF), tip);
  assert.equal(ours.pending.records, 2);
  assert.equal(ours.sealedSeq, -1);
});

test("seal: a seal that fails: what waits stays in order and goes into the next one", async (t) => {
  const { repo, store, open } = await place(t);
  const turns = await smallTurns();
  const sealer = await open();
  sealer.add(await turns.next());
  const lock = join(repo.commonDir, `${NOTES_REF}.lock`);
  await mkdir(dirname(lock), { recursive: true });
  await writeFile(lock, "");
  await assert.rejects(sealer.seal(), (error: unknown) => error instanceof AosError && error.code === "git.locked" && error.class === "outside");
  sealer.add(await turns.next());
  assert.equal(sealer.pending.records, 3);
  await rm(lock);
  await sealer.seal();
  assert.deepEqual((await readSeals(store)).map(({ checkpoint }) => [checkpoint.firstSeq, checkpoint.lastSeq]), [[0, 2]]);
  await gitIn(repo, ["fsck", "--strict"]);
});

test("seal: two calls at once: one after the other, nothing twice", async (t) => {
  const { store, open } = await place(t);
  const turns = await smallTurns();
  const sealer = await open();
  sealer.add(await turns.next());
  const [first, second] = await Promise.all([sealer.seal(), sealer.seal()]);
  assert.ok(first !== undefined);
  assert.equal(second, undefined);
  assert.equal((await readSeals(store)).length, 1);
});

test("seal: blobs that records speak of: brought by the first seal that can, once, also after a restart", async (t) => {
  const { store, open } = await place(t);
  const turns = await smallTurns();
  const hash = await turns.blobs.put(Buffer.from("a body"));
  const intent = (turn: DurableTurn): DurableTurn => ({ ...turn, records: turn.records.map(({ seq }) => intentAt(seq, hash)) });
  for (let count = 0; count < 3; count++) {
    const sealer = await open({ blobs: turns.blobs });
    const turn = await turns.next();
    sealer.add(count === 0 ? turn : intent(turn));
    const tip = await sealer.seal();
    assert.ok(tip !== undefined);
    assert.deepEqual((await publishedBlobs(store, tip)).all(), count === 0 ? [] : [hash]);
  }
  const seals = await readSeals(store);
  const folders = await Promise.all(seals.map(({ oid }) => store.findPath(oid, "blobs/d00/d00")));
  assert.equal(folders[0], undefined);
  assert.equal(folders[1]?.oid, folders[2]?.oid, "the third seal brought none");
});

test("seal: more blobs than memory should hold: written ahead in packs, one seal, nothing left behind", async (t) => {
  const { repo, store, open } = await place(t);
  const turns = await smallTurns();
  const hashes = await Promise.all(Array.from({ length: 20 }, (_, index) => turns.blobs.put(Buffer.from(String(index).padStart(1_000)))));
  const sealer = await open({ blobs: turns.blobs, blobBytes: 4_000 });
  sealer.add(await turns.next());
  await sealer.seal();
  const packs = async (end: string): Promise<number> => (await readdir(join(repo.commonDir, "objects", "pack"))).filter((name) => name.endsWith(end)).length;
  const before = await packs(".pack");
  const turn = await turns.next();
  sealer.add({ ...turn, records: turn.records.map(({ seq }) => ({ ...intentAt(seq, WORLD), params: canonical({ list: hashes }) })) });
  const tip = (await sealer.seal()) ?? assert.fail();
  assert.deepEqual([(await packs(".pack")) - before, await packs(".keep")], [6, 0], "five of blobs, one of the rest");
  const published = await publishedBlobs(store, tip);
  assert.deepEqual([...published.all()].sort(), [...hashes].sort());
  for (const hash of hashes) assert.equal(hashBytes((await published.get(hash)) ?? assert.fail()), hash);
  await gitIn(repo, ["fsck", "--strict"]);
});

test("seal: blobs that are secrets in clear: given to the vault, kept by it, or expected by a control plane: no seal brings them, nor one after a restart", async (t) => {
  const { repo, store, open } = await place(t);
  const turns = await smallTurns();
  const [body, secret] = await Promise.all([turns.blobs.put(Buffer.from("a body")), turns.blobs.put(Buffer.from("a secret"))]);
  const bundle = await turns.blobs.put(canonical({ secrets: [{ alias: "a", expected_digest: secret }], wasm_hash: body }));
  const put = (effect: string, field: string, of = secret) => (seq: Seq): JournalRecord => ({ ...intentAt(seq, of), effect, params: canonical({ [field]: of, alias: "a" }) });
  const receipt = (adapter: string, of = secret) => (seq: Seq): JournalRecord => ({
    kind: "receipt", seq, intent: WORLD, intent_seq: 0, adapter, status: "ok", payload: canonical({ digest: of }), started_ns: 1n, finished_ns: 2n, signer: new Uint8Array(32), signature: new Uint8Array(64), ...STAMP,
  });
  const rows: readonly (readonly [what: string, make: (seq: Seq) => JournalRecord, brought: readonly Hash[]])[] = [
    ["given to the vault", put("vault.put", "value_ref"), []], ["rotated to", put("vault.rotate", "expected_digest"), []], ["told by the vault", receipt("vault"), []],
    ["told by another adapter", receipt("other"), [secret]],
  ];
  const sealed = await open({ blobs: turns.blobs });
  sealed.add(await turns.next());
  await sealed.seal();
  for (const [what, make, brought] of rows) {
    const sealer = await open({ blobs: turns.blobs });
    const turn = await turns.next();
    sealer.add({ ...turn, records: turn.records.map(({ seq }) => make(seq)) });
    assert.deepEqual((await publishedBlobs(store, (await sealer.seal()) ?? assert.fail())).all(), brought, what);
  }
  assert.equal(rows.length, 4);

  const second = await turns.blobs.put(Buffer.from("a second secret"));
  const withheldAt = join(repo.commonDir, "withheld");
  for (const make of [put("vault.put", "value_ref", second), receipt("other", second)]) {
    const sealer = await open({ blobs: turns.blobs, withheldAt });
    const turn = await turns.next();
    sealer.add({ ...turn, records: turn.records.map(({ seq }) => make(seq)) });
    assert.deepEqual((await publishedBlobs(store, (await sealer.seal()) ?? assert.fail())).all(), [secret], "a sealer opened anew knows of it");
  }
  assert.equal(await readFile(withheldAt, "utf8"), `\n${second}\n`);
  const applied: JournalRecord = { kind: "applied", seq: 9 as Seq, manifest: WORLD, bundle, commit: "0".repeat(40), decision: null, ...STAMP };
  assert.deepEqual(await withheldBlobs(applied, (hash) => turns.blobs.get(hash)), [secret]);
});

test("seal: blobs that the vault was given and that are no secrets: the modules of a control plane and the folders of a workspace are brought all the same", async (t) => {
  const { store, open } = await place(t);
  const turns = await smallTurns();
  const [code, file] = await Promise.all([turns.blobs.put(Buffer.from("code")), turns.blobs.put(Buffer.from("a secret"))]);
  const { root } = await trees.writeFile(turns.blobs, trees.EMPTY_TREE_HASH, { path: "deep/key", bytes: utf8("a secret") });
  const deep = (await trees.findPath(turns.blobs, root, "deep"))?.hash ?? assert.fail();
  const bundle = await turns.blobs.put(canonical({ nodes: [{ $kind: "defmodule", wasm_hash: code }, { $kind: "defplan", wasm_hash: file }] }));
  const sealer = await open({ blobs: turns.blobs });
  sealer.add(await turns.next());
  await sealer.seal();
  for (const given of [code, root, deep, file]) {
    const turn = await turns.next();
    sealer.add({ ...turn, records: turn.records.map(({ seq }) => ({ ...intentAt(seq, given), effect: "vault.put", params: canonical({ value_ref: given, alias: "a" }) })) });
  }
  const applied = (seq: Seq): JournalRecord => ({ kind: "applied", seq, manifest: WORLD, bundle, commit: "0".repeat(40), decision: null, ...STAMP });
  const version = (seq: Seq): JournalRecord => ({ kind: "event", seq, schema: "sys/WorkspaceCommit@1", value: canonical({ root_hash: root }), event_hash: WORLD, sender: "x", ...STAMP });
  for (const make of [applied, version]) {
    const turn = await turns.next();
    sealer.add({ ...turn, records: turn.records.map(({ seq }) => make(seq)) });
  }
  const brought = (await publishedBlobs(store, (await sealer.seal()) ?? assert.fail())).all();
  assert.deepEqual([...brought].sort(), [bundle, code, deep, root].sort());
});

const STAMP = { now_ns: 1n, logical_ns: 1n, entropy: new Uint8Array(32) };

function intentAt(seq: JournalRecord["seq"], body: Hash): JournalRecord<"intent"> {
  return {
    kind: "intent", seq, intent: WORLD, effect: "http.request", params: canonical({ body_ref: body }), cap: "c", idempotency_key: new Uint8Array(32), grant: WORLD, enforcer: "e",
    policy: "p", origin: "plan", by: "demo/p@1", cause: 0,
  };
}
