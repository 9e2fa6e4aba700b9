import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "@agentos/kernel";
import { stockGit } from "../git/fixture.ts";
import { noteFor } from "../git/notes.ts";
import type { Oid } from "../git/objects.ts";
import { appendSigned } from "../git/signed-ref.ts";
import { sshsigSign } from "../git/sshsig.ts";
import { REVIEW_NAMESPACE, encodeReview, reviewBytes, type Review } from "../governance/review.ts";
import { attribute, trustInput } from "../governance/signer.ts";
import type { PrincipalKind } from "../governance/trust.ts";
import { governedWorld, keyNamed } from "../testing/governed-world.ts";
import type { GovernedWorld, KeyName } from "../testing/governed-world.ts";
import { readReviewLines, writeReview } from "./local-reviews.ts";
import { readShadowNote, writeShadowNote } from "./local-shadow.ts";
import { readRules } from "./rules.ts";

async function reviewed(t: Parameters<typeof governedWorld>[0]): Promise<{ readonly world: GovernedWorld; readonly head: Oid }> {
  const world = await governedWorld(t);
  const head = await world.propose("raise-limit", { "air/a.txt": "b\n" }, { by: "author" });
  await world.report(head, { by: "ctl" });
  return { world, head };
}

interface ReviewsRead {
  /** Reviews of principals, each signed and put there by them, in order of time. */
  readonly reviews: readonly { readonly principal: string; readonly kind: PrincipalKind; readonly review: Review }[];
  /** What stands in notes and is nobody's review, and why. */
  readonly ignored: readonly { readonly notes: string; readonly why: string }[];
}

/** The reviews on one head, by the rules of the first commit. */
async function read(world: GovernedWorld, head: Oid): Promise<ReviewsRead> {
  const found = await readReviewLines(world.local, { target: head, wanted: () => true });
  const { trust, trustHash } = await readRules(world.local.store, world.genesis);
  const known = trustInput(trust, trustHash);
  const given = found.lines.map((line) => ({ line, giver: attribute(known, line) }));
  const reviews = given.flatMap(({ line, giver }) => ("why" in giver ? [] : [{ ...giver, review: line.review }])).sort((a, b) => a.review.time - b.review.time);
  return { reviews, ignored: [...found.unreadable, ...found.faults, ...given.flatMap(({ line, giver }) => ("why" in giver ? [{ notes: line.notes, why: giver.why }] : []))] };
}

function short({ reviews, ignored }: ReviewsRead): readonly string[] {
  return [...reviews.map(({ principal, review }) => `${principal} ${review.verdict}`), ...ignored.map(({ notes, why }) => `${notes}: ${why}`)];
}

async function noteText(world: GovernedWorld, ref: string, head: Oid): Promise<string> {
  const tip = await world.local.refs.read(ref);
  assert.ok(tip !== undefined);
  const blob = await noteFor(world.local.store, (await world.local.store.readCommit(tip)).tree, head);
  return blob === undefined ? "" : Buffer.from(await world.local.store.readBlob(blob)).toString("utf8");
}

/** Writes a note as somebody would who does not go through this program. */
async function overwrite(world: GovernedWorld, ref: string, head: Oid, write: { readonly text: string | Uint8Array | null; readonly by: KeyName }): Promise<void> {
  const { store } = world.local;
  const bytes = typeof write.text === "string" ? utf8(write.text) : write.text;
  const done = await appendSigned({
    store, ref, key: keyNamed(write.by), identity: { name: "x", email: "x@aos" }, message: "x\n", timeSeconds: world.tick(), changes: { notes: new Map([[head, bytes]]), entries: new Map() },
  });
  assert.equal(done.kind, "updated");
}

function signedLine(world: GovernedWorld, head: Oid, by: KeyName): string {
  const review = { v: 1, world: world.world, proposal: "raise-limit", head, verdict: "request-changes", cid: world.world, message: "", time: world.tick() } as const;
  return `${encodeReview({ review, sig: sshsigSign(keyNamed(by), REVIEW_NAMESPACE, reviewBytes(review)) })}\n`;
}

const REVIEWS = "refs/notes/aos-reviews-reviewer";

test("reviews: several persons and an agent: all of them, in order of time", async (t) => {
  const { world, head } = await reviewed(t);
  await world.review("raise-limit", "comment", { by: "second" });
  await world.review("raise-limit", "approve", { by: "reviewer" });
  await world.review("raise-limit", "approve", { by: "helper" });
  await world.review("raise-limit", "request-changes", { by: "reviewer-laptop" });
  assert.deepEqual(short(await read(world, head)), ["second comment", "reviewer approve", "helper approve", "reviewer request-changes"]);
  assert.equal((await noteText(world, REVIEWS, head)).trimEnd().split("\n").length, 2);
});

test("reviews: a clock that goes back: dated after the reviewer's last one all the same", async (t) => {
  const { world, head } = await reviewed(t);
  const draft = { world: world.world, proposal: "raise-limit", head, cid: world.world, message: "" };
  const writer = { key: keyNamed("reviewer"), principal: "reviewer" };
  const first = await writeReview(world.local, { ...draft, verdict: "approve" }, { ...writer, timeSeconds: 5000 });
  const next = await writeReview(world.local, { ...draft, verdict: "dismiss" }, { ...writer, timeSeconds: 4000 });
  assert.deepEqual([first.review.review.time, next.review.review.time], [5000, 5001]);
});

test("reviews: a message that is too long: refused before anything is written", async (t) => {
  const { world, head } = await reviewed(t);
  const draft = { world: world.world, proposal: "raise-limit", head, cid: world.world, message: "x".repeat(4001), verdict: "approve" as const };
  await assert.rejects(writeReview(world.local, draft, { key: keyNamed("reviewer"), principal: "reviewer", timeSeconds: 1 }), { code: "review.invalid" });
  assert.equal(await world.local.refs.read(REVIEWS), undefined);
});

test("reviews: five at once by one person: none lost", async (t) => {
  const { world, head } = await reviewed(t);
  const draft = { world: world.world, proposal: "raise-limit", head, cid: world.world, verdict: "comment" as const };
  const writer = { key: keyNamed("reviewer"), principal: "reviewer", timeSeconds: 1 };
  await Promise.all(["1", "2", "3", "4", "5"].map((message) => writeReview(world.local, { ...draft, message }, writer)));
  assert.deepEqual((await read(world, head)).reviews.map(({ review }) => review.message).sort(), ["1", "2", "3", "4", "5"]);
});

test("reviews: taken out of the note by a later commit: they stand", async (t) => {
  const { world, head } = await reviewed(t);
  await world.review("raise-limit", "request-changes", { by: "reviewer" });
  await overwrite(world, REVIEWS, head, { text: null, by: "reviewer" });
  assert.equal(await noteText(world, REVIEWS, head), "");
  assert.deepEqual(short(await read(world, head)), ["reviewer request-changes"]);
});

type Hostile = (world: GovernedWorld, head: Oid) => Promise<void>;
const HOSTILE: readonly (readonly [string, Hostile, readonly RegExp[]])[] = [
  ["a person's line copied into another's notes", async (world, head) => overwrite(world, "refs/notes/aos-reviews-second", head, { text: await noteText(world, REVIEWS, head), by: "second" }),
    [/^second: the review is signed by reviewer, but stands in the notes of second$/]],
  ["a line put there by a stranger's commit", async (world, head) => overwrite(world, "refs/notes/aos-reviews-second", head, { text: signedLine(world, head, "second"), by: "stranger" }),
    [/^second: the review was put there by commit [0-9a-f]{12}, which second did not sign$/]],
  ["a line put there by another person's commit", async (world, head) => overwrite(world, "refs/notes/aos-reviews-second", head, { text: signedLine(world, head, "second"), by: "author" }),
    [/^second: the review was put there by commit [0-9a-f]{12}, which second did not sign$/]],
  ["a line changed after signing", async (world, head) => overwrite(world, REVIEWS, head, { text: (await noteText(world, REVIEWS, head)).replace("approve", "dismiss"), by: "reviewer" }),
    [/^reviewer: the review does not count: its signature does not hold$/]],
  ["a line of another head", async (world, head) => overwrite(world, REVIEWS, head, { text: (await noteText(world, REVIEWS, head)).replace(head, "a".repeat(40)), by: "reviewer" }),
    [/^reviewer: commit [0-9a-f]{12}, note on [0-9a-f]{12}: a review of aaaaaaaaaaaa$/]],
  ["words instead of a review", async (world, head) => overwrite(world, REVIEWS, head, { text: "LGTM\n", by: "reviewer" }), [/^reviewer: commit .* line:1:1: /]],
  ["bytes that are no text", async (world, head) => overwrite(world, REVIEWS, head, { text: Uint8Array.of(0xff, 0xfe), by: "reviewer" }), [/^reviewer: commit .* it is not UTF-8$/]],
  ["a note beyond all measure", async (world, head) => overwrite(world, REVIEWS, head, { text: " ".repeat((8 << 20) + 1), by: "reviewer" }), [/^reviewer: commit .* more than a note of reviews may have$/]],
  ["notes of nobody", async (world, head) => overwrite(world, "refs/notes/aos-reviews-ghost", head, { text: await noteText(world, REVIEWS, head), by: "reviewer" }),
    [/^ghost: the review is signed by reviewer, but stands in the notes of ghost$/]],
  ["notes with a strange name", async (world, head) => overwrite(world, "refs/notes/aos-reviews-A_B", head, { text: "", by: "reviewer" }), [/^A_B: no principal can be called so$/]],
];

for (const [what, act, expected] of HOSTILE)
  test(`reviews: ${what}: ignored, the good one stands`, async (t) => {
    const { world, head } = await reviewed(t);
    await world.review("raise-limit", "approve", { by: "reviewer" });
    await act(world, head);
    const [first, ...others] = short(await read(world, head));
    assert.equal(first, "reviewer approve");
    assert.equal(others.length, expected.length);
    for (const [index, pattern] of expected.entries()) assert.match(others[index] ?? "", pattern);
  });

test("reviews: a line that a stranger wrote down before its person did: the person's counts", async (t) => {
  const { world, head } = await reviewed(t);
  const text = signedLine(world, head, "reviewer");
  await overwrite(world, REVIEWS, head, { text, by: "stranger" });
  await overwrite(world, REVIEWS, head, { text: `${text}\n`, by: "reviewer" });
  await overwrite(world, REVIEWS, head, { text: `\n${text}`, by: "reviewer" });
  assert.deepEqual((await read(world, head)).reviews.map(({ principal, review }) => `${principal} ${review.verdict}`), ["reviewer request-changes"]);
  assert.match((await read(world, head)).ignored.map(({ why }) => why).join("\n"), /^the review was put there by commit [0-9a-f]{12}, which reviewer did not sign$/);
});

test("reviews: notes that stock git wrote: read wherever they lie", async (t) => {
  const { world, head } = await reviewed(t);
  await world.review("raise-limit", "approve", { by: "reviewer" });
  await stockGit(world.folder, "-c", "user.name=x", "-c", "user.email=x@aos", "notes", "--ref=aos-reviews-reviewer", "append", "-m", "thanks", head);
  const { reviews, ignored } = await read(world, head);
  assert.deepEqual(reviews.map(({ principal, review }) => `${principal} ${review.verdict}`), ["reviewer approve"]);
  assert.equal(ignored.length, 1);
});

test("shadow note: two reporters, one of them twice: one report each", async (t) => {
  const { world, head } = await reviewed(t);
  await world.report(head, { by: "runner", consequences: "some" });
  await world.report(head, { by: "ctl", consequences: "others" });
  const { entries, faults } = await readShadowNote(world.local, head);
  assert.deepEqual(faults, []);
  assert.deepEqual(entries.map(({ report }) => JSON.stringify([...(report as ReadonlyMap<string, unknown>)])), [
    '[["definitions",[]],["note","some"]]',
    '[["definitions",[]],["note","others"]]',
  ]);
});

test("shadow note: the same report again: nothing is written", async (t) => {
  const { world, head } = await reviewed(t);
  const before = await world.local.refs.read("refs/notes/aos-shadow");
  await world.report(head, { by: "ctl" });
  assert.equal(await world.local.refs.read("refs/notes/aos-shadow"), before);
});

test("shadow note: overwritten by hand: faults, and the next report begins anew", async (t) => {
  const { world, head } = await reviewed(t);
  const ref = "refs/notes/aos-shadow";
  await overwrite(world, ref, head, { text: `${(await noteText(world, ref, head)).replace('"note":"none"', '"note":"fine"')}`, by: "stranger" });
  const { entries, faults } = await readShadowNote(world.local, head);
  assert.deepEqual(entries, []);
  assert.match(faults.join("\n"), /the report is not the one that the claim names/);
  await overwrite(world, ref, head, { text: Uint8Array.of(0xff), by: "stranger" });
  assert.match((await readShadowNote(world.local, head)).faults.join("\n"), /it is not UTF-8/);
  await world.report(head, { by: "ctl" });
  assert.equal((await readShadowNote(world.local, head)).entries.length, 1);
});

test("shadow note: a claim that names another report: shadow.hash", async (t) => {
  const { world, head } = await reviewed(t);
  const [entry] = (await readShadowNote(world.local, head)).entries;
  assert.ok(entry !== undefined);
  const { v: _, ...claim } = entry.claim;
  const writer = { key: keyNamed("ctl"), principal: "ctl", timeSeconds: world.tick() };
  await assert.rejects(writeShadowNote(world.local, { summary: "", claim, report: new Map() }, writer), { code: "shadow.hash" });
});
