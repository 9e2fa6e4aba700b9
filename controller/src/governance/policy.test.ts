import assert from "node:assert/strict";
import { test } from "node:test";
import { AosError, utf8 } from "@agentos/kernel";
import { parsePolicy, policyHash, type Policy } from "./policy.ts";
import { policyWarnings } from "./policy-warnings.ts";
import { explainPolicy } from "./policy-words.ts";
import { parseTrust, type Trust } from "./trust.ts";
import { keyLine, trustText } from "../testing/governed-world.ts";

test("policy: no file: one approval and a shadow report", () => {
  assert.deepEqual(parsePolicy(undefined), { version: 1, approvals: 1, shadow: "required" });
});

test("policy: its hash: of what it says, not of how it is written", () => {
  const short = parsePolicy(utf8('{"version":1,"approvals":1,"shadow":"required"}'));
  const long = parsePolicy(utf8('{\n  "shadow": "required",\n  "approvals": 1,\n  "version": 1\n}\n'));
  assert.equal(policyHash(short), policyHash(long));
  assert.equal(policyHash(short), policyHash(parsePolicy(undefined)));
  assert.notEqual(policyHash(short), policyHash({ ...short, approvals: 2 }));
});

test("policy: $schema: read over, no part of the hash", () => {
  const named = parsePolicy(utf8('{"$schema":"../policy.schema.json","version":1,"approvals":1,"shadow":"required"}'));
  assert.deepEqual(named, parsePolicy(undefined));
  assert.equal(policyHash(named), policyHash(parsePolicy(undefined)));
});

const BASE = '"version":1,"approvals":1,"shadow":"required"';
const withRule = (rule: string): string => `{${BASE},"rules":[${rule}]}`;

/** One that says everything there is to say. */
const WHOLE = {
  version: 1, approvals: 1, shadow: "optional", widening: { approvals: 2, alone: false }, windows: [{ days: ["mon", "sun"], from: "08:00", to: "24:00" }],
  rules: [
    {
      name: "pay", require: { approvals: 2, from: [{ role: "security", count: 1 }, { principals: ["second"], count: 1 }], shadow: "clean" },
      when: {
        kinds: ["defplan"], names: ["demo/*"], authority: "widening", widens: ["*pay*"], effects_added: ["http.*"], effects_removed: ["x"], effects_denied: ["y"], migrations: true, proposer: "agent",
        governance: true, files: ["air/*"],
      },
    },
    { name: "none", when: {}, deny: "not now" },
  ],
};

test("policy: everything there is to say: read as it stands, and hashed as a whole", () => {
  const policy = parsePolicy(utf8(JSON.stringify(WHOLE)));
  assert.deepEqual(policy, WHOLE);
  const { windows, ...less } = policy;
  assert.equal(windows?.length, 1);
  assert.notEqual(policyHash(less), policyHash(policy));
});

test("policy: in words: every clause once, in the order of judging", () => {
  const clauses = explainPolicy(parsePolicy(utf8(JSON.stringify(WHOLE))), parseTrust(utf8(trustText({ roles: { security: ["second", "reviewer"] } }))));
  assert.deepEqual(clauses.map(({ clause }) => clause), ["approvals", "shadow", "widening", "windows", "rule pay", "rule none", "always"]);
  assert.deepEqual(clauses[4]?.says, [
    "When an agent proposes it, and it changes .aos, and it changes a file air/*, and it changes a definition of kind defplan called demo/*, and more becomes possible, and more becomes possible as in *pay*, " +
      "and it adds an effect http.*, and it takes away an effect x, and it is denied an effect y, and cells must migrate: needs 2 approvals, and 1 of the role security (reviewer, second), and 1 of second, " +
      "and a controller's report of a run without failures, denied effects and cells that do not fit.",
  ]);
  assert.deepEqual(clauses[5]?.says, ["Always: refused: not now"]);
  assert.deepEqual(explainPolicy(parsePolicy(undefined), { roles: [] }).map(({ says }) => says[0]), [
    "1 person other than the authors must approve.", "A controller or CI must have reported what the merge would change.",
    "A change of .aos stands alone and needs one approval more; where there are too few for that, everybody but the one who signed its head.", "Every commit is signed by a principal, and the merge has no conflicts.",
  ]);
});

const THREE = parseTrust(utf8(trustText({ roles: { security: ["second"] } })));
const TWO_PERSONS: Trust = { ...THREE, principals: THREE.principals.filter(({ name }) => name !== "second") };
const ONE_PERSON: Trust = { ...TWO_PERSONS, principals: TWO_PERSONS.principals.filter(({ name }) => name !== "reviewer") };
const from = (group: string): string => withRule(`{"name":"r","when":{},"require":{"from":[${group}]}}`);
const WARNED: readonly (readonly [string, string, Trust, readonly (readonly [string, RegExp])[]])[] = [
  ["three persons, one approval", `{${BASE}}`, THREE, []],
  ["as many approvals as persons", '{"version":1,"approvals":3,"shadow":"required"}', THREE, [["/approvals", /only what no person wrote/]]],
  ["two persons: one changes the rules, the other approves", `{${BASE}}`, TWO_PERSONS, []],
  ["two persons, and two asked for where more becomes possible", `{${BASE},"widening":{"approvals":2,"alone":true}}`, TWO_PERSONS, [["/widening/approvals", /only what no person wrote could satisfy it: a change of \.aos needs 2/]]],
  ["one person", `{${BASE}}`, ONE_PERSON, [["/approvals", /only what no person wrote could satisfy it: a proposal needs 1 approval/]]],
  ["two persons, and a threshold of its own", `{${BASE},"widening":{"approvals":1,"alone":true}}`, TWO_PERSONS, []],
  ["a threshold out of reach", `{${BASE},"widening":{"approvals":9,"alone":true}}`, THREE, [["/widening/approvals", /needs 9 approvals, and the trust file has 3 persons/]]],
  ["a threshold below the other", '{"version":1,"approvals":2,"shadow":"required","widening":{"approvals":1,"alone":true}}', THREE, [["/widening/approvals", /asks for less/]]],
  ["a rule out of reach", withRule('{"name":"r","when":{},"require":{"approvals":4}}'), THREE, [["/rules/0/require/approvals", /rule r needs 4 approvals/]]],
  ["a role that nobody defined", from('{"role":"legal","count":1}'), THREE, [["/rules/0/require/from/0/role", /has no role legal/]]],
  ["more of a role than there are", from('{"role":"security","count":2}'), THREE, [["/rules/0/require/from/0/count", /needs 2 of 1/]]],
  ["an agent's word", from('{"principals":["helper"],"count":1}'), THREE, [["/rules/0/require/from/0", /helper is no person/], ["/rules/0/require/from/0/count", /needs 1 of 0/]]],
  ["everything refused", withRule('{"name":"r","when":{},"deny":"no"}'), THREE, [["/rules/0/deny", /refuses every proposal/]]],
  ["every change of the rules refused", withRule('{"name":"r","when":{"governance":true},"deny":"no"}'), THREE, [["/rules/0/deny", /never be taken out again/]]],
  ["refused and required", withRule('{"name":"r","when":{"files":["x"]},"deny":"no","require":{"approvals":1}}'), THREE, [["/rules/0/require", /refuses whatever is required/]]],
];
for (const [what, text, trust, expected] of WARNED)
  test(`policy warnings: ${what}: ${expected.length === 0 ? "none" : expected.map(([pointer]) => pointer).join(" and ")}`, () => {
    const warnings = policyWarnings(parsePolicy(utf8(text)), trust);
    assert.deepEqual(warnings.map(({ pointer }) => pointer), expected.map(([pointer]) => pointer));
    for (const [index, [, message]] of expected.entries()) assert.match(warnings[index]?.message ?? "", message);
  });

test("policy: a rule's place: the pointer, the line and the column of what is wrong", () => {
  const text = `{${BASE},\n "rules": [\n  {"name":"r","when":{"authority":"wider"},"require":{"approvals":1}}]}`;
  assert.throws(() => parsePolicy(utf8(text)), (error: unknown) => {
    assert.ok(error instanceof AosError);
    assert.match(error.message, /^\.aos\/policy\.json:3:\d+: \/rules\/0\/when\/authority: expected "widening" or "narrowing"/);
    return true;
  });
});

const REFUSED: readonly (readonly [string, string, string])[] = [
  ["an unknown field", '{"version":1,"approvals":1,"shadow":"required","bypass":["bot"]}', "policy.invalid"],
  ["$schema that is no text", '{"$schema":1,"version":1,"approvals":1,"shadow":"required"}', "policy.invalid"],
  ["negative approvals", '{"version":1,"approvals":-1,"shadow":"required"}', "policy.invalid"],
  ["approvals as a fraction", '{"version":1,"approvals":1.0,"shadow":"required"}', "policy.invalid"],
  ["another word for shadow", '{"version":1,"approvals":1,"shadow":"no"}', "policy.invalid"],
  ["no shadow", '{"version":1,"approvals":1}', "policy.invalid"],
  ["approvals twice", '{"version":1,"approvals":1,"approvals":0,"shadow":"required"}', "json.syntax"],
  ["a widening without a threshold", `{${BASE},"widening":{"alone":true}}`, "policy.invalid"],
  ["a widening that is perhaps alone", `{${BASE},"widening":{"approvals":1,"alone":"maybe"}}`, "policy.invalid"],
  ["a window over midnight", `{${BASE},"windows":[{"days":["mon"],"from":"22:00","to":"06:00"}]}`, "policy.invalid"],
  ["a window of no day", `{${BASE},"windows":[{"days":[],"from":"08:00","to":"17:00"}]}`, "policy.invalid"],
  ["a window at 25:00", `{${BASE},"windows":[{"days":["mon"],"from":"25:00","to":"26:00"}]}`, "policy.invalid"],
  ["no window at all", `{${BASE},"windows":[]}`, "policy.invalid"],
  ["a rule that asks for nothing", withRule('{"name":"r","when":{}}'), "policy.invalid"],
  ["a rule that requires nothing", withRule('{"name":"r","when":{},"require":{}}'), "policy.invalid"],
  ["a rule without a condition", withRule('{"name":"r","require":{"approvals":1}}'), "policy.invalid"],
  ["two rules of one name", withRule('{"name":"r","when":{},"deny":"no"},{"name":"r","when":{},"deny":"no"}'), "policy.invalid"],
  ["a rule with a strange name", withRule('{"name":"R r","when":{},"deny":"no"}'), "policy.invalid"],
  ["an unknown condition", withRule('{"name":"r","when":{"author":"x"},"deny":"no"}'), "policy.invalid"],
  ["an unknown kind", withRule('{"name":"r","when":{"kinds":["plan"]},"deny":"no"}'), "policy.invalid"],
  ["an empty list", withRule('{"name":"r","when":{"files":[]},"deny":"no"}'), "policy.invalid"],
  ["an empty pattern", withRule('{"name":"r","when":{"files":[""]},"deny":"no"}'), "policy.invalid"],
  ["a condition that does not hold", withRule('{"name":"r","when":{"migrations":false},"deny":"no"}'), "policy.invalid"],
  ["an empty sentence", withRule('{"name":"r","when":{},"deny":" "}'), "policy.invalid"],
  ["a group that is both", from('{"role":"a","principals":["b"],"count":1}'), "policy.invalid"],
  ["a group of nobody", from('{"principals":[],"count":1}'), "policy.invalid"],
  ["none of a group", from('{"role":"a","count":0}'), "policy.invalid"],
  ["a version to come", '{"version":2,"approvals":1,"shadow":"required"}', "policy.invalid"],
];

for (const [what, text, code] of REFUSED)
  test(`policy: ${what}: ${code}`, () => {
    assert.throws(() => parsePolicy(utf8(text)), { code });
  });

test("policy: what an agent could wish for: no field lets anybody but persons count", () => {
  const fields = Object.keys(parsePolicy(utf8(JSON.stringify(WHOLE)))) satisfies readonly string[];
  assert.deepEqual(fields, ["version", "approvals", "shadow", "widening", "windows", "rules"] satisfies readonly (keyof Policy)[]);
  const helper = { kind: "agent", keys: [keyLine("helper")] };
  assert.throws(() => parseTrust(utf8(trustText({ roles: { security: ["helper"] }, principals: { ...JSON.parse(trustText()).principals, helper } }))), { code: "trust.invalid" });
});
