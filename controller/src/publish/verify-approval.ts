// Effects that wait for a person, as a verification sees them: whose word let each one run.

import { APPROVAL_NAMESPACE, approvalMessage, sshsigBytes, type JournalRecord } from "@agentos/kernel";
import { verifyEd25519 } from "../git/ed25519.ts";
import { article } from "../governance/signer.ts";
import { keyId } from "../governance/ssh-key.ts";
import { nameOf, principalAt, report, type Checking, type Problem } from "./verify-check.ts";

type At = Omit<Problem, "code" | "message">;

/** An approval is a person's, signed with a key of theirs in force there, and about an effect that is held there. */
export function checkApproval(check: Checking, approval: JournalRecord<"approval">, at: At): void {
  check.counts.approvals++;
  const { seq, held_seq: heldSeq, decision, reason, by, signer, signature } = approval;
  const wrong = (code: string, message: string): void => report(check, { ...at, seq, code, message: `${nameOf(approval)}: ${message}` });
  const intent = check.held.get(heldSeq);
  check.held.delete(heldSeq);
  if (intent === undefined) return wrong("approval.held", `no effect is held at seq ${heldSeq}`);
  if (decision !== "grant" && decision !== "deny") return wrong("approval.decision", `${JSON.stringify(decision)} is no decision`);
  const message = approvalMessage({ world: check.trust, heldSeq, intent, decision, ...(reason === undefined ? {} : { reason }) });
  const principal = check.trustNow === undefined ? undefined : principalAt(check.trustNow, signer, seq);
  if (!verifyEd25519(signer, sshsigBytes(APPROVAL_NAMESPACE, message), signature)) wrong("approval.signature", "its signature does not hold");
  else if (principal === undefined) wrong("approval.signer", `signed by a key that is nobody's there, or retired (${keyId(signer)})`);
  else if (principal.kind !== "person") wrong("approval.signer", `signed by ${principal.name}, ${article(principal.kind)}: only a person decides on held effects`);
  else if (principal.name !== by) wrong("approval.signer", `signed by ${principal.name}, not by ${by}`);
  if (decision === "grant") check.granted.set(seq, intent);
}

/** An effect that says it was approved names a grant of itself; each grant lets one run. */
export function checkApproved(check: Checking, intent: JournalRecord<"intent">, at: At): void {
  const { seq, approved } = intent;
  if (approved === undefined) return;
  if (check.granted.get(approved) !== intent.intent) report(check, { ...at, seq, code: "approval.missing", message: `${nameOf(intent)}: no person granted it at seq ${approved}` });
  check.granted.delete(approved);
}
