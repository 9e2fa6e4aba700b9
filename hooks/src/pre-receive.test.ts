import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, test } from "node:test";
import { blobObject, fingerprint, gitEnvironment, listRefs } from "@agentos/controller";
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

const LETTER = "1".repeat(32);

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
  ["a proposal", async (world) => {
    await world.propose("plain", { "air/p.txt": "p\n" }, { by: "author" });
    return ["refs/heads/proposals/plain"];
  }, "taken"],
  ["a proposal by an agent", async (world) => {
    await world.propose("agent/helper/plain", { "air/p.txt": "p\n" }, { by: "helper" });
    return ["refs/heads/proposals/agent/helper/plain"];
  }, "taken"],
  ["a proposal by a controller, for a plan without a key", async (world) => {
    await world.propose("agent/ctl/p7", { "air/p.txt": "p\n" }, { by: "ctl" });
    return ["refs/heads/proposals/agent/ctl/p7"];
  }, "taken"],
  ["a proposal rewritten, as a rebase does", async (world) => {
    await world.propose("plain", { "air/q.txt": "q\n" }, { by: "author" });
    return ["+refs/heads/proposals/plain:refs/heads/proposals/plain"];
  }, "taken"],
  ["a proposal deleted", async () => [":refs/heads/proposals/plain"], "taken"],
  ["any other branch and a tag", async (world) => [`${await world.main()}:refs/heads/feature/x`, `${await world.main()}:refs/tags/v1`], "taken"],
  ["a merge with a report, the author's and an agent's approval", async (world) => {
    const head = await world.propose("own", { "air/own.txt": "x\n" }, { by: "author" });
    await world.report(head, { by: "ctl" });
    await world.review("own", "approve", { by: "author" });
    await world.review("own", "approve", { by: "helper" });
    return [SHADOW, "refs/notes/aos-reviews-author", "refs/notes/aos-reviews-helper", `${await mergeOf(world, "own")}:${MAIN}`];
  }, /proposal 'own' is not approved: 0 of 1 approvals/],
  ["an approved merge without its evidence", async (world) => {
    const main = await world.main();
    const merged = await world.merge("good", { by: "author" });
    await world.setRef(MAIN, main);
    return [`${merged}:${MAIN}`];
  }, /proposal 'good' is not approved: no shadow report on this head/],
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
  ["the mirror of the journal", async () => [`${JOURNAL}:refs/heads/aos/notes`], "taken"],
  ["a report by CI", async (world) => {
    await world.report(await world.head("disputed"), { by: "runner" });
    return [SHADOW];
  }, "taken"],
  ["a blob as reports", async (world) => {
    const blob = blobObject(Buffer.from("x"));
    await (await world.local.store.writePack([blob])).release();
    return [`${blob.oid}:refs/notes/aos-other`];
  }, /it must point to a commit/],
  ["a letter to the inbox", async (world) => {
    await world.setRef("refs/test/letter", await world.commit({ parents: [], files: { event: "{}" }, by: "helper" }));
    return [`refs/test/letter:refs/aos/inbox/helper/${LETTER}`];
  }, "taken"],
  ["a letter taken away without an answer", async () => [`:refs/aos/inbox/helper/${LETTER}`], /never deleted, but for a letter that is answered/],
  ["a letter taken away with an answer to another one", async (world) => [`${await answerTo(world, await world.main())}:refs/aos/outbox/helper/${LETTER}`, `:refs/aos/inbox/helper/${LETTER}`], /never deleted, but for a letter that is answered/],
  ["a letter's answer by the controller, which removes the letter", async (world) => {
    const letter = (await world.local.refs.read("refs/test/letter")) ?? assert.fail();
    return [`${await answerTo(world, letter)}:refs/aos/outbox/helper/${LETTER}`, `:refs/aos/inbox/helper/${LETTER}`];
  }, "taken"],
  ["an answer taken away after years", async () => [`:refs/aos/outbox/helper/${LETTER}`], "taken"],
  ["an answer of today", async (world) => [`${await answerTo(world, await world.main(), { timeSeconds: Math.floor(Date.now() / 1000) })}:refs/aos/outbox/helper/${LETTER}`], "taken"],
  ["an answer taken away on its day", async () => [`:refs/aos/outbox/helper/${LETTER}`], /never deleted, but for [^,]*, and an answer that is a week old/],
  ["the lease taken by the controller", async (world) => [`${await world.commit({ parents: [], files: { lease: "{}" }, by: "ctl" })}:refs/aos/lease`], "taken"],
];

function answerTo(world: GovernedWorld, letter: Oid, time: { readonly timeSeconds?: number } = {}): Promise<Oid> {
  return world.commit({ parents: [], files: { "answer.json": `${JSON.stringify({ kind: "taken", letter, records: [] })}\n` }, by: "ctl", ...time });
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
