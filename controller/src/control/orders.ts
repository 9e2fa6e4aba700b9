// What can be asked to happen in a running world: events, cancellations, a person's word on a held effect.

import {
  AosError, APPROVAL_NAMESPACE, approvalMessage, decodeBase64, sshsigBytes, trieGet, type ApprovalOffer, type EventOffer, type HeldEffect, type Value, type World,
} from "@agentos/kernel";
import { verifyEd25519 } from "../git/ed25519.ts";
import { article } from "../governance/signer.ts";
import { keyId } from "../governance/ssh-key.ts";
import { principalOfKey, type Trust } from "../governance/trust.ts";
import type { ControlRequest } from "./exchange.ts";
import { keyBytes } from "./questions.ts";
import { sentValue } from "./record-json.ts";

type Fields = ReadonlyMap<Value, Value>;

/** Who asks, as a record names it, where nobody signed: the way it came. */
export function senderOf({ via }: Pick<ControlRequest, "via">): string {
  return via === "socket" ? "control" : "control-http";
}

/** @throws AosError `control.body`, `event.key` */
export function readOffer(request: ControlRequest, world: World): EventOffer {
  const fields = bodyOf(request);
  const schema = fields.get("schema");
  const value = fields.get("value");
  const key = fields.get("key");
  const known = fields.size === (key === undefined ? 2 : 3);
  if (typeof schema !== "string" || value === undefined || !known) throw new AosError("control.body", "request: an event is {schema, value, key?}, and nothing else");
  return { schema, value, key: key === undefined ? undefined : eventKey(world, schema, key), sender: senderOf(request) };
}

function eventKey(world: World, schema: string, key: Value): Uint8Array | undefined {
  if (world.control === undefined) throw new AosError("world.empty", "no control plane is in force yet", { hint: "the world begins in a moment: `aos status` says how it is" });
  const reducer = world.control.manifest.routing?.events?.find(({ event }) => event === schema)?.reducer;
  if (reducer === undefined) throw new AosError("event.key", `${schema}: no reducer takes this event, so it has no key`, { hint: "leave the key out" });
  return keyBytes(world, reducer, key);
}

/** The reason of `{reason?}`; a request without a body gives none. @throws AosError `control.body` */
export function readReason(request: ControlRequest): { readonly reason?: string } {
  const fields = request.body === undefined ? new Map<Value, Value>() : bodyOf(request);
  const reason = fields.get("reason");
  if (fields.size > (reason === undefined ? 0 : 1) || !isReason(reason)) throw new AosError("control.body", `request: a cancellation is {reason?}, and nothing else; a reason has at most ${REASON_CHARS_MAX} characters`);
  return reason === undefined ? {} : { reason };
}

/** The mode of `{mode?}`; a request without a body asks for what changed. @throws AosError `control.body` */
export function readSnapshotMode(request: ControlRequest): "changes" | "full" {
  const fields = request.body === undefined ? new Map<Value, Value>() : bodyOf(request);
  const mode = fields.size === 0 ? "changes" : fields.get("mode");
  if (fields.size > 1 || (mode !== "changes" && mode !== "full")) throw new AosError("control.body", "request: a snapshot is {mode?: changes or full}, and nothing else");
  return mode;
}

const REASON_CHARS_MAX = 1_000;

function isReason(value: Value | undefined): value is string | undefined {
  return value === undefined || (typeof value === "string" && value.length <= REASON_CHARS_MAX);
}

/**
 * Reads `{decision, reason?, by, signer, signature}` on the effect held at a seq, and checks that a person of the trust file in
 * force signed it.
 *
 * @throws AosError `control.body`, `approval.not_held`, `approval.signature`, `approval.signer` (the last two refused)
 */
export function readApproval(request: ControlRequest, heldSeq: number, { world, trust }: { readonly world: World; readonly trust: Trust }): ApprovalOffer {
  const fields = bodyOf(request);
  const [decision, reason, by] = [fields.get("decision"), fields.get("reason"), fields.get("by")];
  const [signer, signature] = [bytesOf(fields.get("signer"), 32), bytesOf(fields.get("signature"), 64)];
  const known = fields.size === (reason === undefined ? 4 : 5);
  if ((decision !== "grant" && decision !== "deny") || !isReason(reason) || typeof by !== "string" || signer === undefined || signature === undefined || !known) {
    throw new AosError("control.body", "request: an approval is {decision: grant or deny, reason?, by, signer: base64 of 32 bytes, signature: base64 of 64 bytes}, and nothing else", { hint: "`aos approvals grant SEQ` signs and sends one" });
  }
  const held: HeldEffect | undefined = trieGet(world.held, String(heldSeq));
  if (held === undefined) throw new AosError("approval.not_held", `#${heldSeq}: no effect is held there`, { hint: "`aos approvals ls` lists what waits" });
  const offer: ApprovalOffer = { heldSeq, decision, by, ...(reason === undefined ? {} : { reason }), signer, signature };
  requirePerson(trust, offer);
  const message = approvalMessage({ world: world.id, heldSeq, intent: held.intent, decision, ...(reason === undefined ? {} : { reason }) });
  if (!verifyEd25519(signer, sshsigBytes(APPROVAL_NAMESPACE, message), signature)) {
    throw new AosError("approval.signature", `#${heldSeq}: the signature does not hold for this effect of this world`, { class: "refused", hint: "`aos approvals grant SEQ` signs what is held there now" });
  }
  return offer;
}

/** As with reviews: what an agent, a CI or a controller says weighs nothing. */
function requirePerson(trust: Trust, { signer, by }: Pick<ApprovalOffer, "signer" | "by">): void {
  const principal = principalOfKey(trust, signer);
  const wrong = (what: string): AosError => new AosError("approval.signer", what, { class: "refused", hint: "use the key of a person whom .aos/trust.json in force names" });
  if (principal === undefined) throw wrong(`${keyId(signer)}: nobody in the trust file in force has this key`);
  if (principal.kind !== "person") throw wrong(`${principal.name} is ${article(principal.kind)}: only a person decides on held effects`);
  if (principal.name !== by) throw wrong(`${by}: the signature is ${principal.name}'s`);
}

function bodyOf(request: ControlRequest): Fields {
  const body = request.body === undefined ? null : sentValue(request.body, "request");
  return body instanceof Map ? body : new Map<Value, Value>();
}

function bytesOf(value: Value | undefined, size: number): Uint8Array | undefined {
  const bytes = typeof value === "string" ? decodeBase64(value) : undefined;
  return bytes?.length === size ? bytes : undefined;
}
