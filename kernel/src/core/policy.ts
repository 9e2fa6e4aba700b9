// The policy decides an effect: first matching rule wins, no match denies, no policy allows.

import type { DefPolicy, PolicyDecision, PolicyMatch } from "../air/types.ts";

interface PolicyQuestion {
  readonly effect_kind: string;
  readonly cap_name: string;
  readonly cap_type: string;
  readonly origin_kind: "plan" | "reducer";
  readonly origin_name: string;
}
export interface PolicyVerdict {
  readonly decision: PolicyDecision;
  /** `allow_all` where the manifest names no policy. */
  readonly policy: string;
  /** Index of the rule that decided; undefined when none matched. */
  readonly rule: number | undefined;
  /** How long a person may take, where one is asked; undefined: as long as it takes. */
  readonly approvalTtlNs: bigint | undefined;
}

/** A rule matches when every field it gives is equal. */
export function decidePolicy(policy: DefPolicy | undefined, question: PolicyQuestion): PolicyVerdict {
  if (policy === undefined) return { decision: "allow", policy: "allow_all", rule: undefined, approvalTtlNs: undefined };
  const rule = policy.rules.findIndex(({ when }) => matches(when, question));
  const decision = policy.rules[rule]?.decision ?? "deny";
  return { decision, policy: policy.name, rule: rule < 0 ? undefined : rule, approvalTtlNs: policy.rules[rule]?.approval_ttl_ns };
}

function matches(when: PolicyMatch, question: PolicyQuestion): boolean {
  return (Object.keys(when) as (keyof PolicyMatch)[]).every((field) => when[field] === undefined || when[field] === question[field]);
}
