import { after, before, suite, test } from "node:test";
import assert from "node:assert/strict";
import { createModuleRunner, decode, encodeRecord, hashBytes, utf8, canonical, type JournalRecord } from "@agentos/kernel";
import { readRef } from "../git/refs.ts";
import { openRepo, type Repo } from "../git/repo.ts";
import { openStore, type ObjectStore } from "../git/store.ts";
import { clone } from "../git/transport.ts";
import { publishedWorld, type PublishedWorld } from "../testing/published-world.ts";
import { DECISION_ROWS } from "../testing/tamper-decision.ts";
import { JOURNAL_ROWS, type Row } from "../testing/tamper-journal.ts";
import { tampering, type SealDraft } from "../testing/tamper.ts";
import { verifyRepository } from "../world-access.ts";
import { verifyPublished, type VerifyReport } from "./verify.ts";

let published: PublishedWorld;
before(async () => {
  published = await publishedWorld();
}, { timeout: 120_000 });
after(() => published.remove());

async function verify(folder: string, replay: "replay" | "no replay" = "no replay", mainRef = "refs/heads/main"): Promise<VerifyReport> {
  const repo: Repo = { gitDir: folder, commonDir: folder, workTree: undefined, bare: true, env: {} };
  return verifyRepository({ repo, trust: published.world.trust, modules: replay === "replay" ? createModuleRunner() : undefined, mainRef });
}

async function check(row: Row): Promise<void> {
  const folder = await published.copy();
  await row.tamper(tampering(folder, published.world), published);
  if (row.foundBy === "replay") assert.deepEqual((await verify(folder)).problems, []);
  const report = await verify(folder, row.foundBy ?? "no replay");
  const [first] = report.problems;
  assert.ok(!report.ok && first !== undefined, "it is found");
  assert.equal(first.code, row.code, JSON.stringify(report.problems.slice(0, 3), null, 1));
  assert.match(first.message, row.says);
  for (const place of row.names) assert.notEqual(first[place], undefined, `${place} is named: ${JSON.stringify(first)}`);
}

test("verify: nothing changed: no problems, with and without replay", async () => {
  for (const replay of ["no replay", "replay"] as const) {
    const report = await verify(published.folder, replay);
    assert.deepEqual(report.problems, []);
    assert.deepEqual(report.pending, []);
    assert.deepEqual({ ...report.checked, seals: 0, records: 0 }, { seals: 0, records: 0, receipts: 3, approvals: 0, decisions: 1, reviews: 1 });
    assert.equal(report.replayed !== undefined, replay === "replay");
  }
});

const ROWS = [...JOURNAL_ROWS, ...DECISION_ROWS];
assert.ok(ROWS.length >= 80, "the table is there");
// Side by side, since most of the time goes by in git's processes.
suite("verify: tampered with", { concurrency: 4 }, () => {
  for (const row of ROWS) test(`verify: ${row.name}: ${row.code}`, () => check(row));
});

test("verify: a fresh clone, main as a remote-tracking branch: no problems", async () => {
  const repo = await clone(published.folder, `${await published.copy()}-clone`, { kind: "worktree" });
  assert.deepEqual((await verify(repo.commonDir, "replay", "refs/remotes/origin/main")).problems, []);
});

test("verify: a commit on main that nobody reviewed: pending, not wrong", async () => {
  const t = tampering(await published.copy(), published.world);
  const tree = await t.tree("refs/heads/main^{tree}", new Map([["notes.txt", utf8("no review\n")]]));
  const commit = await t.commit({ tree, parents: [published.merged], message: "Straight to main\n", signer: "author" });
  await t.setRef("refs/heads/main", commit);
  const report = await verify(t.folder);
  assert.deepEqual(report.problems, []);
  assert.deepEqual(report.pending, [commit]);
});

test("verify: the journal rewound to an earlier seal: what main has beyond it is pending", async () => {
  const t = tampering(await published.copy(), published.world);
  const [first] = await t.seals();
  await t.setRef("refs/notes/aos", first?.oid ?? "");
  const report = await verify(t.folder);
  assert.deepEqual(report.problems, []);
  assert.deepEqual(report.pending, [published.merged]);
});

test("verify: another pinned hash: the genesis record is of another world", async () => {
  const trust = hashBytes(utf8("another"));
  const { problems } = await verifyRepository({ repo: await openRepo(published.folder), trust, modules: undefined });
  assert.equal(problems[0]?.code, "world.other");
  assert.equal(problems[0]?.seq, 0);
  assert.match(problems[0]?.message ?? "", /pinned is sha256:/);
  assert.deepEqual(problems.map(({ code }) => code), ["world.other", "trust.genesis"]);
});

test("verify: nothing published: an error that says how to fetch it", async () => {
  const t = tampering(await published.copy(), published.world);
  await t.git(["update-ref", "-d", "refs/notes/aos"]);
  await assert.rejects(verify(t.folder), { code: "verify.empty", hint: /git fetch/ });
});

test("verify: a clone without history: the first commit that is not there is named", async () => {
  const folder = `${await published.copy()}-shallow`;
  await tampering(published.folder, published.world).git(["clone", "--quiet", "--mirror", "--depth", "1", "--no-single-branch", `file://${published.folder}`, folder]);
  const report = await verify(folder);
  assert.equal(report.problems[0]?.code, "git.missing");
  assert.match(report.problems[0]?.message ?? "", /^commit [0-9a-f]{40} is not there$/);
});

test("verify: a tampered record: one problem leads, the others follow in the order of seals, a hundred at most", async () => {
  const t = tampering(await published.copy(), published.world);
  await t.reseal((drafts) => [...drafts, ...transitions(drafts, 110)].map((draft) => ({ ...draft, signer: "author" as const })));
  const { problems } = await verify(t.folder);
  assert.equal(problems.length, 100);
  assert.deepEqual([...new Set(problems.map(({ code }) => code))], ["seal.signature"]);
  const seqs = problems.map(({ seq }) => seq ?? -1);
  assert.deepEqual(seqs, [...seqs].sort((a, b) => a - b));
});

/** Seals of one record each, which changes nothing in the world. */
function transitions(drafts: readonly SealDraft[], count: number): readonly SealDraft[] {
  const seq = drafts.reduce((sum, { records }) => sum + records.length, 0);
  const last = drafts.at(-1);
  assert.ok(last !== undefined);
  return Array.from({ length: count }, (_, index) => {
    const record: JournalRecord = { kind: "transition", seq: (seq + index) as JournalRecord["seq"], state: "held", detail: decode(canonical({})), now_ns: 1n, logical_ns: 1n, entropy: new Uint8Array(32) };
    return { ...last, files: new Map(), records: [encodeRecord(record)], time: last.time + 1 + index };
  });
}

test("verify: many seals: each costs as many reads as the one before, and no listing of what is published", async () => {
  const rounds: number[] = [];
  for (const count of [10, 20, 30, 40]) {
    const t = tampering(await published.copy(), published.world);
    await t.reseal((drafts) => [...drafts, ...transitions(drafts, count)]);
    const counted = countingStore(openStore(t.folder));
    try {
      const report = await verifyPublished({ repo: await openRepo(t.folder), store: counted.store, trust: published.world.trust, replay: undefined, mainRef: "refs/heads/main" });
      assert.deepEqual(report.problems, []);
      rounds.push(counted.reads());
    } finally {
      await counted.store.close();
    }
  }
  const steps = rounds.slice(1).map((reads, index) => reads - (rounds[index] ?? 0));
  assert.equal(steps.length, 3);
  assert.deepEqual(new Set(steps).size, 1, `10 seals cost ${steps.join(", ")} reads`);
  assert.ok((steps[0] ?? 0) <= 10 * 20, `${steps[0]} reads for 10 seals`);
});

/** Counts calls that read an object. A listing would read everything below a folder: only those of a commit's world files pass. */
function countingStore(store: ObjectStore): { readonly store: ObjectStore; reads(): number } {
  let reads = 0;
  const counted = <A extends readonly unknown[], R>(read: (...args: A) => R) => (...args: A): R => {
    reads++;
    return read(...args);
  };
  const wrapped: ObjectStore = {
    ...store,
    read: counted(store.read), readCommit: counted(store.readCommit), readTree: counted(store.readTree), readBlob: counted(store.readBlob), findPath: counted(store.findPath), readPath: counted(store.readPath),
    async listTree(root, options) {
      const entries = await store.listTree(root, options);
      assert.ok(!entries.some(({ path }) => /^(d00|journal)\//.test(path)), "the published folders are not listed");
      return entries;
    },
  };
  return { store: wrapped, reads: () => reads };
}

test("verify: the ref and main as they were: verifying moves nothing", async () => {
  const before = await readRef(published.folder, "refs/notes/aos");
  await verify(published.folder, "replay");
  assert.equal(await readRef(published.folder, "refs/notes/aos"), before);
});
