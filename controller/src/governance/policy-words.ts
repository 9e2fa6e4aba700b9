// A policy in words: what each clause asks for, and of whom.

import type { Group, Policy, PolicyRule, When } from "./policy.ts";
import type { Trust } from "./trust.ts";
import { count, listed } from "./words.ts";

/** A clause, and its sentences. */
export interface Clause {
  readonly clause: string;
  readonly says: readonly string[];
}

/** Every clause, in the order in which they are judged. What no policy can change comes last. */
export function explainPolicy(policy: Policy, trust: Pick<Trust, "roles">): readonly Clause[] {
  const { approvals, shadow, widening, windows, rules = [] } = policy;
  return [
    { clause: "approvals", says: [approvals === 0 ? "Nobody needs to approve." : `${count(approvals, "person")} other than the authors must approve.`] },
    { clause: "shadow", says: [shadow === "required" ? "A controller or CI must have reported what the merge would change." : "A shadow report is not needed."] },
    {
      clause: "widening",
      says: widening === undefined
        ? ["A change of .aos stands alone and needs one approval more; where there are too few for that, everybody but the one who signed its head.", "Wider authority needs nothing more."]
        : [
            `Where more becomes possible (a change of .aos, or wider authority) ${count(widening.approvals, "approval")} are needed.`,
            widening.alone ? "Such a change stands alone." : "Such a change may come with others.",
          ],
    },
    ...(windows === undefined ? [] : [{ clause: "windows", says: [`Changes are merged and applied ${windows.map(({ days, from, to }) => `on ${days.join(", ")} from ${from} to ${to} UTC`).join(", or ")}.`] }]),
    ...rules.map((rule) => ({ clause: `rule ${rule.name}`, says: [explainRule(rule, trust)] })),
    { clause: "always", says: ALWAYS },
  ];
}

const ALWAYS = [
  "Every commit is signed by a principal, and the merge has no conflicts.",
  "Whoever asks for changes holds the proposal back until they approve it or take that back.",
  "Authors, agents, CI and controllers weigh nothing as reviewers.",
  "The rules are those of main, not those that a proposal brings.",
] as const;

function explainRule({ when, require, deny }: PolicyRule, trust: Pick<Trust, "roles">): string {
  const conditions = explainWhen(when);
  const head = conditions.length === 0 ? "Always" : `When ${conditions.join(", and ")}`;
  if (deny !== undefined) return `${head}: refused: ${deny}`;
  const { approvals, from = [], shadow } = require ?? {};
  const needs = [
    ...(approvals === undefined ? [] : [count(approvals, "approval")]),
    ...from.map((group) => explainGroup(group, trust)),
    ...(shadow === undefined ? [] : [shadow === "clean" ? "a controller's report of a run without failures, denied effects and cells that do not fit" : "a shadow report"]),
  ];
  return `${head}: needs ${needs.join(", and ")}.`;
}

function explainGroup({ role, principals, count: wanted }: Group, { roles }: Pick<Trust, "roles">): string {
  if (role === undefined) return `${wanted} of ${listed(principals)}`;
  const members = roles.find((one) => one.role === role)?.principals ?? [];
  return `${wanted} of the role ${role} (${members.length === 0 ? "nobody has it" : listed(members)})`;
}

/** Conditions as parts of a sentence: "it changes a definition of kind defcap". */
function explainWhen(when: When): readonly string[] {
  const { kinds, names, authority, widens, effects_added, effects_removed, effects_denied, migrations, proposer, governance, files } = when;
  const any = (texts: readonly string[]): string => texts.join(" or ");
  return [
    ...(proposer === undefined ? [] : [`${proposer === "agent" ? "an agent" : "a person"} proposes it`]),
    ...(governance === undefined ? [] : ["it changes .aos"]),
    ...(files === undefined ? [] : [`it changes a file ${any(files)}`]),
    ...(kinds === undefined && names === undefined ? [] : [`it changes a definition${kinds === undefined ? "" : ` of kind ${any(kinds)}`}${names === undefined ? "" : ` called ${any(names)}`}`]),
    ...(authority === undefined ? [] : [authority === "widening" ? "more becomes possible" : "less becomes possible"]),
    ...(widens === undefined ? [] : [`more becomes possible as in ${any(widens)}`]),
    ...(effects_added === undefined ? [] : [`it adds an effect ${any(effects_added)}`]),
    ...(effects_removed === undefined ? [] : [`it takes away an effect ${any(effects_removed)}`]),
    ...(effects_denied === undefined ? [] : [`it is denied an effect ${any(effects_denied)}`]),
    ...(migrations === undefined ? [] : ["cells must migrate"]),
  ];
}
