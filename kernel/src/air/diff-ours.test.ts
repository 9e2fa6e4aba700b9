// What is ours in the language, changed: budgets, approvals, deadlines, migrations, and the ways effects are set off.

import assert from "node:assert/strict";
import { test } from "node:test";
import { assertDiffs, type DiffRow } from "../testing/diff-rows.ts";
import { MIGRATION } from "./fixture-edits.ts";
import { codeHash as hash, M, MOD, NEW, P, POL, S, set, type Edit } from "./fixture-world.ts";

const BUDGET = "/defaults/cap_grants/0/budget";
const ASK = "/rules/1/decision";
const TTL = "/rules/1/approval_ttl_ns";
const LIFE = "/deadline_ns";
/** A value that was, or is, not there. */
const NONE = "none";
const at = (file: string, pointer: string, value: unknown): readonly Edit[] => (value === NONE ? [] : [set(file, pointer, value)]);

/** Budgets, each against each: what the change is called in words. */
const BUDGETS: readonly (readonly [before: unknown, after: unknown, section: string, authority: readonly string[]])[] = [
  [NONE, { calls: 5 }, "none to 5 calls", ["narrowing: may now spend 5 calls in all"]],
  [{ calls: 5 }, NONE, "5 calls to none", ["widening: may now spend any calls, was 5 in all"]],
  [{ calls: 5 }, { calls: 9 }, "5 calls to 9 calls", ["widening: may now spend 9 calls in all, was 5"]],
  [{ calls: 9 }, { calls: 0 }, "9 calls to 0 calls", ["narrowing: may now spend only 0 calls in all, was 9"]],
  [{ calls: 5, tokens: 7 }, { calls: 5, cents: 3 }, "5 calls, 7 tokens to 5 calls, 3 cents", ["widening: may now spend any tokens, was 7 in all", "narrowing: may now spend 3 cents in all"]],
  [{ bytes: 1 }, { bytes: 2, calls: 1 }, "1 bytes to 1 calls, 2 bytes", ["widening: may now spend 2 bytes in all, was 1", "narrowing: may now spend 1 calls in all"]],
];
/** Decisions of one rule. The rules around it never decide for its effect. */
const DECISIONS: readonly (readonly [before: readonly [string, unknown], after: readonly [string, unknown], text: string])[] = [
  [["allow", NONE], ["require_approval", NONE], "narrowing: rule changed: require approval of X, was allow"],
  [["require_approval", NONE], ["allow", NONE], "widening: rule changed: allow X, was require approval"],
  [["deny", NONE], ["require_approval", 5], "widening: rule changed: require approval (within 5 ns) of X, was deny"],
  [["require_approval", 5], ["deny", NONE], "narrowing: rule changed: deny X, was require approval (within 5 ns)"],
  [["require_approval", 5], ["require_approval", 9], "widening: rule changed: require approval (within 9 ns) of X, was require approval (within 5 ns)"],
  [["require_approval", 9], ["require_approval", 5], "narrowing: rule changed: require approval (within 5 ns) of X, was require approval (within 9 ns)"],
  [["require_approval", 9], ["require_approval", NONE], "widening: rule changed: require approval of X, was require approval (within 9 ns)"],
  [["require_approval", NONE], ["require_approval", 9], "narrowing: rule changed: require approval (within 9 ns) of X, was require approval"],
];
const LIVES: readonly (readonly [before: unknown, after: unknown, details: string, authority: string])[] = [
  [NONE, 5, "none to 5 ns", "narrowing: plan `demo/fetch@1`: may now live only 5 ns, was for ever"],
  [5, NONE, "5 ns to none", "widening: plan `demo/fetch@1`: may now live for ever, was 5 ns"],
  [5, 9, "5 ns to 9 ns", "widening: plan `demo/fetch@1`: may now live 9 ns, was 5 ns"],
  [9, 5, "9 ns to 5 ns", "narrowing: plan `demo/fetch@1`: may now live only 5 ns, was 9 ns"],
];
const MIGRATED = "migration of `demo/Job@1`";
const SENT = "`mail.send` of type `mail.out`";
const ruleOf = ([decision, ttl]: readonly [string, unknown]): readonly Edit[] => [set(POL, ASK, decision), ...at(POL, TTL, ttl)];
const ruleDetails = ([decision, ttl]: readonly [string, unknown]): string => `${decision === "require_approval" ? `require approval${ttl === NONE ? "" : ` (within ${String(ttl)} ns)`} of` : decision} ${SENT}`;
const EMPTY_PURE = { $kind: "defmodule", name: "demo/Pure@1", module_kind: "pure", wasm_hash: hash("5"), abi: { pure: { input: "demo/State@1", output: "demo/State@1" } } };

const OURS: readonly DiffRow[] = [
  {
    title: "no event starts the plan any more", next: [set(M, "/triggers", [])], sections: ["triggers: trigger removed: `demo/Start@1` starts `demo/fetch@1`, correlated by `id`"],
    authority: ["narrowing: plan `demo/fetch@1`: event `demo/Start@1` no longer starts it, and it emits `http.request`, `mail.send`"],
  },
  {
    title: "no event reaches the reducer any more", next: [set(M, "/routing/events", [{ event: "demo/Done@1", reducer: "demo/Log@1" }])],
    sections: ["routing: route removed: `demo/Event@1` to `demo/Job@1` by key `$value.id`; route removed: `sys/TimerFired@1` to `demo/Job@1`"],
    authority: ["demo/Event@1", "sys/TimerFired@1"].map((event) => `narrowing: reducer \`demo/Job@1\`: event \`${event}\` no longer reaches it, and it emits \`timer.set\``),
  },
  {
    title: "an effect declared twice", next: [set(MOD, "/0/abi/reducer/effects_emitted", ["timer.set", "timer.set"])],
    definitions: ["changed defmodule demo/Job@1: a list is written in another order, or repeats a member"],
  },
  ...BUDGETS.map(([before, after, section, authority]): DiffRow => ({
    title: `budget ${section}`, base: at(M, BUDGET, before), next: at(M, BUDGET, after), sections: [`cap_grants: grant \`http_grant\`: budget changed from ${section}`],
    authority: authority.map((line) => line.replace(": ", ": grant `http_grant`: `http.out` ")),
  })),
  {
    title: "grant with a budget added", next: [set(M, "/defaults/cap_grants/-", { name: "web", cap: "sys/http.out@1", params: { record: {} }, budget: { calls: 5, cents: 100 } })],
    sections: ["cap_grants: grant `web` added: `sys/http.out@1` {}, budget 5 calls, 100 cents"],
    authority: ["widening: grant `web`: `http.out` may now reach any host (any method), spending at most 5 calls, 100 cents"],
  },
  ...DECISIONS.map(([before, after, text]): DiffRow => ({
    title: text, base: ruleOf(before), next: ruleOf(after), definitions: [`changed defpolicy demo/policy@1: rule 1 removed: ${ruleDetails(before)}; rule 1 added: ${ruleDetails(after)}`],
    authority: [text.replace(": ", ": policy `demo/policy@1`: ").replace("X", SENT)],
  })),
  {
    title: "a rule that asks before the others", next: [set(POL, "/rules", [{ when: {}, decision: "require_approval" }, { when: { effect_kind: "mail.send" }, decision: "allow" }])], base: [set(POL, "/rules", [{ when: { effect_kind: "mail.send" }, decision: "allow" }])],
    definitions: ["changed defpolicy demo/policy@1: rule 0 added: require approval of every effect"],
    authority: ["widening: policy `demo/policy@1`: new rule: require approval of every effect", "narrowing: policy `demo/policy@1`: new rule: require approval of every effect"],
  },
  {
    title: "a rule that asks before the one that allows the same", next: [set(POL, "/rules", [{ when: { effect_kind: "mail.send", origin_kind: "plan" }, decision: "require_approval" }, { when: { effect_kind: "mail.send" }, decision: "allow" }])], base: [set(POL, "/rules", [{ when: { effect_kind: "mail.send" }, decision: "allow" }])],
    definitions: ["changed defpolicy demo/policy@1: rule 0 added: require approval of `mail.send` from any plan"],
    authority: ["narrowing: policy `demo/policy@1`: new rule: require approval of `mail.send` from any plan"],
  },
  ...LIVES.map(([before, after, details, authority]): DiffRow => ({
    title: `deadline ${details}`, base: at(P, LIFE, before), next: at(P, LIFE, after), definitions: [`changed defplan demo/fetch@1: deadline changed from ${details}`], authority: [authority],
  })),
  {
    title: "keys by instance", next: [set(M, "/defaults/idempotency", "instance")], sections: ["defaults.idempotency: keys of effects without one changed from zero to instance"],
    authority: ["widening: plans: effects that are asked for without an idempotency key now have one of their own, so that they may be sent again"],
  },
  {
    title: "keys of zeros again", base: [set(M, "/defaults/idempotency", "instance")], next: [], sections: ["defaults.idempotency: keys of effects without one changed from instance to zero"],
    authority: ["narrowing: plans: effects that are asked for without an idempotency key no longer have one of their own"],
  },
  {
    title: "migration added", base: MIGRATION.slice(0, 2), next: MIGRATION, sections: ["migrations: migration added: cells of `demo/Job@1` by `demo/New@1`"],
    authority: [`widening: ${MIGRATED}: \`demo/New@1\` may now rewrite its cells`],
  },
  {
    title: "migration removed", base: MIGRATION, next: MIGRATION.slice(0, 2), sections: ["migrations: migration removed: cells of `demo/Job@1` by `demo/New@1`"],
    authority: [`narrowing: ${MIGRATED}: \`demo/New@1\` may no longer rewrite its cells`],
  },
  {
    title: "code of a migration changed", base: MIGRATION, next: MIGRATION, code: new Map([["demo/New@1", hash("8")]]), definitions: ["changed defmodule demo/New@1: code changed"],
    authority: [`widening: ${MIGRATED}: \`demo/New@1\`, which may rewrite its cells, changed`],
  },
  {
    title: "state of a migrated reducer changed", base: MIGRATION, next: [...MIGRATION, set(S, "/2/type/record/count", { int: {} })], definitions: ["changed defschema demo/State@1: `count` changed from nat to int"],
    authority: [`widening: ${MIGRATED}: its state changed, so \`demo/New@1\` rewrites cells that no longer fit`],
  },
  {
    title: "migration by another module", base: [...MIGRATION, set(NEW, "/-", EMPTY_PURE), set(M, "/modules/-", { name: "demo/Pure@1" })],
    next: [...MIGRATION, set(NEW, "/-", EMPTY_PURE), set(M, "/modules/-", { name: "demo/Pure@1" }), set(M, "/migrations/0/module", "demo/Pure@1")],
    sections: ["migrations: migration removed: cells of `demo/Job@1` by `demo/New@1`; migration added: cells of `demo/Job@1` by `demo/Pure@1`"],
    authority: [`widening: ${MIGRATED}: \`demo/Pure@1\` may now rewrite its cells, instead of \`demo/New@1\``],
  },
];

test("diff: budgets, approvals, deadlines and migrations: what they are, and what they allow", () => {
  assert.equal(assertDiffs(OURS), 31);
});
