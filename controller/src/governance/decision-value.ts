// A decision as it is recorded: with every input, so that it can be derived again from the record alone.

import { AosError, decodeBase64, hashValue, jsonOf } from "@agentos/kernel";
import type { Hash, Json } from "@agentos/kernel";
import { decide } from "./decision.ts";
import type { Decision, DecisionInputs } from "./decision.ts";
import { POLICY_SHAPE } from "./policy.ts";
import { HASH_SHAPE, OID_SHAPE, REVIEW_SHAPE, SLUG_SHAPE, verifyReview } from "./review.ts";
import type { VerifySshsig } from "./review.ts";
import { CLAIM_SHAPE, verifyShadowClaim } from "./shadow-claim.ts";
import { anything, listOf, maybe, oneOf, orNull, readValue, record, text, version, whole } from "./shape.ts";
import type { Shape } from "./shape.ts";
import { isKeyId, keyId } from "./ssh-key.ts";
import type { KeyId } from "./ssh-key.ts";
import { isPrincipalName } from "./trust.ts";

const KEY = text<KeyId>(isKeyId, "a key's fingerprint");
const NAME = text(isPrincipalName, "a principal's name");
const WORDS = text(() => true, "a text");
const SIGNATURE = text((sig) => decodeBase64(sig) !== undefined, "base64");
const COUNT = whole(0, Number.MAX_SAFE_INTEGER);

const CHANGES = listOf(record({ path: WORDS, now: orNull(WORDS) }));

const INPUTS: Shape<DecisionInputs> = record({
  world: HASH_SHAPE,
  proposal: SLUG_SHAPE,
  base: OID_SHAPE,
  head: OID_SHAPE,
  tree: orNull(OID_SHAPE),
  mergeProblem: orNull(WORDS),
  policy: POLICY_SHAPE,
  trust: record({
    hash: HASH_SHAPE,
    principals: listOf(record({ name: NAME, kind: oneOf("person", "agent", "ci", "controller"), keys: listOf(KEY), github: maybe(COUNT) })),
    retired: listOf(record({ key: KEY, principal: NAME, fromSeq: COUNT })),
    roles: maybe(listOf(record({ role: WORDS, principals: listOf(NAME) }))),
    merges: maybe(oneOf("forge")),
  }),
  commits: listOf(record({ commit: OID_SHAPE, key: orNull(KEY) })),
  changed: record({ governance: COUNT, other: COUNT }),
  changes: maybe(orNull(CHANGES)),
  rulesProblem: orNull(WORDS),
  manifestHash: orNull(HASH_SHAPE),
  consequencesHash: orNull(HASH_SHAPE),
  consequences: maybe(orNull(anything)),
  run: maybe(orNull(record({ report: HASH_SHAPE, failures: COUNT, denials: COUNT, misfits: COUNT }))),
  shadows: listOf(record({ claim: CLAIM_SHAPE, key: orNull(KEY), sig: SIGNATURE })),
  reviews: listOf(record({ review: REVIEW_SHAPE, key: orNull(KEY), sig: SIGNATURE, notes: NAME, commit: OID_SHAPE, commitKey: orNull(KEY) })),
  carried: maybe(listOf(record({ claim: CLAIM_SHAPE, key: orNull(KEY), sig: SIGNATURE, consequences: anything, changes: CHANGES }))),
  unreadable: listOf(record({ notes: WORDS, why: WORDS })),
  time: maybe(COUNT),
});
const RECORDED = record({ v: version(1), inputs: INPUTS, decision: anything });

/** The value to record: `{v: 1, inputs, decision}`, as JSON or as canonical CBOR. */
export function decisionValue(inputs: DecisionInputs, decision: Decision): Json {
  return jsonOf({ v: 1, inputs, decision });
}

/** The hash of a recorded decision, which a merge commit names. */
export function decisionHash(inputs: DecisionInputs, decision: Decision): Hash {
  return hashValue(decisionValue(inputs, decision));
}

/**
 * Derives a decision again from its record, read from JSON or from CBOR.
 *
 * @throws AosError `decision.differs` (class unverified) when the inputs give another decision than the recorded one;
 *   `decision.invalid` when the record cannot be read
 */
export function deriveAgain(value: unknown): Decision {
  const { inputs, decision: recorded } = read(value);
  const derived = decide(inputs);
  const said = hashValue(recorded);
  const now = hashValue(jsonOf(derived));
  if (said === now) return derived;
  throw new AosError("decision.differs", `decision on ${inputs.proposal}: its inputs give ${derived.verdict}, with other words or another result than recorded`, {
    class: "unverified",
    data: { recorded: said, derived: now },
  });
}

/**
 * Checks that every review and report in a record was signed by the key it is attributed to. Commits are not in the record:
 * their signatures are checked in the repository.
 *
 * @throws AosError `decision.signature` (class unverified) at the first that was not; `decision.invalid`
 */
export function verifyRecordedSignatures(value: unknown, verifySshsig: VerifySshsig): void {
  const { inputs } = read(value);
  for (const { review, sig, key } of inputs.reviews)
    assertSigner(`review by ${key ?? "nobody"}`, verifyReview({ review, sig: blob(sig) }, verifySshsig), key);
  for (const { claim, sig, key } of [...inputs.shadows, ...(inputs.carried ?? [])])
    assertSigner(`shadow report by ${key ?? "nobody"}`, verifyShadowClaim({ claim, sig: blob(sig) }, verifySshsig), key);
}

/** The inputs a record holds. @throws AosError `decision.invalid` */
export function recordedInputs(value: unknown): DecisionInputs {
  return read(value).inputs;
}

function read(value: unknown): { readonly inputs: DecisionInputs; readonly decision: Json } {
  return readValue(jsonOf(value), RECORDED, { code: "decision.invalid", file: "decision" });
}

function blob(sig: string): Uint8Array {
  return decodeBase64(sig) ?? new Uint8Array();
}

function assertSigner(what: string, publicKey: Uint8Array | undefined, key: KeyId | null): void {
  const signer = publicKey === undefined ? null : keyId(publicKey);
  if (signer !== key) throw new AosError("decision.signature", `decision: ${what}: the signature is by ${signer ?? "nobody"}`, { class: "unverified" });
}
