// What a receipt's signature is over, and what a receipt's payload may be.

import { canonical, decode } from "../air/cbor.ts";
import { sha512 } from "@noble/hashes/sha2.js";
import { hashBytes, utf8 } from "../air/hash.ts";
import { normalizerFor } from "../air/normalize.ts";
import { AosError } from "../air/error.ts";
import type { ControlPlane } from "../air/types.ts";
import type { Hash } from "../air/value.ts";

export interface NormalAnswer {
  readonly status: ReceiptStatus;
  readonly payload: Uint8Array;
  readonly code: string | undefined;
}
export type ReceiptStatus = "ok" | "error" | "timeout";

/** SSHSIG namespace of receipt signatures. */
export const RECEIPT_NAMESPACE = "aos-receipt";

/** The facts a receipt's signature vouches for. `intentSeq` is the seq of the intent it answers. */
export interface ReceiptFacts {
  readonly world: Hash;
  readonly intent: Hash;
  readonly intentSeq: number;
  readonly adapter: string;
  readonly status: ReceiptStatus;
  readonly payload: Uint8Array;
  /** Why it is not `ok`: a code of the dispatcher (`outcome_unknown`, `cancelled`, `receipt.invalid`) or of the adapter (`vault.digest`). */
  readonly code: string | undefined;
  readonly costCents: number | undefined;
  readonly startedNs: bigint;
  readonly finishedNs: bigint;
}

/**
 * The message a receipt's signature is over: canonical CBOR of
 * `{world, intent_hash, adapter_id, status, payload_hash, code?, cost_cents?, started_ns, finished_ns, seq_hint}`.
 */
export function receiptMessage(facts: ReceiptFacts): Uint8Array {
  return canonical({
    world: facts.world, intent_hash: facts.intent, adapter_id: facts.adapter, status: facts.status, payload_hash: hashBytes(facts.payload),
    code: facts.code, cost_cents: facts.costCents, started_ns: facts.startedNs, finished_ns: facts.finishedNs, seq_hint: facts.intentSeq,
  });
}

/**
 * A payload in the form the journal holds: canonical and fitting the effect's receipt schema. What does not fit becomes
 * null, and an `ok` that does not fit becomes an `error`.
 */
export function normalPayload(control: ControlPlane, effect: string, answer: { readonly status: ReceiptStatus; readonly payload: Uint8Array }): NormalAnswer {
  const schema = control.effects.get(effect)?.receipt_schema;
  try {
    if (schema === undefined) throw new AosError("schema.missing", `${effect}: no receipt schema`);
    return { status: answer.status, payload: canonical(normalizerFor(control.schemas, schema)(decode(answer.payload))), code: undefined };
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return { status: answer.status === "ok" ? "error" : answer.status, payload: canonical(null), code: "receipt.invalid" };
  }
}

/**
 * The bytes an SSHSIG signature is over (PROTOCOL.sshsig of OpenSSH): magic, namespace, reserved, hash name, SHA-512 of the
 * message. A receipt's 64-byte signature is over these bytes with namespace `aos-receipt`, so `ssh-keygen -Y verify` can judge it.
 */
export function sshsigBytes(namespace: string, message: Uint8Array): Uint8Array {
  const fields = [utf8(namespace), new Uint8Array(0), utf8("sha512"), sha512(message)];
  const magic = utf8("SSHSIG");
  const out = new Uint8Array(magic.length + fields.reduce((sum, field) => sum + 4 + field.length, 0));
  out.set(magic);
  let at = magic.length;
  for (const field of fields) {
    new DataView(out.buffer).setUint32(at, field.length);
    out.set(field, at + 4);
    at += 4 + field.length;
  }
  return out;
}
