import assert from "node:assert/strict";
import { test } from "node:test";
import { hashValue } from "@agentos/kernel";
import { parseOid } from "../git/objects.ts";
import { reportFacts } from "../forge/report-facts.ts";
import { reportOf, type Brings } from "../testing/brings.ts";
import { cidOfClaim, decide, type Carried, type DecisionInputs, type FileChange, type ShadowClaim } from "./decision.ts";
import { fits } from "./glob.ts";
import { applies, judgeWindow, windowOpens } from "./judge-policy.ts";
import { DEFAULT_POLICY, policyHash, type Policy, type When } from "./policy.ts";
import { simulate, underPolicy } from "./simulate.ts";
import type { Review } from "./review.ts";
import { keyId, type KeyId } from "./ssh-key.ts";

const key = (index: number): KeyId => keyId(new Uint8Array(32).fill(index));
const [AUTHOR, REVIEWER, HELPER, RUNNER, CTL] = [key(1), key(2), key(3), key(4), key(5)];
const WORLD = hashValue("world");
const [BASE, HEAD, TREE, OLD_HEAD, OLD_TREE] = ["1", "2", "3", "4", "5"].map((digit) => parseOid(digit.repeat(40))) as [never, never, never, never, never];
const FILE: FileChange = { path: "air/a.txt", now: `100644 ${"a".repeat(40)}` };
const MORE: FileChange = { path: "air/b.txt", now: `100644 ${"b".repeat(40)}` };

interface Given {
  readonly brings?: Brings | null;
  readonly policy?: Policy;
  readonly change?: Partial<DecisionInputs>;
}

function inputs({ brings = {}, policy = DEFAULT_POLICY, change = {} }: Given = {}): DecisionInputs {
  const made = reportOf(brings ?? {});
  const facts = reportFacts(made.report, made.consequences);
  assert.ok(facts !== undefined);
  const manifest = hashValue("manifest");
  const claim: ShadowClaim = { v: 1, world: WORLD, head: HEAD, base: BASE, tree: TREE, policy: policyHash(policy), manifest, consequences: made.consequences, report: facts.run.report };
  return {
    world: WORLD, proposal: "raise-limit", base: BASE, head: HEAD, tree: TREE, mergeProblem: null, policy,
    trust: {
      hash: hashValue("trust"), retired: [],
      principals: [
        { name: "author", kind: "person", keys: [AUTHOR] }, { name: "ctl", kind: "controller", keys: [CTL] }, { name: "helper", kind: "agent", keys: [HELPER] },
        { name: "reviewer", kind: "person", keys: [REVIEWER] }, { name: "runner", kind: "ci", keys: [RUNNER] },
      ],
    },
    commits: [{ commit: HEAD, key: AUTHOR }], changed: { governance: 0, other: 1 }, changes: [FILE], rulesProblem: null, manifestHash: manifest, consequencesHash: made.consequences,
    consequences: brings === null ? null : facts.consequences, run: brings === null ? null : facts.run, shadows: [{ claim, key: CTL, sig: "AAAA" }], reviews: [], unreadable: [], ...change,
  };
}

const PATTERNS: readonly (readonly [string, string, boolean])[] = [
  ["*", "", true], ["*", "anything", true], ["", "", true], ["", "x", false], ["a", "a", true], ["a", "ab", false], ["a*", "a", true], ["a*b", "ab", true], ["a*b", "axxb", true], ["a*b", "a", false],
  ["aa*aa", "aaa", false], ["*x*x*", "xx", true], ["*x*x*", "x", false], ["*.json", ".aos/policy.json", true], ["a*b*c", "aXbXbYc", true], ["a*bc*c", "abc", false], ["*a", "aab", false], ["a.c", "abc", false],
];
test("glob: a star is any text, everything else itself", () => {
  for (const [pattern, text, expected] of PATTERNS) assert.equal(fits(pattern, text), expected, `${pattern} ${text}`);
  assert.equal(fits(`${"*a".repeat(240)}b`, "a".repeat(50_000)), false);
  assert.equal(PATTERNS.length, 18);
});

const PAY = "http.request POST https://pay.test";
/** A condition; a proposal it holds for, and what is then said; one it does not hold for. */
const CONDITIONS: readonly (readonly [When, Given, string, Given])[] = [
  [{}, {}, "", {}],
  [{ kinds: ["defplan", "defcap"] }, { brings: { changes: ["defcap demo/web@1"] } }, "changes demo/web@1", { brings: { changes: ["defschema demo/s@1"] } }],
  [{ names: ["demo/pay*"] }, { brings: { changes: ["defplan demo/pay-all@1"] } }, "changes demo/pay-all@1", { brings: { changes: ["defplan demo/mail@1"] } }],
  [{ kinds: ["defplan"], names: ["demo/pay*"] }, { brings: { changes: ["defplan demo/pay@1"] } }, "changes demo/pay@1", { brings: { changes: ["defplan demo/mail@1", "defcap demo/pay@1"] } }],
  [{ authority: "widening" }, { brings: { widens: ["grant `g`: more"] } }, "widens grant `g`", { brings: { narrows: ["grant `g`: less"] } }],
  [{ authority: "narrowing" }, { brings: { narrows: ["grant `g`: less"] } }, "narrows grant `g`", { brings: { widens: ["grant `g`: more"] } }],
  [{ widens: ["*budget*"] }, { brings: { widens: ["grant `g`: its budget grew"] } }, "widens grant `g`: its budget grew", { brings: { widens: ["grant `g`: a host"], narrows: ["grant `g`: budget"] } }],
  [{ effects_added: ["http.request POST *"] }, { brings: { adds: [PAY] } }, `adds ${PAY}`, { brings: { removes: [PAY], denies: [PAY] } }],
  [{ effects_removed: ["*pay*"] }, { brings: { removes: [PAY] } }, `takes away ${PAY}`, { brings: { adds: [PAY] } }],
  [{ effects_denied: ["*pay*"] }, { brings: { denies: [PAY] } }, `is denied ${PAY}`, { brings: { adds: [PAY] } }],
  [{ migrations: true }, { brings: { misfits: ["demo/Counter@1"] } }, "migrates cells of demo/Counter@1", {}],
  [{ proposer: "agent" }, { change: { commits: [{ commit: HEAD, key: HELPER }] } }, "proposed by an agent", {}],
  [{ proposer: "agent" }, { change: { proposal: "agent/helper/raise-limit" } }, "proposed by an agent", {}],
  [{ proposer: "person" }, {}, "proposed by a person", { change: { commits: [{ commit: HEAD, key: AUTHOR }, { commit: HEAD, key: HELPER }] } }],
  [{ governance: true }, { change: { changed: { governance: 1, other: 0 } } }, "changes .aos", {}],
  [{ files: ["docs/*", "air/a*"] }, {}, "changes air/a.txt", { change: { changes: [MORE] } }],
  [{ files: ["docs/*"] }, { change: { changes: null } }, "changes too many files to list", {}],
  [{ proposer: "person", effects_added: ["*"] }, { brings: { adds: [PAY] } }, `proposed by a person; adds ${PAY}`, { brings: { adds: [PAY] }, change: { proposal: "agent/helper/x" } }],
];
test("policy rules: each condition: holds, and does not", () => {
  for (const [when, holds, because, not] of CONDITIONS) {
    const found = applies(inputs(holds), when);
    assert.ok(typeof found === "object", JSON.stringify(when));
    assert.equal(found.because.join("; "), because);
    if (Object.keys(when).length > 0) assert.equal(applies(inputs(not), when), "no", JSON.stringify(when));
  }
  assert.equal(CONDITIONS.length, 18);
});

test("policy rules: nobody says what it brings: what asks for it cannot be judged, so it is refused; what does not, is", () => {
  const unknown: readonly When[] = [{ kinds: ["defplan"] }, { names: ["*"] }, { authority: "widening" }, { widens: ["*"] }, { effects_added: ["*"] }, { effects_removed: ["*"] }, { effects_denied: ["*"] }, { migrations: true }];
  for (const when of unknown) {
    assert.equal(applies(inputs({ brings: null }), when), "unknown");
    assert.equal(applies(inputs({ brings: null }), { ...when, governance: true }), "no");
    const rules = [{ name: "ours", when, require: { approvals: 0 } }];
    const { reasons } = decide(inputs({ brings: null, policy: { ...DEFAULT_POLICY, shadow: "optional", rules } }));
    assert.deepEqual(reasons.filter(({ rule }) => rule === "policy"), [{ rule: "policy", name: "ours", holds: false, text: "rule ours cannot be judged: no shadow report that counts says what the proposal brings" }]);
  }
  const other = inputs({ brings: { adds: [PAY] }, change: { consequences: new Map() } });
  assert.equal(applies(other, { effects_added: ["*"] }), "unknown", "a value that is not the one named by hash says nothing");
  assert.equal(unknown.length, 8);
});

test("policy: widening asked for and no report: whether more becomes possible cannot be told, so it is refused", () => {
  const policy: Policy = { ...DEFAULT_POLICY, shadow: "optional", widening: { approvals: 2, alone: true } };
  const { reasons, required } = decide(inputs({ brings: null, policy }));
  assert.deepEqual([reasons.filter(({ rule }) => rule === "widening").map(({ holds }) => holds), required], [[false], 2]);
});

const WINDOWS: readonly (readonly [string, boolean])[] = [
  ["2026-01-05T08:00:00Z", true], ["2026-01-05T07:59:59Z", false], ["2026-01-05T16:59:59Z", true], ["2026-01-05T17:00:00Z", false], ["2026-01-04T12:00:00Z", false],
  ["2026-01-03T23:59:59Z", true], ["2026-01-04T00:00:00Z", false], ["1970-01-01T12:00:00Z", false], ["1970-01-03T22:00:00Z", true],
];
test("policy windows: when they open next: now, later today, on another day, a week from now", () => {
  const windows = [{ days: ["mon", "tue"], from: "08:00", to: "17:00" }, { days: ["sat"], from: "22:00", to: "24:00" }] as const;
  const at = (text: string): number => Date.parse(`${text}:00Z`) / 1000;
  // 2024-05-06 is a Monday.
  const rows: readonly (readonly [string, string])[] = [
    ["2024-05-06T07:59", "2024-05-06T08:00"], ["2024-05-06T08:00", "2024-05-06T08:00"], ["2024-05-06T16:59", "2024-05-06T16:59"], ["2024-05-06T17:00", "2024-05-07T08:00"],
    ["2024-05-07T17:00", "2024-05-11T22:00"], ["2024-05-11T23:59", "2024-05-11T23:59"], ["2024-05-12T00:00", "2024-05-13T08:00"],
  ];
  for (const [now, opens] of rows) assert.equal(windowOpens({ windows }, at(now)), at(opens), now);
  assert.equal(rows.length, 7);
  assert.equal(windowOpens({ windows: [{ days: ["mon"], from: "08:00", to: "09:00" }] }, at("2024-05-06T09:00")), at("2024-05-13T08:00"));
  assert.equal(windowOpens({}, 5), 5);
});

test("policy windows: days and minutes in UTC, from inside, to outside", () => {
  const policy: Policy = { ...DEFAULT_POLICY, windows: [{ days: ["mon"], from: "08:00", to: "17:00" }, { days: ["sat"], from: "22:00", to: "24:00" }] };
  for (const [time, open] of WINDOWS) assert.equal(judgeWindow(inputs({ policy, change: { time: Date.parse(time) / 1000 } }))[0]?.holds, open, time);
  assert.equal(judgeWindow(inputs({ policy }))[0]?.holds, false, "no time is recorded");
  assert.deepEqual(judgeWindow(inputs()), []);
  assert.equal(WINDOWS.length, 9);
});

/** An approval of what a report said then, and the report. */
function carriedBy(signer: KeyId, then: { readonly brings: Brings; readonly changes: readonly FileChange[]; readonly policy?: Policy }): Pick<DecisionInputs, "carried" | "reviews"> {
  const made = reportOf(then.brings);
  const facts = reportFacts(made.report, made.consequences);
  assert.ok(facts !== undefined);
  const claim: ShadowClaim = {
    v: 1, world: WORLD, head: OLD_HEAD, base: BASE, tree: OLD_TREE, policy: policyHash(then.policy ?? DEFAULT_POLICY), manifest: hashValue("then"), consequences: made.consequences, report: facts.run.report,
  };
  const carried: Carried = { claim, key: signer, sig: "AAAA", consequences: facts.consequences, changes: then.changes };
  const review: Review = { v: 1, world: WORLD, proposal: "raise-limit", head: OLD_HEAD, verdict: "approve", cid: cidOfClaim(claim), message: "", time: 1 };
  return { carried: [carried], reviews: [{ review, key: REVIEWER, sig: "AAAA", notes: "reviewer", commit: OLD_HEAD, commitKey: REVIEWER }] };
}

const RULES: FileChange = { path: ".aos/policy.json", now: null };
const GRANT = "grant `g`: more";
const LIMIT = "policy `p`: less";
/** What was approved, what is proposed, and what becomes of the approval: kept or voided, in words; nothing where it is not even compared. */
const CARRIED: readonly (readonly [string, { readonly brings: Brings; readonly changes: readonly FileChange[]; readonly by?: KeyId; readonly policy?: Policy }, Given, string])[] = [
  ["the same", { brings: { adds: [PAY] }, changes: [FILE] }, { brings: { adds: [PAY] } }, "kept: the same changes with the same consequences, on another main"],
  ["a file less", { brings: {}, changes: [FILE, MORE] }, {}, "kept: only takes away air/b.txt"],
  ["a file more", { brings: {}, changes: [MORE] }, {}, "voided: air/a.txt changed since"],
  ["other content of a file", { brings: {}, changes: [{ ...FILE, now: null }] }, {}, "voided: air/a.txt changed since"],
  ["another mode of a file", { brings: {}, changes: [{ ...FILE, now: `100755 ${"a".repeat(40)}` }] }, {}, "voided: air/a.txt changed since"],
  ["a change of the rules less", { brings: {}, changes: [FILE, RULES] }, {}, "voided: it no longer changes .aos/policy.json"],
  ["an effect less", { brings: { adds: [PAY, "x y"] }, changes: [FILE] }, { brings: { adds: [PAY] } }, "kept: only takes away effect x y"],
  ["an effect more", { brings: {}, changes: [FILE] }, { brings: { adds: [PAY] } }, `voided: adds effect ${PAY}`],
  ["a grant more", { brings: {}, changes: [FILE] }, { brings: { widens: [GRANT] } }, "voided: adds grant `g` more"],
  ["a grant less", { brings: { widens: [GRANT] }, changes: [FILE] }, {}, "kept: only takes away grant `g` more"],
  ["a limit less", { brings: { widens: [GRANT], narrows: [LIMIT] }, changes: [FILE] }, { brings: { widens: [GRANT] } }, "voided: no longer has policy `p` less"],
  ["a limit more", { brings: {}, changes: [FILE] }, { brings: { narrows: [LIMIT] } }, "voided: adds policy `p` less"],
  ["an effect denied that was not", { brings: {}, changes: [FILE] }, { brings: { denies: [PAY] } }, `voided: adds denied effect ${PAY}`],
  ["an effect denied no more", { brings: { denies: [PAY] }, changes: [FILE] }, {}, `voided: no longer has denied effect ${PAY}`],
  ["an effect that was to go stays", { brings: { removes: [PAY] }, changes: [FILE] }, {}, `voided: no longer has the end of effect ${PAY}`],
  ["cells that must migrate", { brings: {}, changes: [FILE] }, { brings: { misfits: ["demo/C@1"] } }, "voided: adds cells of demo/C@1 migrate"],
  ["only CI says what it was", { brings: {}, changes: [FILE], by: RUNNER }, {}, ""],
  ["a person says what it was", { brings: {}, changes: [FILE], by: REVIEWER }, {}, ""],
  ["a policy that is not in force", { brings: {}, changes: [FILE], policy: { ...DEFAULT_POLICY, approvals: 2 } }, {}, ""],
  ["nobody says what it brings now", { brings: {}, changes: [FILE] }, { brings: null }, ""],
  ["too many files now", { brings: {}, changes: [FILE] }, { change: { changes: null } }, ""],
];
for (const [what, then, now, expected] of CARRIED)
  test(`kept approvals: ${what}: ${expected === "" ? "not compared" : expected}`, () => {
    const { change = {}, ...given } = now;
    const decision = decide(inputs({ ...given, change: { ...change, ...carriedBy(then.by ?? CTL, then) } }));
    if (expected.startsWith("kept")) assert.deepEqual([decision.verdict, decision.counted[0]?.kept], ["approved", expected]);
    else {
      assert.equal(decision.verdict, "refused");
      const why = decision.ignored.find(({ principal }) => principal === "reviewer")?.why ?? "";
      assert.ok(expected === "" ? /seen at 4{12}\)$/.test(why) : why.endsWith(`; ${expected}`), why);
    }
  });

test("simulate: under the same policy nothing changes; under another the approvals go along, also those that were kept", () => {
  const given = inputs({ change: carriedBy(CTL, { brings: {}, changes: [FILE, MORE] }) });
  const at = { timeSeconds: Date.UTC(2026, 0, 5, 12) / 1000 };
  assert.deepEqual(underPolicy(given, DEFAULT_POLICY, at), given);
  const rows: readonly (readonly [Policy, string, readonly string[]])[] = [
    [DEFAULT_POLICY, "approved", []],
    [{ ...DEFAULT_POLICY, approvals: 2 }, "refused", ["1 of 2 approvals: reviewer"]],
    [{ ...DEFAULT_POLICY, rules: [{ name: "no", when: { files: ["air/*"] }, deny: "not here" }] }, "refused", ["rule no (changes air/a.txt): not here"]],
    [{ ...DEFAULT_POLICY, windows: [{ days: ["mon"], from: "08:00", to: "17:00" }] }, "approved", ["mon 12:00 UTC is a time for changes"]],
  ];
  for (const [policy, verdict, others] of rows) {
    const simulated = simulate(given, policy, at);
    assert.deepEqual([simulated.now.verdict, simulated.under.verdict, simulated.others.map(({ text }) => text)], ["approved", verdict, others]);
  }
  assert.equal(rows.length, 4);
});
