import assert from "node:assert/strict";
import { test } from "node:test";
import { canonical, decode, hashValue, jsonOf, readJson, writeJson } from "@agentos/kernel";
import type { Json } from "@agentos/kernel";
import { parseOid } from "../git/objects.ts";
import type { Oid } from "../git/objects.ts";
import { cidOf, decide } from "./decision.ts";
import type { Decision, DecisionInputs, ShadowInput } from "./decision.ts";
import { decisionHash, decisionValue, deriveAgain } from "./decision-value.ts";
import { policyHash } from "./policy.ts";
import type { Policy } from "./policy.ts";
import type { ReviewVerdict } from "./review.ts";
import type { ReviewInput, TrustInput } from "./signer.ts";
import { RECORDED_DECISION } from "../testing/recorded-decision.ts";
import { keyId } from "./ssh-key.ts";
import type { KeyId } from "./ssh-key.ts";

const KEY_NAMES = ["author", "reviewer", "reviewer-2", "reviewer-old", "second", "helper", "runner", "ctl", "stranger"] as const;
type KeyName = (typeof KEY_NAMES)[number];
const KEYS = new Map<string, KeyId>(KEY_NAMES.map((name, index) => [name, keyId(new Uint8Array(32).fill(index + 1))]));

function keyOf(name: KeyName): KeyId {
  const found = KEYS.get(name);
  assert.ok(found !== undefined);
  return found;
}

const TRUST: TrustInput = {
  hash: hashValue("trust"),
  principals: [
    { name: "author", kind: "person", keys: [keyOf("author")] },
    { name: "ctl", kind: "controller", keys: [keyOf("ctl")] },
    { name: "helper", kind: "agent", keys: [keyOf("helper")] },
    { name: "reviewer", kind: "person", keys: [keyOf("reviewer"), keyOf("reviewer-2"), keyOf("reviewer-old")] },
    { name: "runner", kind: "ci", keys: [keyOf("runner")] },
    { name: "second", kind: "person", keys: [keyOf("second")] },
  ],
  retired: [{ key: keyOf("reviewer-old"), principal: "reviewer", fromSeq: 40 }],
};

const ALONE: TrustInput = { ...TRUST, principals: TRUST.principals.filter(({ kind, name }) => kind !== "person" || name === "author"), retired: [] };

const oid = (digit: string): Oid => parseOid(digit.repeat(40));
const WORLD = hashValue("world");
const HEAD = oid("2");
const BASE = oid("1");
const TREE = oid("3");
const POLICY: Policy = { version: 1, approvals: 1, shadow: "required" };
const MANIFEST = hashValue("manifest");
const CONSEQUENCES = hashValue("consequences");

function cidUnder(policy: Policy): ReturnType<typeof cidOf> {
  return cidOf({ policyHash: policyHash(policy), tree: TREE, manifestHash: MANIFEST, consequencesHash: CONSEQUENCES });
}

function shadowBy(key: KeyName, change: Partial<ShadowInput["claim"]> = {}): ShadowInput {
  const claim = { v: 1 as const, world: WORLD, head: HEAD, base: BASE, tree: TREE, policy: policyHash(POLICY), manifest: MANIFEST, consequences: CONSEQUENCES, report: hashValue("report"), ...change };
  return { claim, key: keyOf(key), sig: "AAAA" };
}

/**
 * Reads a history, one review a row: `<key> <verdict> [option…]`. Options: `older` (seen on another head), `cid=other`,
 * `world=other`, `unsigned`, `notes=<principal>`, `commit=<key>`, `proposal=<slug>`, `at=<time>`.
 */
function history(rows: readonly string[], policy: Policy): readonly ReviewInput[] {
  return rows.map((row, index) => {
    const [key = "", verdict = "", ...words] = row.split(" ");
    assert.ok(KEYS.has(key), `${key} is a key`);
    const option = (name: string): string | undefined => words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
    return {
      review: {
        v: 1,
        world: option("world") === undefined ? WORLD : hashValue("another world"),
        proposal: option("proposal") ?? "raise-limit",
        head: words.includes("older") ? oid("9") : HEAD,
        verdict: verdict as ReviewVerdict,
        cid: option("cid") === undefined ? cidUnder(policy) : hashValue("another cid"),
        message: "",
        time: Number(option("at") ?? index + 1),
      },
      key: words.includes("unsigned") ? null : keyOf(key as KeyName),
      sig: "AAAA",
      notes: option("notes") ?? key.replace(/-.*/, ""),
      commit: oid("7"),
      commitKey: keyOf((option("commit") ?? key) as KeyName),
    };
  });
}

function inputs(change: Partial<DecisionInputs> = {}): DecisionInputs {
  return {
    world: WORLD,
    proposal: "raise-limit",
    base: BASE,
    head: HEAD,
    tree: TREE,
    mergeProblem: null,
    policy: POLICY,
    trust: TRUST,
    commits: [{ commit: HEAD, key: keyOf("author") }],
    changed: { governance: 0, other: 2 },
    rulesProblem: null,
    manifestHash: MANIFEST,
    consequencesHash: CONSEQUENCES,
    shadows: [shadowBy("ctl")],
    reviews: [],
    unreadable: [],
    ...change,
  };
}

/** Decides twice, from inputs that nobody can change, and once more from the record: the same each time. */
function checkedDecide(given: DecisionInputs): Decision {
  freeze(given);
  const decision = decide(given);
  assert.deepEqual(decide(given), decision);
  assert.deepEqual(deriveAgain(decode(canonical(decisionValue(given, decision)))), decision);
  assert.deepEqual(deriveAgain(readJson(writeJson(decisionValue(given, decision) as Json), "record").json), decision);
  return decision;
}

function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const member of Object.values(value)) freeze(member);
}

function refusals(decision: Decision): readonly string[] {
  return decision.reasons.flatMap(({ holds, text }) => (holds ? [] : [text]));
}

/** A history of reviews, and why the proposal is refused: nothing means approved. */
const HISTORIES: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["nothing", [], ["0 of 1 approvals"]],
  ["an approval", ["reviewer approve"], []],
  ["approve, then request changes", ["reviewer approve", "reviewer request-changes"], ["reviewer asks for changes", "0 of 1 approvals"]],
  ["request changes, then approve", ["reviewer request-changes", "reviewer approve"], []],
  ["approve, then comment", ["reviewer approve", "reviewer comment"], []],
  ["a comment alone", ["reviewer comment"], ["0 of 1 approvals"]],
  ["approve, then dismissed", ["reviewer approve", "reviewer dismiss"], ["0 of 1 approvals"]],
  ["request changes dismissed: no opinion, the approval before does not come back", ["reviewer approve", "reviewer request-changes", "reviewer dismiss"], ["0 of 1 approvals"]],
  ["request changes dismissed, another approves", ["reviewer request-changes", "reviewer dismiss", "second approve"], []],
  ["one approves, another asks for changes", ["reviewer approve", "second request-changes"], ["second asks for changes"]],
  ["an approval on an older head with the same content", ["reviewer approve older"], []],
  ["an approval of other content", ["reviewer approve cid=other"], ["0 of 1 approvals"]],
  ["an approval on an older head of other content", ["reviewer approve older cid=other"], ["0 of 1 approvals"]],
  ["approved, then other content approved: the last word counts", ["reviewer approve", "reviewer approve older cid=other"], ["0 of 1 approvals"]],
  ["changes asked for on an older head stand", ["reviewer request-changes older cid=other", "second approve"], ["reviewer asks for changes"]],
  ["changes asked for under another name, of the same head", ["reviewer request-changes proposal=other", "second approve"], ["reviewer asks for changes"]],
  ["changes asked for under another name, of the same content", ["reviewer request-changes older proposal=other", "second approve"], ["reviewer asks for changes"]],
  ["another proposal's objection does not concern this one", ["reviewer request-changes older cid=other proposal=other", "second approve"], []],
  ["the author's own approval", ["author approve"], ["0 of 1 approvals"]],
  ["the author asks for changes: weighs nothing either", ["author request-changes", "reviewer approve"], []],
  ["an agent's approval", ["helper approve"], ["0 of 1 approvals"]],
  ["an agent asks for changes: weighs nothing", ["helper request-changes", "reviewer approve"], []],
  ["a CI's approval", ["runner approve"], ["0 of 1 approvals"]],
  ["a controller's approval", ["ctl approve"], ["0 of 1 approvals"]],
  ["a retired key's approval", ["reviewer-old approve"], ["0 of 1 approvals"]],
  ["an approval by a person's second key", ["reviewer-2 approve"], []],
  ["two keys of one person: one opinion, the last", ["reviewer approve", "reviewer-2 request-changes"], ["reviewer asks for changes", "0 of 1 approvals"]],
  ["an unknown key's approval", ["stranger approve"], ["0 of 1 approvals"]],
  ["an unknown key in a person's notes", ["stranger approve notes=reviewer"], ["0 of 1 approvals"]],
  ["a person's review in another's notes", ["second approve notes=reviewer"], ["0 of 1 approvals"]],
  ["a signature that does not hold", ["reviewer approve unsigned"], ["0 of 1 approvals"]],
  ["a signed review put there by another", ["reviewer approve commit=second"], ["0 of 1 approvals"]],
  ["an objection taken from a commit that its person did not sign", ["reviewer request-changes commit=stranger", "second approve"], []],
  ["a review made in another world", ["reviewer approve world=other"], ["0 of 1 approvals"]],
  ["out of order, by time", ["reviewer request-changes at=9", "reviewer approve at=3"], ["reviewer asks for changes", "0 of 1 approvals"]],
];

assert.ok(HISTORIES.length >= 25);
for (const [what, rows, expected] of HISTORIES)
  test(`decide: ${what}: ${expected.length === 0 ? "approved" : expected.join("; ")}`, () => {
    const decision = checkedDecide(inputs({ reviews: history(rows, POLICY) }));
    assert.deepEqual(refusals(decision), expected);
    assert.equal(decision.verdict, expected.length === 0 ? "approved" : "refused");
  });

const approved = history(["reviewer approve"], POLICY);
const TWO: Policy = { ...POLICY, approvals: 2 };
const NONE: Policy = { ...POLICY, approvals: 0 };
const FREE: Policy = { ...POLICY, shadow: "optional" };
const shadowUnder = (policy: Policy): readonly ShadowInput[] => [shadowBy("ctl", { policy: policyHash(policy) })];

const SITUATIONS: readonly (readonly [string, Partial<DecisionInputs>, readonly string[]])[] = [
  ["two needed, one given", { policy: TWO, shadows: shadowUnder(TWO), reviews: history(["reviewer approve"], TWO) }, ["1 of 2 approvals: reviewer"]],
  ["two needed, two keys of one person", { policy: TWO, shadows: shadowUnder(TWO), reviews: history(["reviewer approve", "reviewer-2 approve"], TWO) }, ["1 of 2 approvals: reviewer"]],
  ["two needed, two given", { policy: TWO, shadows: shadowUnder(TWO), reviews: history(["second approve", "reviewer approve"], TWO) }, []],
  ["threshold 0", { policy: NONE, shadows: shadowUnder(NONE) }, []],
  ["threshold 0, but changes asked for", { policy: NONE, shadows: shadowUnder(NONE), reviews: history(["reviewer request-changes"], NONE) }, ["reviewer asks for changes"]],
  ["an approval under another policy", { policy: NONE, shadows: shadowUnder(NONE), reviews: history(["reviewer approve"], POLICY), changed: { governance: 1, other: 0 } }, ["0 of 1 approvals (a change of .aos needs one more than the policy's 0)"]],
  ["no shadow report", { shadows: [], reviews: approved }, ["no shadow report on this head"]],
  ["a shadow report by CI", { shadows: [shadowBy("runner")], reviews: approved }, []],
  ["a shadow report by a person", { shadows: [shadowBy("reviewer")], reviews: approved }, ["no shadow report that counts on this head: it is signed by reviewer, a person: only a controller or CI reports"]],
  ["a shadow report by an agent", { shadows: [shadowBy("helper")], reviews: approved }, ["no shadow report that counts on this head: it is signed by helper, an agent: only a controller or CI reports"]],
  ["a shadow report by a stranger", { shadows: [shadowBy("stranger")], reviews: approved }, [`no shadow report that counts on this head: it is signed by a key that nobody here has (${keyOf("stranger")})`]],
  ["a shadow report with a false signature", { shadows: [{ ...shadowBy("ctl"), key: null }], reviews: approved }, ["no shadow report that counts on this head: its signature does not hold"]],
  ["a shadow report for other consequences", { shadows: [shadowBy("ctl", { consequences: hashValue("others") })], reviews: approved }, ["no shadow report that counts on this head: it names other consequences"]],
  ["a shadow report for another manifest", { shadows: [shadowBy("ctl", { manifest: hashValue("others") })], reviews: approved }, ["no shadow report that counts on this head: it names another manifest"]],
  ["a shadow report for another head", { shadows: [shadowBy("ctl", { head: oid("8") })], reviews: approved }, ["no shadow report that counts on this head: it is about another head, 888888888888"]],
  ["a shadow report for another merge result", { shadows: [shadowBy("ctl", { tree: oid("8"), base: oid("5") })], reviews: approved }, ["no shadow report that counts on this head: it is about another merge result: main was at 555555555555"]],
  ["a shadow report from another world", { shadows: [shadowBy("ctl", { world: hashValue("others") })], reviews: approved }, ["no shadow report that counts on this head: it is about another world"]],
  ["a shadow report under another policy", { shadows: [shadowBy("ctl", { policy: policyHash(TWO) })], reviews: approved }, ["no shadow report that counts on this head: it is about another policy"]],
  ["a bad report beside a good one", { shadows: [shadowBy("reviewer"), shadowBy("runner")], reviews: approved }, []],
  ["a shadow report is optional", { policy: FREE, shadows: [], reviews: history(["reviewer approve"], FREE) }, []],
  ["an unsigned commit", { commits: [{ commit: oid("4"), key: null }, { commit: HEAD, key: keyOf("author") }], reviews: approved }, ["commit 444444444444 is not signed by a principal: its signature does not hold"]],
  ["a commit by a stranger", { commits: [{ commit: HEAD, key: keyOf("stranger") }], reviews: approved }, [`commit 222222222222 is not signed by a principal: it is signed by a key that nobody here has (${keyOf("stranger")})`]],
  ["a commit by a retired key", { commits: [{ commit: HEAD, key: keyOf("reviewer-old") }], reviews: history(["second approve"], POLICY) }, [`commit 222222222222 is not signed by a principal: it is signed by a retired key of reviewer (${keyOf("reviewer-old")})`]],
  ["the reviewer added a commit: an author now", { commits: [{ commit: oid("4"), key: keyOf("author") }, { commit: HEAD, key: keyOf("reviewer") }], reviews: approved }, ["0 of 1 approvals"]],
  ["an agent's proposal, approved by a person", { commits: [{ commit: HEAD, key: keyOf("helper") }], reviews: approved }, []],
  ["nothing to merge", { commits: [], reviews: approved }, ["nothing to merge: main already has this head"]],
  ["conflicts", { tree: null, mergeProblem: "conflicts in a.txt", reviews: approved, shadows: [] }, ["does not merge into main: conflicts in a.txt", "no shadow report on this head", "0 of 1 approvals"]],
  ["a change of the rules, one approval", { changed: { governance: 1, other: 0 }, reviews: approved }, ["1 of 2 approvals: reviewer (a change of .aos needs one more than the policy's 1)"]],
  ["a change of the rules by the only person there is", { trust: ALONE, policy: NONE, shadows: shadowUnder(NONE), changed: { governance: 1, other: 0 } }, []],
  ["a change of the rules, two approvals", { changed: { governance: 2, other: 0 }, reviews: history(["reviewer approve", "second approve"], POLICY) }, []],
  ["a change of the rules with other files", { changed: { governance: 1, other: 3 }, reviews: history(["reviewer approve", "second approve"], POLICY) }, ["changes 1 file of .aos together with 3 other files: a change of the rules stands alone"]],
  ["rules that nobody could read", { changed: { governance: 1, other: 0 }, rulesProblem: ".aos/trust.json is missing", reviews: history(["reviewer approve", "second approve"], POLICY) }, ["the new rules cannot stand: .aos/trust.json is missing"]],
  ["a person's notes cannot be read", { unreadable: [{ notes: "second", why: "a tree is damaged" }], reviews: approved }, ["the reviews of second cannot be read: a tree is damaged"]],
  ["an agent's notes cannot be read", { unreadable: [{ notes: "helper", why: "a tree is damaged" }], reviews: approved }, []],
];

for (const [what, change, expected] of SITUATIONS)
  test(`decide: ${what}: ${expected.length === 0 ? "approved" : "refused"}`, () => {
    const decision = checkedDecide(inputs(change));
    assert.deepEqual(refusals(decision), expected);
    assert.equal(decision.verdict, expected.length === 0 ? "approved" : "refused");
  });

test("decide: the controller's notes cannot be read: an objection may be lost where persons review from accounts on a forge, and nowhere else", () => {
  const unreadable = [{ notes: "ctl", why: "a tree is damaged" }];
  const withAccount = (whose: string): TrustInput => ({ ...TRUST, principals: TRUST.principals.map((each) => (each.name === whose ? { ...each, github: 103 } : each)) });
  const rows: readonly (readonly [TrustInput, readonly string[]])[] = [[TRUST, []], [withAccount("helper"), []], [withAccount("second"), ["the reviews of ctl cannot be read: a tree is damaged"]]];
  for (const [trust, expected] of rows) assert.deepEqual(refusals(checkedDecide(inputs({ trust, unreadable, reviews: approved }))), expected);
  assert.equal(rows.length, 3);
});

/** The first so many of author, reviewer and second; "reviewer-gone" is a reviewer whose keys are all retired. */
function worldOf(persons: readonly string[]): TrustInput {
  const gone = persons.includes("reviewer-gone");
  const keys = (["reviewer", "reviewer-2"] as const).map((name) => ({ key: keyOf(name), principal: "reviewer", fromSeq: 1 }));
  const kept = TRUST.principals.filter(({ name, kind }) => kind !== "person" || persons.includes(name) || (gone && name === "reviewer"));
  return { ...TRUST, principals: kept, retired: [...TRUST.retired, ...(gone ? keys : [])] };
}
const AUTHOR = { commit: HEAD, key: keyOf("author") };
const AGENT = { commit: HEAD, key: keyOf("helper") };
const OLD_OF_REVIEWER = { commit: oid("4"), key: keyOf("reviewer") };
const EVERYBODY = "(a change of .aos needs every person but the one who signed its head)";
const ONE_MORE = "(a change of .aos needs one more than the policy's 1)";

/** Persons, signed commits, reviews, how many must approve, and what is missing. */
const RULES_CHANGED: readonly (readonly [string, readonly string[], DecisionInputs["commits"], readonly string[], number, readonly string[]])[] = [
  ["one person's own", ["author"], [AUTHOR], ["author approve"], 1, ["0 of 1 approvals"]],
  ["one person, an agent's", ["author"], [AGENT], ["author approve"], 1, []],
  ["two persons, one's own", ["author", "reviewer"], [AUTHOR], ["author approve"], 1, [`0 of 1 approvals ${EVERYBODY}`]],
  ["two persons, and the other approves", ["author", "reviewer"], [AUTHOR], ["reviewer approve"], 1, []],
  ["two persons, and the other asks for changes", ["author", "reviewer"], [AUTHOR], ["reviewer request-changes"], 1, ["reviewer asks for changes", `0 of 1 approvals ${EVERYBODY}`]],
  ["two persons, an agent's, one approves", ["author", "reviewer"], [AGENT], ["reviewer approve"], 2, [`1 of 2 approvals: reviewer ${ONE_MORE}`]],
  ["two persons, an agent's, both approve", ["author", "reviewer"], [AGENT], ["author approve", "reviewer approve"], 2, []],
  ["two persons, an agent's on an old commit of the other's", ["author", "reviewer"], [OLD_OF_REVIEWER, AGENT], ["author approve", "reviewer approve"], 2, [`1 of 2 approvals: author ${ONE_MORE}`]],
  ["two persons, one's on an old commit of the other's", ["author", "reviewer"], [OLD_OF_REVIEWER, AUTHOR], ["reviewer approve"], 1, [`0 of 1 approvals ${EVERYBODY}`]],
  ["two persons, one of them without a key in force", ["author", "reviewer-gone"], [AUTHOR], ["reviewer approve"], 1, [`0 of 1 approvals ${EVERYBODY}`]],
  ["three persons, one approves", ["author", "reviewer", "second"], [AUTHOR], ["reviewer approve"], 2, [`1 of 2 approvals: reviewer ${ONE_MORE}`]],
  ["three persons, two approve", ["author", "reviewer", "second"], [AUTHOR], ["reviewer approve", "second approve"], 2, []],
  ["three persons, one's on an old commit of another's, the third approves", ["author", "reviewer", "second"], [OLD_OF_REVIEWER, AUTHOR], ["reviewer approve", "second approve"], 2, [`1 of 2 approvals: second ${ONE_MORE}`]],
  ["three persons, one of them without a key in force", ["author", "reviewer-gone", "second"], [AUTHOR], ["second approve"], 1, []],
];
test("decide: a change of the rules, by how many persons there are: nobody alone, everybody at most", () => {
  let rows = 0;
  for (const [what, persons, commits, reviews, required, expected] of RULES_CHANGED) {
    const decision = checkedDecide(inputs({ trust: worldOf(persons), commits, reviews: history(reviews, POLICY), changed: { governance: 1, other: 0 } }));
    assert.deepEqual([refusals(decision), decision.required], [expected, required], what);
    rows++;
  }
  assert.equal(rows, 14);
});

test("decide: an approved proposal: its reasons read as sentences", () => {
  const decision = checkedDecide(inputs({ reviews: history(["helper approve", "author comment", "reviewer approve", "second comment"], POLICY) }));
  assert.deepEqual(decision.reasons.map(({ text }) => text), [
    "1 commit signed by author",
    "merges into main without conflicts",
    "shadow report by ctl",
    "nobody asks for changes",
    "1 of 1 approvals: reviewer",
  ]);
  assert.deepEqual(decision.counted, [{ principal: "reviewer", head: HEAD, time: 3 }]);
  assert.deepEqual(decision.ignored, [
    { principal: "helper", why: "is an agent, whose review weighs nothing" },
    { principal: "author", why: "is an author of the proposal" },
    { principal: "second", why: "has only commented" },
  ]);
  assert.deepEqual(decision.authors, ["author"]);
  assert.equal(decision.cid, cidUnder(POLICY));
});

test("cid: every part: another part, another cid", () => {
  const parts = { policyHash: policyHash(POLICY), tree: TREE, manifestHash: MANIFEST, consequencesHash: CONSEQUENCES };
  const others = [{ ...parts, policyHash: policyHash(TWO) }, { ...parts, tree: HEAD }, { ...parts, manifestHash: null }, { ...parts, consequencesHash: MANIFEST }];
  const cids = new Set([parts, ...others].map(cidOf));
  assert.equal(cids.size, 5);
  assert.equal(cidOf(parts), hashValue(jsonOf(parts)));
});

test("decision value: changed after it was recorded: decision.differs", () => {
  const given = inputs({ reviews: approved });
  const decision = decide(given);
  const strange: readonly (readonly [string, DecisionInputs, Decision])[] = [
    ["another verdict", given, { ...decision, verdict: "refused" }],
    ["another approver", given, { ...decision, counted: [] }],
    ["another cid", given, { ...decision, cid: hashValue("x") }],
    ["another sentence", given, { ...decision, reasons: decision.reasons.map((reason) => ({ ...reason, text: `${reason.text}!` })) }],
    ["a review taken out", { ...given, reviews: [] }, decision],
    ["another policy", { ...given, policy: TWO }, decision],
    ["a reviewer who is an agent", { ...given, trust: { ...TRUST, principals: TRUST.principals.map((one) => ({ ...one, kind: "agent" as const })) } }, decision],
  ];
  let differing = 0;
  for (const [what, wrongInputs, wrongDecision] of strange) {
    assert.throws(() => deriveAgain(decisionValue(wrongInputs, wrongDecision)), { code: "decision.differs", class: "unverified" }, what);
    differing++;
  }
  assert.equal(differing, 7);
});

test("decision value: not a record: decision.invalid", () => {
  const good = jsonOf(decisionValue(inputs(), decide(inputs()))) as ReadonlyMap<string, Json>;
  const bad: readonly unknown[] = [null, {}, { v: 2 }, new Map<string, unknown>([...good, ["v", 2]]), new Map<string, unknown>([...good, ["extra", true]]), new Map<string, unknown>([...good, ["inputs", {}]])];
  let refused = 0;
  for (const value of bad) {
    assert.throws(() => deriveAgain(value), { code: "decision.invalid" });
    refused++;
  }
  assert.equal(refused, 6);
});

test("decision value: its hash: of inputs and decision", () => {
  const given = inputs({ reviews: approved });
  assert.equal(decisionHash(given, decide(given)), hashValue(decisionValue(given, decide(given))));
  assert.notEqual(decisionHash(given, decide(given)), decisionHash(inputs(), decide(inputs())));
});

/** All rows above as one hash, made by the code that knew neither rules, windows nor kept approvals. */
const RECORDED_THEN = "sha256:40df2f8d98f9924522a9e1ff1af5c1d2cb07ec225ec8b8ca14914583cc6c269a";

test("decision value: recorded before policies had rules: the same inputs give the same words for ever", () => {
  const recorded = [...HISTORIES.map(([, rows]) => inputs({ reviews: history(rows, POLICY) })), ...SITUATIONS.map(([, change]) => inputs(change))];
  assert.equal(recorded.length, 69);
  assert.equal(hashValue(recorded.map((given) => decisionHash(given, decide(given)))), RECORDED_THEN);
  assert.deepEqual(deriveAgain(readJson(RECORDED_DECISION, "record").json).counted.map(({ principal }) => principal), ["reviewer", "second"]);
});
