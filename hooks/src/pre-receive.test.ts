import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, test } from "node:test";
import { hashValue } from "@agentos/kernel";
import { blobObject, commitObject, fingerprint, gitEnvironment, listRefs, mergeMessage, parseOid } from "@agentos/controller";
import type { Oid } from "@agentos/controller";
import { keyNamed, trustText } from "@agentos/controller/testing";
import type { GovernedWorld } from "@agentos/controller/testing";
import { EVIDENCE, JOURNAL, MAIN, REVIEWS, SHADOW, approved, begun, mergeOf, seal, site } from "./testing/site.ts";
import type { Site } from "./testing/site.ts";

/** No configuration of the person who runs the tests reaches them. */
Object.assign(process.env, { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" });

const endings: (() => Promise<void>)[] = [];
const atEnd = { after: (end: () => Promise<void>): void => void endings.push(end) };
after(async () => {
  for (const end of endings.reverse()) await end();
});

/** What is pushed, and what the server says: `taken`, or why not. */
type Row = readonly [what: string, act: (world: GovernedWorld) => Promise<readonly string[]>, expected: "taken" | RegExp];

async function judgeRow({ world, server, push }: Site, act: Row[1], expected: Row[2]): Promise<void> {
  const before = await listRefs(server, "refs/");
  const refspecs = await act(world);
  const { code, said } = await push(refspecs);
  if (expected === "taken") {
    assert.equal(code, 0, said);
    assert.notDeepEqual(await listRefs(server, "refs/"), before);
    return;
  }
  assert.notEqual(code, 0, "the push was taken");
  assert.match(said, expected);
  assert.deepEqual(await listRefs(server, "refs/"), before);
}

const YOUNG: readonly Row[] = [
  ["main is created", async () => [MAIN], "taken"],
  ["main goes on, unsigned", async (world) => [`${await world.commit({ parents: [await world.main()], files: { "air/b.txt": "b\n" }, by: null })}:${MAIN}`], "taken"],
  ["main is rewritten", async (world) => [`+${await world.commit({ parents: [], files: { x: "x" }, by: "author" })}:${MAIN}`], /aos: refs\/heads\/main: not a fast-forward: main is never rewritten/],
  ["main is deleted", async () => [`:${MAIN}`], /aos: refs\/heads\/main: main is never deleted/],
  ["a first seal by a person", async (world) => [`${await seal(world, { by: "author" })}:${JOURNAL}`], /is signed by author: only a controller writes there/],
  ["a first seal by nobody", async (world) => [`${await seal(world, { by: null })}:${JOURNAL}`], /is not signed by a principal: its signature does not hold/],
  ["a first seal by the controller", async (world) => [`${await seal(world, { by: "ctl" })}:${JOURNAL}`], "taken"],
];

const young = site(atEnd);
for (const [what, act, expected] of YOUNG)
  test(`push to a world that has not begun: ${what}: ${expected === "taken" ? "taken" : "refused"}`, async () => {
    await judgeRow(await young, act, expected);
  });

const GROWN: readonly Row[] = [
  ["a commit on main", async (world) => [`${await world.commit({ parents: [await world.main()], files: { "air/a.txt": "b\n" }, by: "author" })}:${MAIN}`], /does not merge a proposal into main: main moves by merges of approved proposals only/],
  ["main rewritten", async (world) => [`+${await world.commit({ parents: [], files: {}, by: "ctl" })}:${MAIN}`], /main is never rewritten/],
  ["main deleted", async () => [`:${MAIN}`], /main is never deleted/],
  ["a proposal", async (world) => {
    await world.propose("plain", { "air/p.txt": "p\n" }, { by: "author" });
    return ["refs/heads/proposals/plain"];
  }, "taken"],
  ["a proposal by an agent", async (world) => {
    await world.propose("agent/helper/plain", { "air/p.txt": "p\n" }, { by: "helper" });
    return ["refs/heads/proposals/agent/helper/plain"];
  }, "taken"],
  ["a proposal rewritten, as a rebase does", async (world) => {
    await world.propose("plain", { "air/q.txt": "q\n" }, { by: "author" });
    return ["+refs/heads/proposals/plain:refs/heads/proposals/plain"];
  }, "taken"],
  ["a proposal deleted", async () => [":refs/heads/proposals/plain"], "taken"],
  ["any other branch and a tag", async (world) => [`${await world.main()}:refs/heads/feature/x`, `${await world.main()}:refs/tags/v1`], "taken"],
  ["a merge without a report and without an approval", async (world) => {
    await world.propose("bare", { "air/bare.txt": "x\n" }, { by: "author" });
    return [`${await mergeOf(world, "bare")}:${MAIN}`];
  }, /proposal 'bare' is not approved: no shadow report on this head\s+remote: aos: refs\/heads\/main: proposal 'bare' is not approved: 0 of 1 approvals/],
  ["a merge with a report, the author's and an agent's approval", async (world) => {
    const head = await world.propose("own", { "air/own.txt": "x\n" }, { by: "author" });
    await world.report(head, { by: "ctl" });
    await world.review("own", "approve", { by: "author" });
    await world.review("own", "approve", { by: "helper" });
    return [SHADOW, "refs/notes/aos-reviews-author", "refs/notes/aos-reviews-helper", `${await mergeOf(world, "own")}:${MAIN}`];
  }, /proposal 'own' is not approved: 0 of 1 approvals/],
  ["a merge with changes asked for", async (world) => [...EVIDENCE, "refs/notes/aos-reviews-second", `${await mergeOf(world, "disputed")}:${MAIN}`], /proposal 'disputed' is not approved: second asks for changes/],
  ["the same under another name", async (world) => {
    const message = mergeMessage({ slug: "harmless", decision: hashValue("x"), cid: hashValue("x") }, "x");
    return [...EVIDENCE, "refs/notes/aos-reviews-second", `${await mergeOf(world, "disputed", { message })}:${MAIN}`];
  }, /proposal 'harmless' is not approved: second asks for changes/],
  ["a merge signed by a stranger", async (world) => [...EVIDENCE, `${await mergeOf(world, "good", { by: "stranger" })}:${MAIN}`], /is not signed by a principal: it is signed by a key that nobody here has/],
  ["an unsigned merge", async (world) => [...EVIDENCE, `${await mergeOf(world, "good", { by: null })}:${MAIN}`], /is not signed by a principal: its signature does not hold/],
  ["a merge that does not say what it merges", async (world) => [...EVIDENCE, `${await mergeOf(world, "good", { message: "Merge\n" })}:${MAIN}`], /does not say which proposal it merges/],
  ["a merge that names another Cid", async (world) => [...EVIDENCE, `${await mergeOf(world, "good")}:${MAIN}`], /names another Cid than sha256:/],
  ["a merge with something slipped in", async (world) => {
    const other = await world.commit({ parents: [await world.main()], files: { "air/slipped.txt": "x\n" }, by: "author" });
    return [...EVIDENCE, `${await mergeOf(world, "good", { tree: (await world.local.store.readCommit(other)).tree })}:${MAIN}`];
  }, /holds something else than the merge of its parents/],
  ["a merge the wrong way round", async (world) => [...EVIDENCE, `${await mergeOf(world, "good", { parents: [await world.head("good"), await world.main()] })}:${MAIN}`], /does not merge a proposal into main/],
  ["a squashed proposal", async (world) => [...EVIDENCE, `${await mergeOf(world, "good", { parents: [await world.main()] })}:${MAIN}`], /does not merge a proposal into main/],
  ["a merge of three", async (world) => [...EVIDENCE, `${await mergeOf(world, "good", { parents: [await world.main(), await world.head("good"), await world.head("disputed")] })}:${MAIN}`], /does not merge a proposal into main/],
  ["the head of an approved proposal itself", async () => [...EVIDENCE, `refs/heads/proposals/good:${MAIN}`], /does not merge a proposal into main/],
  ["an approved merge without its evidence", async (world) => {
    const main = await world.main();
    const merged = await world.merge("good", { by: "author" });
    await world.setRef(MAIN, main);
    return [`${merged}:${MAIN}`];
  }, /proposal 'good' is not approved: no shadow report on this head/],
  ["reviews of another principal", async () => [`refs/notes/aos-reviews-second:${REVIEWS}`], /is signed by second: only reviewer writes there/],
  ["one bad ref among good ones", async () => [...EVIDENCE, `refs/notes/aos-reviews-second:refs/notes/aos-reviews-author`], /is signed by second: only author writes there/],
  ["reviews and reports by those who write them", async () => [...EVIDENCE, "refs/notes/aos-reviews-second"], "taken"],
  ["an approved merge", async (world) => {
    await world.merge("good", { by: "author" });
    return [MAIN];
  }, "taken"],
  ["two approved merges with their evidence in one push", async (world) => {
    await approved(world, "first");
    await world.merge("first", { by: "author" });
    await approved(world, "next");
    await world.merge("next", { by: "ctl" });
    return [...EVIDENCE, MAIN];
  }, "taken"],
  ["fewer approvals and a change that needs them, in one merge", async (world) => {
    const head = await world.propose("lax", { ".aos/policy.json": '{"version":1,"approvals":0,"shadow":"optional"}', "air/lax.txt": "x\n" }, { by: "helper" });
    await world.report(head, { by: "ctl" });
    await world.review("lax", "approve", { by: "reviewer" });
    await world.review("lax", "approve", { by: "second" });
    return [...EVIDENCE, "refs/notes/aos-reviews-second", `${await mergeOf(world, "lax")}:${MAIN}`];
  }, /a change of the rules stands alone/],
  ["a change of the rules with one approval", async (world) => {
    const head = await world.propose("next-key", { ".aos/trust.json": trustText({ retired: [{ key: fingerprint(keyNamed("reviewer-laptop").publicKey), principal: "reviewer", fromSeq: 1 }] }) }, { by: "author" });
    await world.report(head, { by: "ctl" });
    await world.review("next-key", "approve", { by: "reviewer" });
    return [...EVIDENCE, "refs/notes/aos-reviews-second", `${await mergeOf(world, "next-key")}:${MAIN}`];
  }, /1 of 2 approvals: reviewer \(a change of \.aos needs one more than the policy's 1\)/],
  ["a change of the rules with two approvals", async (world) => {
    await world.review("next-key", "approve", { by: "second" });
    await world.merge("next-key", { by: "author" });
    return [...EVIDENCE, "refs/notes/aos-reviews-second", MAIN];
  }, "taken"],
  ["reviews by a key retired since", async (world) => {
    await world.review("next-key", "comment", { by: "reviewer-laptop" });
    return [REVIEWS];
  }, /is signed by a retired key of reviewer/],
  ["a seal by the controller", async (world) => {
    await world.setRef(JOURNAL, await seal(world, { by: "ctl" }));
    return [JOURNAL];
  }, "taken"],
  ["a seal by a person", async (world) => [`${await seal(world, { by: "author" })}:${JOURNAL}`], /is signed by author: only a controller writes there/],
  ["a seal by CI", async (world) => [`${await seal(world, { by: "runner" })}:${JOURNAL}`], /is signed by runner: only a controller writes there/],
  ["an unsigned commit below a signed seal", async (world) => [`${await seal(world, { by: "ctl", parents: [await seal(world, { by: null })] })}:${JOURNAL}`], /is not signed by a principal/],
  ["the journal rewritten", async (world) => [`+${await seal(world, { by: "ctl", parents: [] })}:${JOURNAL}`], /refs\/notes\/aos: not a fast-forward: what is published is never rewritten/],
  ["the journal deleted", async () => [`:${JOURNAL}`], /what is published is never deleted/],
  ["a merge of seals", async (world) => {
    const tip = (await world.local.refs.read(JOURNAL)) ?? assert.fail();
    const [one, two] = [await seal(world, { by: "ctl", parents: [tip] }), await seal(world, { by: "ctl", parents: [tip] })];
    return [`${await seal(world, { by: "ctl", parents: [one, two] })}:${JOURNAL}`];
  }, /has 2 parents: seals stand in one line/],
  ["a seal dated like its parent", async (world) => [`${await datedSeal(world)}:${JOURNAL}`], /is dated \d+, not after its parent's \d+/],
  ["the mirror of the journal by a person", async (world) => [`${await seal(world, { by: "author" })}:refs/heads/aos/notes`], /only a controller writes there/],
  ["the mirror of the journal", async () => [`${JOURNAL}:refs/heads/aos/notes`], "taken"],
  ["a report by a person", async (world) => [`${await world.commit({ parents: [await world.local.refs.read(SHADOW) ?? assert.fail()], files: {}, by: "reviewer" })}:${SHADOW}`], /is signed by reviewer: only a controller or CI writes there/],
  ["a report by CI", async (world) => {
    await world.report(await world.head("disputed"), { by: "runner" });
    return [SHADOW];
  }, "taken"],
  ["a blob as reports", async (world) => {
    const blob = blobObject(Buffer.from("x"));
    await (await world.local.store.writePack([blob])).release();
    return [`${blob.oid}:refs/notes/aos-other`];
  }, /it must point to a commit/],
  ["a note beyond all measure", async (world) => {
    const note = `ab/${"c".repeat(38)}`;
    return [`${await world.commit({ parents: [], files: { [note]: "x".repeat((8 << 20) + 1) }, by: "ctl" })}:refs/notes/aos-reports`];
  }, /the note on abcccccccccc has 8388609 bytes, more than 8388608/],
  ["a letter to the inbox", async (world) => [`${await world.commit({ parents: [], files: { event: "{}" }, by: "helper" })}:refs/aos/inbox/helper/1`], "taken"],
  ["a letter in another's name", async (world) => [`${await world.commit({ parents: [], files: { event: "{}" }, by: "helper" })}:refs/aos/inbox/author/1`], /is signed by helper: only author writes there/],
  ["the lease taken by an agent", async (world) => [`${await world.commit({ parents: [], files: { lease: "{}" }, by: "helper" })}:refs/aos/lease`], /is signed by helper: only a controller writes there/],
  ["the lease taken by the controller", async (world) => [`${await world.commit({ parents: [], files: { lease: "{}" }, by: "ctl" })}:refs/aos/lease`], "taken"],
  ["the lease deleted", async () => [":refs/aos/lease"], /what is published is never deleted/],
  ["notes of another kind", async (world) => [`${await world.main()}:refs/notes/commits`], /not a ref of a world/],
  ["a ref of nobody", async (world) => [`${await world.main()}:refs/for/main`], /not a ref of a world/],
];

/** A seal with its parent's date. */
async function datedSeal(world: GovernedWorld): Promise<Oid> {
  const tip = (await world.local.refs.read(JOURNAL)) ?? assert.fail();
  const parent = await world.local.store.readCommit(tip);
  const object = commitObject({ tree: parent.tree, parents: [tip], author: parent.author, committer: parent.committer, message: "seal\n" }, keyNamed("ctl"));
  await (await world.local.store.writePack([object])).release();
  return parseOid(object.oid);
}

assert.ok(GROWN.length >= 15);
const grown = begun(atEnd);
for (const [what, act, expected] of GROWN)
  test(`push: ${what}: ${expected === "taken" ? "taken" : "refused"}`, async () => {
    await judgeRow(await grown, act, expected);
  });

test("push: after all of them: the server's objects are sound, and a clone has main", async () => {
  const { server, world } = await grown;
  const fsck = await new Promise<string>((resolve) => {
    execFile("git", ["fsck", "--strict"], { cwd: server, env: gitEnvironment() as NodeJS.ProcessEnv }, (error, _stdout, stderr) => resolve(error === null ? "" : stderr));
  });
  assert.equal(fsck, "");
  assert.equal((await listRefs(server, MAIN)).get(MAIN), await world.main());
});
