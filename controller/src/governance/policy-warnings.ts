// What is allowed in a policy and is probably not meant: above all what nobody here could ever satisfy.

import type { Group, Policy } from "./policy.ts";
import type { Finding } from "./shape.ts";
import type { Trust } from "./trust.ts";
import { count } from "./words.ts";

/** By JSON pointer into the policy, in the order of its fields. */
export function policyWarnings(policy: Policy, trust: Trust): readonly Finding[] {
  const persons = personsOf(trust);
  const { approvals, widening, rules = [] } = policy;
  const most = (asked: number, pointer: string, of: string): readonly Finding[] => {
    if (asked > persons.length) return [{ pointer, message: `nobody could ever satisfy it: ${of} needs ${count(asked, "approval")}, and the trust file has ${count(persons.length, "person")}` }];
    if (asked > 0 && asked === persons.length) return [{ pointer, message: `only what no person wrote could satisfy it: ${of} needs ${count(asked, "approval")} of persons other than its authors, and the trust file has ${count(persons.length, "person")}` }];
    return [];
  };
  // Without a number of its own: one more, and no more than there are beside whoever proposes it.
  const rulesNeed = widening?.approvals ?? Math.max(approvals, Math.min(approvals + 1, persons.length - 1));
  return [
    ...most(approvals, "/approvals", "a proposal"),
    ...(rulesNeed === approvals ? [] : most(rulesNeed, widening === undefined ? "/approvals" : "/widening/approvals", "a change of .aos")),
    ...(widening !== undefined && widening.approvals < approvals ? [{ pointer: "/widening/approvals", message: `it asks for less than /approvals, which holds all the same: ${approvals}` }] : []),
    ...rules.flatMap(({ name, when, require, deny }, index) => {
      const at = `/rules/${index}`;
      return [
        ...(deny !== undefined && Object.keys(when).length === 0 ? [{ pointer: `${at}/deny`, message: `rule ${name} refuses every proposal, also one that changes this policy` }] : []),
        ...(deny !== undefined && when.governance === true && Object.keys(when).length === 1 ? [{ pointer: `${at}/deny`, message: `rule ${name} refuses every change of .aos, so it can never be taken out again` }] : []),
        ...(deny !== undefined && require !== undefined ? [{ pointer: `${at}/require`, message: `rule ${name} refuses whatever is required` }] : []),
        ...most(require?.approvals ?? 0, `${at}/require/approvals`, `rule ${name}`),
        ...(require?.from ?? []).flatMap((group, place) => groupWarnings(group, trust, persons, `${at}/require/from/${place}`)),
      ];
    }),
  ];
}

function groupWarnings(group: Group, trust: Trust, persons: readonly string[], pointer: string): readonly Finding[] {
  const members = group.role === undefined ? group.principals : trust.roles.find(({ role }) => role === group.role)?.principals;
  if (members === undefined) return [{ pointer: `${pointer}/role`, message: `nobody could ever satisfy it: the trust file has no role ${group.role}` }];
  const strangers = members.filter((name) => !persons.includes(name));
  const able = members.length - strangers.length;
  return [
    ...strangers.map((name) => ({ pointer, message: `${name} is no person with a key in force: what they say weighs nothing` })),
    ...(able < group.count ? [{ pointer: `${pointer}/count`, message: `nobody could ever satisfy it: it needs ${group.count} of ${able}` }] : []),
  ];
}

/** Those whose approval can count at all. */
function personsOf({ principals, retired }: Trust): readonly string[] {
  const gone = new Set(retired.map(({ key }) => key));
  return principals.filter(({ kind, keys }) => kind === "person" && keys.some(({ id }) => !gone.has(id))).map(({ name }) => name);
}
