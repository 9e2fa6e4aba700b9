import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { APPROVAL_NAMESPACE, approvalMessage, canonical, encodeRecord, hashValue, sshsigBytes, type ApprovalDecision, type Draft, type JournalRecord } from "@agentos/kernel";
import { generateKey } from "../git/keys.ts";
import type { SigningKey } from "../git/ed25519.ts";
import { publishedWorld, type PublishedWorld } from "../testing/published-world.ts";
import { flipped, tampering } from "../testing/tamper.ts";
import { openStore } from "../git/store.ts";
import { verifyPublished, type VerifyReport } from "./verify.ts";

let published: PublishedWorld;
before(async () => {
  published = await publishedWorld();
}, { timeout: 120_000 });
after(() => published.remove());

const INTENT = hashValue("the intent");
const OTHER = hashValue("another");
const STAMP = { now_ns: 1n, logical_ns: 1n, entropy: new Uint8Array(32) };
const WISH = {
  effect: "http.request", params: canonical(null), cap: "web", idempotency_key: new Uint8Array(32), grant: OTHER, enforcer: "sys/CapEnforceHttpOut@1", policy: "demo/p@1", origin: "reducer", by: "demo/R@1", cause: 0,
} as const;

interface Said {
  readonly key: SigningKey;
  readonly by: string;
  readonly decision?: ApprovalDecision;
  readonly reason?: string;
}

/** Verifies the published world with a seal more, of records made from the seq its first one has. No replay: the records follow from nothing. */
async function verifyWith(records: (first: number) => readonly Draft[]): Promise<VerifyReport> {
  const t = tampering(await published.copy(), published.world);
  await t.reseal((drafts) => {
    const first = drafts.reduce((sum, draft) => sum + draft.records.length, 0);
    const last = drafts.at(-1);
    assert.ok(last !== undefined);
    const bytes = records(first).map((draft, index) => encodeRecord({ ...draft, seq: first + index } as JournalRecord));
    return [...drafts, { ...last, files: new Map(), records: bytes, time: last.time + 1 }];
  });
  const store = openStore(t.folder);
  try {
    const repo = { gitDir: t.folder, commonDir: t.folder, workTree: undefined, bare: true, env: {} };
    return await verifyPublished({ repo, store, trust: published.world.trust, replay: undefined, mainRef: "refs/heads/main" });
  } finally {
    await store.close();
  }
}

const held = (intent = INTENT): Draft => ({ kind: "held", intent, rule: 0, ...WISH });
const intentOf = (approved: number, intent = INTENT): Draft => ({ kind: "intent", intent, ...WISH, approved });

function approval(heldSeq: number, { key, by, decision = "grant", reason }: Said, signed: { readonly intent?: typeof INTENT; readonly seq?: number } = {}): Draft<"approval"> {
  const why = reason === undefined ? {} : { reason };
  const message = approvalMessage({ world: published.world.trust, heldSeq: signed.seq ?? heldSeq, intent: signed.intent ?? INTENT, decision, ...why });
  return { kind: "approval", held_seq: heldSeq, decision, by, ...why, signer: key.publicKey, signature: key.sign(sshsigBytes(APPROVAL_NAMESPACE, message)), ...STAMP };
}

test("verify: approvals that hold: granted with a reason, denied, one withdrawn with its plan; counted", async () => {
  const { reviewer, author } = published.world.keys;
  const report = await verifyWith((first) => [
    held(), approval(first, { key: reviewer, by: "reviewer", reason: "fine" }), intentOf(first + 1),
    held(OTHER), approval(first + 3, { key: author, by: "author", decision: "deny" }, { intent: OTHER }),
    held(), { kind: "withdrawn", intent_seq: first + 5, cause: first },
  ]);
  assert.deepEqual(report.problems, []);
  assert.equal(report.checked.approvals, 2);
});

test("verify: approvals that were tampered with: table", async () => {
  const { reviewer, controller } = published.world.keys;
  const by = { key: reviewer, by: "reviewer" };
  const rows: readonly (readonly [name: string, records: (first: number) => readonly Draft[], code: string, says: RegExp])[] = [
    ["the decision turned round", (first) => [held(), { ...approval(first, { ...by, decision: "deny" }), decision: "grant" }], "approval.signature", /^approval seq \d+: its signature does not hold/],
    ["the reason changed", (first) => [held(), { ...approval(first, { ...by, reason: "no" }), reason: "yes" }], "approval.signature", /signature/],
    ["the reason taken out", (first) => [held(), approvalWithout(approval(first, { ...by, reason: "no" }))], "approval.signature", /signature/],
    ["a byte of the signature", (first) => [held(), { ...approval(first, by), signature: flipped(approval(first, by).signature, 5) }], "approval.signature", /signature/],
    ["a signature for another effect", (first) => [held(), approval(first, by, { intent: OTHER })], "approval.signature", /signature/],
    ["a signature for the same effect, held elsewhere", (first) => [held(), held(), approval(first + 1, by, { seq: first })], "approval.signature", /signature/],
    ["signed by the controller", (first) => [held(), approval(first, { key: controller, by: "controller" })], "approval.signer", /signed by controller, a controller: only a person/],
    ["signed by a stranger", (first) => [held(), approval(first, { key: generateKey("x").key, by: "reviewer" })], "approval.signer", /nobody's there/],
    ["in another person's name", (first) => [held(), approval(first, { key: reviewer, by: "author" })], "approval.signer", /signed by reviewer, not by author/],
    ["nothing is held there", (first) => [approval(first + 7, by)], "approval.held", /no effect is held at seq/],
    ["decided twice", (first) => [held(), approval(first, by), approval(first, by)], "approval.held", /no effect is held/],
    ["decided after its plan took it along", (first) => [held(), { kind: "withdrawn", intent_seq: first, cause: first }, approval(first, by)], "approval.held", /no effect is held/],
    ["a decision that is none", (first) => [held(), { ...approval(first, by), decision: "perhaps" }], "approval.decision", /"perhaps" is no decision/],
    ["an effect that names no approval", (first) => [held(), intentOf(first)], "approval.missing", /^intent seq \d+: no person granted it/],
    ["an effect that names a denial", (first) => [held(), approval(first, { ...by, decision: "deny" }), intentOf(first + 1)], "approval.missing", /no person granted it/],
    ["an effect that names the approval of another", (first) => [held(), approval(first, by), intentOf(first + 1, OTHER)], "approval.missing", /no person granted it/],
    ["one approval, two effects", (first) => [held(), approval(first, by), intentOf(first + 1), intentOf(first + 1)], "approval.missing", /no person granted it/],
  ];
  for (const [name, records, code, says] of rows) {
    const [first] = (await verifyWith(records)).problems;
    assert.equal(first?.code, code, `${name}: ${first?.message}`);
    assert.match(first.message, says, name);
    for (const place of ["seq", "commit", "file"] as const) assert.notEqual(first[place], undefined, `${name}: ${place} is named`);
  }
  assert.equal(rows.length, 17);
});

/** The same words and signature, without their reason. */
function approvalWithout(approval: Draft<"approval">): Draft<"approval"> {
  return Object.fromEntries(Object.entries(approval).filter(([field]) => field !== "reason")) as unknown as Draft<"approval">;
}
