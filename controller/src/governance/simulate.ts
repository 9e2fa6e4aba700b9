// What another policy would have said: the same proposal, the same reviews and reports, other rules.

import type { Hash } from "@agentos/kernel";
import { cidOf, cidOfClaim, decide } from "./decision.ts";
import type { Decision, DecisionInputs, Reason, ShadowClaim } from "./decision.ts";
import { policyHash } from "./policy.ts";
import type { Policy } from "./policy.ts";

/**
 * The inputs as they would be had this policy been in force. Approvals and reports bind to the policy of their day: those given
 * under the one of the inputs are read as if given under the other.
 *
 * @param options.timeSeconds - when it is judged, for a policy with windows, where the inputs do not say
 */
export function underPolicy(inputs: DecisionInputs, policy: Policy, options: { readonly timeSeconds: number }): DecisionInputs {
  const [before, after] = [policyHash(inputs.policy), policyHash(policy)];
  const moved = (claim: ShadowClaim): ShadowClaim => (claim.policy === before ? { ...claim, policy: after } : claim);
  const cids = new Map<Hash, Hash>();
  const { tree, manifestHash, consequencesHash, carried } = inputs;
  if (tree !== null) cids.set(cidOf({ policyHash: before, tree, manifestHash, consequencesHash }), cidOf({ policyHash: after, tree, manifestHash, consequencesHash }));
  for (const { claim } of [...inputs.shadows, ...(carried ?? [])]) if (claim.policy === before) cids.set(cidOfClaim(claim), cidOfClaim(moved(claim)));
  const { time = options.timeSeconds, ...rest } = inputs;
  return {
    ...rest,
    policy,
    shadows: inputs.shadows.map((shadow) => ({ ...shadow, claim: moved(shadow.claim) })),
    reviews: inputs.reviews.map((input) => ({ ...input, review: { ...input.review, cid: cids.get(input.review.cid) ?? input.review.cid } })),
    ...(carried === undefined ? {} : { carried: carried.map((one) => ({ ...one, claim: moved(one.claim) })) }),
    ...(policy.windows === undefined ? {} : { time }),
  };
}

export interface Simulated {
  readonly now: Decision;
  readonly under: Decision;
  /** Reasons of `under` that `now` does not give in the same words. */
  readonly others: readonly Reason[];
}

/** Both verdicts, and what the other policy says otherwise. */
export function simulate(inputs: DecisionInputs, policy: Policy, options: { readonly timeSeconds: number }): Simulated {
  const now = decide(inputs);
  const under = decide(underPolicy(inputs, policy, options));
  const said = new Set(now.reasons.map(idOf));
  return { now, under, others: under.reasons.filter((reason) => !said.has(idOf(reason))) };
}

function idOf({ rule, name, holds, text }: Reason): string {
  return JSON.stringify([rule, name, holds, text]);
}
