// Receipts as lines that stock tools can judge: one JSON object a line, its signature an SSHSIG over the bytes beside it.

import { receiptFacts, receiptMessage, type Hash, type JournalRecord } from "@agentos/kernel";
import { sshsigBlob } from "../git/sshsig.ts";

/**
 * The `receipts/…` file of a segment, empty bytes when it has no receipt. A line is
 * `{"seq","intent","adapter","status","signed","sshsig"}`: `signed` is base64 of the receipt message (canonical CBOR), `sshsig`
 * base64 of an SSHSIG blob, namespace `aos-receipt`. It is derived from the segment, byte for byte.
 */
export function receiptLines(world: Hash, records: readonly JournalRecord[]): Uint8Array {
  const lines = records.filter((record) => record.kind === "receipt").map((record) => {
    const signed = Buffer.from(receiptMessage(receiptFacts(world, record))).toString("base64");
    const sshsig = Buffer.from(sshsigBlob({ publicKey: record.signer, namespace: "aos-receipt", signature: record.signature })).toString("base64");
    return `${JSON.stringify({ seq: record.seq, intent: record.intent, adapter: record.adapter, status: record.status, signed, sshsig })}\n`;
  });
  return new TextEncoder().encode(lines.join(""));
}
