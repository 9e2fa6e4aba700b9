import assert from "node:assert/strict";
import { test } from "node:test";
import { authorityChanges } from "./diff-authority.ts";
import { fixtureControl } from "./fixture-world.ts";
import type { ControlPlane, PolicyRule } from "./types.ts";
import type { Name } from "./value.ts";

const EFFECTS = ["http.request", "mail.send", "timer.set"];
/** From the most that is permitted to the least: a decision permits more than every one behind it. */
const DECISIONS: readonly Omit<PolicyRule, "when">[] = [
  { decision: "allow" }, { decision: "require_approval" }, { decision: "require_approval", approval_ttl_ns: 5n }, { decision: "deny" },
];
const RULES: readonly PolicyRule[] = [undefined, "http.request", "mail.send"].flatMap((effect) =>
  DECISIONS.map((decision): PolicyRule => ({ when: effect === undefined ? {} : { effect_kind: effect }, ...decision })),
);
/** Every policy of up to two rules, and none. */
const POLICIES: readonly (readonly PolicyRule[] | undefined)[] = [undefined, [], ...RULES.map((rule) => [rule]), ...RULES.flatMap((first) => RULES.map((second) => [first, second]))];

/** How much is permitted: an index from the end of DECISIONS. */
function permitted(rules: readonly PolicyRule[] | undefined, effect: string): number {
  if (rules === undefined) return DECISIONS.length - 1;
  const rule = rules.find(({ when }) => when.effect_kind === undefined || when.effect_kind === effect);
  const at = DECISIONS.findIndex(({ decision, approval_ttl_ns }) => decision === rule?.decision && approval_ttl_ns === rule.approval_ttl_ns);
  return at < 0 ? 0 : DECISIONS.length - 1 - at;
}

function underPolicy(control: ControlPlane, rules: readonly PolicyRule[] | undefined): ControlPlane {
  const name = "demo/policy@1" as Name;
  return { ...control, policies: rules === undefined ? new Map() : new Map([[name, { kind: "defpolicy", name, rules }]]) };
}

test("authority: any two policies: what is permitted more or less is never without a widening or narrowing", () => {
  const control = fixtureControl([]);
  let count = 0;
  let widenings = 0;
  let idle = 0;
  for (const before of POLICIES) {
    for (const after of POLICIES) {
      const changes = authorityChanges(underPolicy(control, before), underPolicy(control, after));
      const widened = changes.some(({ effect }) => effect === "widening");
      const more = EFFECTS.some((effect) => permitted(before, effect) < permitted(after, effect));
      const less = EFFECTS.some((effect) => permitted(before, effect) > permitted(after, effect));
      const missed = (more && !widened) || (less && !changes.some(({ effect }) => effect === "narrowing"));
      if (missed) assert.fail(JSON.stringify({ before, after, changes }, (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value)));
      if (more) widenings++;
      if (!more && !less && changes.length > 0) idle++;
      count++;
    }
  }
  assert.equal(count, 158 * 158);
  assert.ok(widenings > 9_000, `${widenings} pairs permit more`);
  assert.ok(idle < count / 20, `${idle} pairs of the same meaning are told as changes, edit by edit`);
});

const HOSTS = ["a.example", "b.example", "127.0.0.1"];
/** Every limit over the hosts: none, and each subset. */
const LIMITS: readonly (readonly string[] | undefined)[] = [undefined, ...Array.from({ length: 2 ** HOSTS.length }, (_, bits) => HOSTS.filter((_host, index) => ((bits >> index) & 1) === 1))];

test("authority: any two limits on hosts, whatever an empty list means: what is newly reached is never without a widening", () => {
  const worlds = LIMITS.map((hosts) => {
    const place = { file: "air/manifest.json", pointer: "/defaults/cap_grants/0/params/record/hosts" };
    return fixtureControl([hosts === undefined ? place : { ...place, value: { set: hosts.map((text) => ({ text })) } }]);
  });
  let count = 0;
  for (const [from, before] of LIMITS.entries()) {
    for (const [to, after] of LIMITS.entries()) {
      const widened = authorityChanges(worlds[from], worlds[to] as ControlPlane).some(({ effect }) => effect === "widening");
      for (const empty of ["everything", "nothing"] as const) {
        const reached = (hosts: readonly string[] | undefined, host: string): boolean => hosts === undefined || (hosts.length === 0 && empty === "everything") || hosts.includes(host);
        const more = HOSTS.some((host) => !reached(before, host) && reached(after, host));
        if (more) assert.ok(widened, JSON.stringify({ before, after, empty }));
        count++;
      }
      if (from === to) assert.ok(!widened);
    }
  }
  assert.equal(count, 9 * 9 * 2);
});
