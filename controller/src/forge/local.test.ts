import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { canonical, decode } from "@agentos/kernel";
import { stock, stockGit } from "../git/fixture.ts";
import { parseOid, treeObject, verifyCommit } from "../git/objects.ts";
import { decisionHash, decisionValue, deriveAgain, verifyRecordedSignatures } from "../governance/decision-value.ts";
import { renderTrustSigners } from "../governance/trust.ts";
import { governedWorld, keyNamed } from "../testing/governed-world.ts";
import type { GovernedWorld } from "../testing/governed-world.ts";
import type { Answer } from "./forge.ts";
import { gatherDecision } from "./gather.ts";
import { listProposals, readProposal } from "./local.ts";
import { mergeCommit, mergeMessage, parseMergeMessage } from "./merge.ts";
import { readRules } from "./rules.ts";
import { verifySignature } from "./signatures.ts";

async function ask(world: GovernedWorld, slug: string): Promise<Answer> {
  return gatherDecision(world.local, { base: await world.main(), head: await world.head(slug), slug, world: world.world });
}

function refusals({ decision }: Answer): readonly string[] {
  return decision.reasons.flatMap(({ holds, text }) => (holds ? [] : [text]));
}

test("proposals: open, merged, badly named: listed by name, the last left out", async (t) => {
  const world = await governedWorld(t);
  const open = await world.propose("raise-limit", { "air/a.txt": "b\n" }, { by: "author" });
  const agents = await world.propose("agent/helper/tidy", { "air/b.txt": "b\n" }, { by: "helper" });
  await world.setRef("refs/heads/proposals/old", world.genesis);
  await world.setRef("refs/heads/proposals/Not_A_Slug", open);
  assert.deepEqual((await listProposals(world.local)).map(({ slug, head, state }) => [slug, head, state]), [
    ["agent/helper/tidy", agents, "open"],
    ["old", world.genesis, "merged"],
    ["raise-limit", open, "open"],
  ]);
});

test("proposal: two authors and an unsigned commit: whose each commit is", async (t) => {
  const world = await governedWorld(t);
  const one = await world.propose("tidy", { "air/b.txt": "b\n" }, { by: "author" });
  const two = await world.commit({ parents: [one], files: { "air/c.txt": "c\n" }, by: "helper" });
  const three = await world.commit({ parents: [two], files: { "air/d.txt": "d\n" }, by: null });
  await world.setRef("refs/heads/proposals/tidy", three);
  const proposal = await readProposal(world.local, "tidy");
  assert.deepEqual(proposal?.commits, [
    { commit: one, author: "author", why: undefined },
    { commit: two, author: "helper", why: undefined },
    { commit: three, author: undefined, why: "its signature does not hold" },
  ]);
  assert.deepEqual([proposal?.title, proposal?.authors, proposal?.base], ["Propose tidy", ["author", "helper"], world.genesis]);
  assert.equal(await readProposal(world.local, "absent"), undefined);
});

test("decision: reported, approved, merged: each step from the repository alone", async (t) => {
  const world = await governedWorld(t);
  const head = await world.propose("raise-limit", { "air/a.txt": "b\n" }, { by: "author" });
  assert.deepEqual(refusals(await ask(world, "raise-limit")), ["no shadow report on this head", "0 of 1 approvals"]);
  await world.report(head, { by: "ctl" });
  assert.deepEqual(refusals(await ask(world, "raise-limit")), ["0 of 1 approvals"]);
  await world.review("raise-limit", "approve", { by: "reviewer" });
  const answer = await ask(world, "raise-limit");
  assert.deepEqual([answer.decision.verdict, refusals(answer), answer.faults], ["approved", [], []]);

  const record = decode(canonical(decisionValue(answer.inputs, answer.decision)));
  assert.deepEqual(deriveAgain(record), answer.decision);
  verifyRecordedSignatures(record, verifySignature);

  const merged = await world.merge("raise-limit", { by: "second" });
  const commit = await world.local.store.readCommit(merged);
  assert.deepEqual([commit.parents, commit.tree], [[world.genesis, head], answer.tree]);
  assert.deepEqual(parseMergeMessage(commit.message), { slug: "raise-limit", decision: decisionHash(answer.inputs, answer.decision), cid: answer.decision.cid });
  assert.deepEqual(verifyCommit((await world.local.store.read(merged))?.bytes ?? new Uint8Array())?.publicKey, keyNamed("second").publicKey);
});

test("decision: the files of a review by stock tools: notes and signed commits", async (t) => {
  const world = await governedWorld(t);
  const head = await world.propose("raise-limit", { "air/a.txt": "b\n" }, { by: "author" });
  await world.report(head, { by: "ctl" });
  await world.review("raise-limit", "approve", { by: "reviewer" });
  const signers = join(world.folder, "allowed_signers");
  await writeFile(signers, renderTrustSigners((await readRules(world.local.store, world.genesis)).trust));
  assert.match(await stockGit(world.folder, "notes", "--ref=aos-reviews-reviewer", "show", head), /^\{"v":1,.*"verdict":"approve"/);
  assert.match(await stockGit(world.folder, "notes", "--ref=aos-shadow", "show", head), /^## Shadow run\n\nNothing changes\.\n\naos-shadow 1 \{.*\}\nreport \{/);
  let judged = 0;
  for (const ref of ["refs/notes/aos-reviews-reviewer", "refs/notes/aos-shadow", "refs/heads/proposals/raise-limit"]) {
    const { code } = await stock("git", world.folder, ["-c", `gpg.ssh.allowedSignersFile=${signers}`, "verify-commit", ref]);
    assert.equal(code, 0, ref);
    judged++;
  }
  assert.equal(judged, 3);
  assert.equal(await stockGit(world.folder, "fsck", "--strict"), "");
});

test("decision: pushed again without a change of content: the approval is kept", async (t) => {
  const world = await governedWorld(t);
  const first = await world.propose("raise-limit", { "air/a.txt": "b\n" }, { by: "author" });
  await world.report(first, { by: "ctl" });
  await world.review("raise-limit", "approve", { by: "reviewer" });
  const again = await world.propose("raise-limit", { "air/a.txt": "b\n" }, { by: "author" });
  assert.notEqual(again, first);
  assert.deepEqual(refusals(await ask(world, "raise-limit")), ["no shadow report on this head", "0 of 1 approvals"]);
  await world.report(again, { by: "runner" });
  const answer = await ask(world, "raise-limit");
  assert.deepEqual(refusals(answer), []);
  assert.equal(answer.decision.counted[0]?.head, first);
});

test("decision: pushed again with other content, or with other consequences: the approval is void", async (t) => {
  const world = await governedWorld(t);
  const first = await world.propose("raise-limit", { "air/a.txt": "b\n" }, { by: "author" });
  await world.report(first, { by: "ctl" });
  await world.review("raise-limit", "approve", { by: "reviewer" });
  await world.report(first, { by: "ctl", consequences: "mail to everyone" });
  assert.deepEqual(refusals(await ask(world, "raise-limit")), ["0 of 1 approvals"]);
  const other = await world.propose("raise-limit", { "air/a.txt": "c\n" }, { by: "author" });
  await world.report(other, { by: "ctl" });
  const answer = await ask(world, "raise-limit");
  assert.deepEqual(refusals(answer), ["0 of 1 approvals"]);
  assert.match(answer.decision.ignored.map(({ principal, why }) => `${principal} ${why}`).join("\n"), /^reviewer has approved something else/);
});

test("decision: main moved since the report: reported and approved anew", async (t) => {
  const world = await governedWorld(t);
  const head = await world.propose("one", { "air/one.txt": "1\n" }, { by: "author" });
  await world.report(head, { by: "ctl" });
  await world.review("one", "approve", { by: "reviewer" });
  const other = await world.propose("two", { "air/two.txt": "2\n" }, { by: "author" });
  await world.report(other, { by: "ctl" });
  await world.review("two", "approve", { by: "reviewer" });
  await world.merge("two", { by: "ctl" });
  assert.deepEqual(refusals(await ask(world, "one")), [
    `no shadow report that counts on this head: it is about another merge result: main was at ${world.genesis.slice(0, 12)}`,
    "0 of 1 approvals",
  ]);
});

test("decision: the rules of the base judge, not those of the head", async (t) => {
  const world = await governedWorld(t);
  const head = await world.propose("free-for-all", { ".aos/policy.json": '{"version":1,"approvals":0,"shadow":"optional"}' }, { by: "helper" });
  await world.report(head, { by: "ctl" });
  await world.review("free-for-all", "approve", { by: "reviewer" });
  assert.deepEqual(refusals(await ask(world, "free-for-all")), ["1 of 2 approvals: reviewer (a change of .aos needs one more than the policy's 1)"]);
  await world.review("free-for-all", "approve", { by: "second" });
  assert.deepEqual(refusals(await ask(world, "free-for-all")), []);
});

const GOVERNANCE: readonly (readonly [string, Readonly<Record<string, string | null>>, RegExp])[] = [
  ["mixed with another file", { ".aos/policy.json": '{"version":1,"approvals":2,"shadow":"required"}', "air/a.txt": "b\n" }, /changes 1 file of \.aos together with 1 other file/],
  ["the trust file removed", { ".aos/trust.json": null }, /the new rules cannot stand: .*there is no \.aos\/trust\.json/],
  ["a policy that cannot be read", { ".aos/policy.json": "{}" }, /the new rules cannot stand: \.aos\/policy\.json:1:1: \/version: is missing/],
];

for (const [what, files, expected] of GOVERNANCE)
  test(`decision: a change of the rules: ${what}: refused`, async (t) => {
    const world = await governedWorld(t);
    await world.propose("rules", files, { by: "author" });
    assert.match(refusals(await ask(world, "rules")).join("\n"), expected);
  });

test("decision: conflicts, nothing new, unrelated histories, an unsigned commit: refused, and said why", async (t) => {
  const world = await governedWorld(t);
  const side = await world.commit({ parents: [world.genesis], files: { "air/a.txt": "main\n" }, by: "author" });
  await world.propose("conflict", { "air/a.txt": "other\n" }, { by: "author", from: world.genesis });
  const orphan = await world.commit({ parents: [], files: { "air/z.txt": "z\n" }, by: "author" });
  await world.setRef("refs/heads/proposals/orphan", orphan);
  await world.setRef("refs/heads/proposals/nothing", world.genesis);
  await world.propose("unsigned", { "air/u.txt": "u\n" }, { by: null });
  await world.setRef("refs/heads/main", side);
  assert.match(refusals(await ask(world, "conflict"))[0] ?? "", /^does not merge into main: conflicts in air\/a\.txt$/);
  assert.match(refusals(await ask(world, "orphan"))[0] ?? "", /^does not merge into main: it has no commit in common with main$/);
  assert.match(refusals(await ask(world, "nothing"))[0] ?? "", /^nothing to merge: main already has this head$/);
  assert.match(refusals(await ask(world, "unsigned"))[0] ?? "", /^commit [0-9a-f]{12} is not signed by a principal: its signature does not hold$/);
});

test("decision: a person's notes are damaged: refused; an agent's: not", async (t) => {
  const world = await governedWorld(t);
  const head = await world.propose("raise-limit", { "air/a.txt": "b\n" }, { by: "author" });
  await world.report(head, { by: "ctl" });
  await world.review("raise-limit", "approve", { by: "reviewer" });
  const { store } = world.local;
  const inner = treeObject([{ mode: "100644", name: head.slice(2), oid: parseOid("f".repeat(40)) }]);
  const tree = treeObject([{ mode: "40000", name: head.slice(0, 2), oid: inner.oid }]);
  await (await store.writePack([inner, tree])).release();
  const damaged = await world.commit({ parents: [], files: {}, by: "helper", tree: tree.oid });
  await world.setRef("refs/notes/aos-reviews-helper", damaged);
  assert.deepEqual(refusals(await ask(world, "raise-limit")), []);
  await world.setRef("refs/notes/aos-reviews-second", damaged);
  assert.deepEqual(refusals(await ask(world, "raise-limit")), ["the reviews of second cannot be read: their history is damaged (git.missing)"]);
});

test("decision: a name that is none: proposal.name", async (t) => {
  const world = await governedWorld(t);
  await assert.rejects(gatherDecision(world.local, { base: world.genesis, head: world.genesis, slug: "../main", world: world.world }), { code: "proposal.name" });
});

test("decision: hashes that the caller computed: a report with others does not count", async (t) => {
  const world = await governedWorld(t);
  const head = await world.propose("raise-limit", { "air/a.txt": "b\n" }, { by: "author" });
  await world.report(head, { by: "runner" });
  await world.review("raise-limit", "approve", { by: "reviewer" });
  const { decision } = await gatherDecision(world.local, {
    base: world.genesis, head, slug: "raise-limit", world: world.world, computed: { manifestHash: world.world, consequencesHash: world.world },
  });
  assert.deepEqual(decision.reasons.flatMap(({ holds, text }) => (holds ? [] : [text])), ["no shadow report that counts on this head: it names another manifest", "0 of 1 approvals"]);
});

test("decision: a CI that lies beside a controller: the controller's word counts", async (t) => {
  const world = await governedWorld(t);
  const head = await world.propose("raise-limit", { "air/a.txt": "b\n" }, { by: "author" });
  await world.report(head, { by: "ctl", consequences: "mail to everyone" });
  await world.report(head, { by: "runner", consequences: "none" });
  const { decision } = await ask(world, "raise-limit");
  assert.deepEqual(decision.ignored, [{ principal: "runner", why: "shadow report: it names other consequences" }]);
});

test("merge: a refused proposal: merge.refused with the reasons", async (t) => {
  const world = await governedWorld(t);
  await world.propose("raise-limit", { "air/a.txt": "b\n" }, { by: "author" });
  const answer = await ask(world, "raise-limit");
  await assert.rejects(
    mergeCommit(world.local, answer, { title: "x", key: keyNamed("ctl"), principal: "ctl", timeSeconds: 1 }),
    { code: "merge.refused", class: "refused", data: { reasons: ["no shadow report on this head", "0 of 1 approvals"] } },
  );
});

test("merge message: read again, and what is none", () => {
  const decision = `sha256:${"a".repeat(64)}`;
  const message = mergeMessage(parseMergeMessage(`x\n\nProposal: tidy\nDecision: ${decision}\nCid: ${decision}\n`) ?? assert.fail(), "Tidy\nProposal: other");
  assert.equal(message, `Merge proposal 'tidy': Tidy Proposal: other\n\nProposal: tidy\nDecision: ${decision}\nCid: ${decision}\n`);
  const none = ["", "Merge branch 'x'\n", message.replace("Cid", "Kid"), message.replace("Proposal: tidy\n", "Proposal: a/b\n"), `${message}Proposal: other\n`];
  assert.deepEqual(none.map(parseMergeMessage), none.map(() => undefined));
});
