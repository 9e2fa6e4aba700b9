// What judging a proposal costs: a decision over many reviews, against hashing the same inputs, as recording them does.

import { hashValue, jsonOf } from "@agentos/kernel";
import { cidOf, DEFAULT_POLICY, decide, keyId, parseOid, policyHash, type DecisionInputs, type ReviewInput, type ReviewVerdict } from "@agentos/controller";
import { expect, type Row } from "./measure.ts";

const PERSONS = 50;

/** The inputs of a proposal that so many reviews speak of, by 50 persons who change their minds; everybody approves in the end. */
function manyReviews(count: number): DecisionInputs {
  const oid = (digit: string): ReturnType<typeof parseOid> => parseOid(digit.repeat(40));
  const [base, head, tree] = [oid("1"), oid("2"), oid("3")];
  const [world, manifestHash, consequencesHash] = [hashValue("world"), hashValue("manifest"), hashValue("consequences")];
  const keyOf = (person: number): ReturnType<typeof keyId> => keyId(new Uint8Array(32).fill(person + 1));
  const name = (person: number): string => (person === 0 ? "author" : `person-${person}`);
  const cid = cidOf({ policyHash: policyHash(DEFAULT_POLICY), tree, manifestHash, consequencesHash });
  const verdicts: readonly ReviewVerdict[] = ["request-changes", "comment", "approve", "dismiss"];
  const reviews = Array.from({ length: count }, (_, index): ReviewInput => {
    const person = 1 + (index % (PERSONS - 1));
    const verdict = index >= count - PERSONS ? "approve" : (verdicts[index % verdicts.length] ?? "comment");
    return { review: { v: 1, world, proposal: "raise-limit", head, verdict, cid, message: "", time: index }, key: keyOf(person), sig: "AAAA", notes: name(person), commit: head, commitKey: keyOf(person) };
  });
  return {
    world, proposal: "raise-limit", base, head, tree, mergeProblem: null, policy: DEFAULT_POLICY,
    trust: {
      hash: hashValue("trust"), retired: [],
      principals: [
        ...Array.from({ length: PERSONS }, (_, person) => ({ name: name(person), kind: "person" as const, keys: [keyOf(person)] })),
        { name: "ctl", kind: "controller", keys: [keyOf(PERSONS)] },
      ],
    },
    commits: [{ commit: head, key: keyOf(0) }], changed: { governance: 0, other: 1 }, rulesProblem: null, manifestHash, consequencesHash,
    shadows: [{ claim: { v: 1, world, head, base, tree, policy: policyHash(DEFAULT_POLICY), manifest: manifestHash, consequences: consequencesHash, report: hashValue("report") }, key: keyOf(PERSONS), sig: "AAAA" }],
    reviews, unreadable: [],
  };
}

/** `times` decisions over `reviews` reviews each; the unit is one decision. */
export function decisionRows({ reviews, times }: { readonly reviews: number; readonly times: number }): readonly Row[] {
  const inputs = manyReviews(reviews);
  const repeated = (judge: () => boolean): { run(): void; done(): void } => {
    let approved = 0;
    return {
      run() {
        for (let time = 0; time < times; time++) if (judge()) approved++;
      },
      done: () => expect(approved === times, `${times} times approved`),
    };
  };
  return [
    {
      name: `decision over ${reviews.toLocaleString("en")} reviews`, count: times, unit: "decisions",
      subject: async () => repeated(() => decide(inputs).counted.length === PERSONS - 1),
      baseline: { name: "hash of the inputs", prepare: async () => repeated(() => hashValue(jsonOf(inputs)) !== inputs.world) },
    },
  ];
}
