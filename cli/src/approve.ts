// A person's signed word on a held effect, sent to the running world.

import { AosError, APPROVAL_NAMESPACE, approvalMessage, encodeBase64, parseHash, sshsigBytes, type ApprovalDecision } from "@agentos/kernel";
import { parseOid, type ApprovalRow, type RecordJson, type WorldStatus } from "@agentos/controller";
import { requireRunning } from "./answer.ts";
import type { Context } from "./context.ts";
import { recordLine } from "./render/record.ts";
import { decidedLines } from "./render/waits.ts";
import { readTrustOf, requirePrincipal } from "./signers.ts";
import { personKey, withStore, worldRepo } from "./world.ts";

/** Signs the decision on what is held at a seq now, and sends it. @throws AosError `approval.*`, `key.missing`, `trust.stranger`, `world.away` */
export async function decide(cx: Context, decision: ApprovalDecision, { seq, reason }: { readonly seq: number; readonly reason: string | undefined }): Promise<void> {
  const repo = await worldRepo(cx);
  const key = await personKey(cx, repo);
  const world = await requireRunning(repo);
  const held = (await world.ask("GET", "/approvals")) as { readonly approvals: readonly ApprovalRow[]; readonly world: string };
  const found = held.approvals.find((row) => row.seq === seq);
  if (found === undefined) throw new AosError("approval.not_held", `#${seq}: no effect is held there`, { at: { seq }, hint: "`aos approvals ls` lists what waits" });
  const { appliedRevision } = (await world.ask("GET", "/status")) as WorldStatus;
  const trust = appliedRevision === undefined ? undefined : await withStore(repo, (store) => readTrustOf(store, parseOid(appliedRevision)));
  if (trust === undefined) throw new AosError("trust.missing", "the commit in force has no trust file", { hint: "was the world made with `aos init`?" });
  const by = requirePrincipal(trust, key).name;
  const why = reason === undefined ? {} : { reason };
  const message = approvalMessage({ world: parseHash(held.world), heldSeq: seq, intent: parseHash(found.intent), decision, ...why });
  const offer = { decision, ...why, by, signer: encodeBase64(key.publicKey), signature: encodeBase64(key.sign(sshsigBytes(APPROVAL_NAMESPACE, message))) };
  const { records } = (await world.ask("POST", `/approvals/${seq}`, offer)) as { readonly records: readonly RecordJson[] };
  const done = { seq, intent: found.intent, effect: found.effect, decision, by };
  cx.out.result({ ...done, records }, [...records.map((record) => recordLine(record, cx.out.style)), ...decidedLines(done, cx.out.style)]);
}
