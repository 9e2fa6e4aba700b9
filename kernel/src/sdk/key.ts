// Idempotency keys out of values: the same request has the same key, whoever computes it and however often.

import { sha256 } from "./bytes.ts";

/**
 * 32 bytes that only equal values share: SHA-256 over a form in which each value has its kind and its length. A number and a
 * BigInt of one value are equal; the order of an object's fields does not matter; a field of undefined is no field.
 * @throws TypeError for what is no data: functions, fractions, objects of a class
 * @example effect("http.request", params, { slot: "web", idempotencyKey: idempotencyKey("charge", order.id, order.attempt) })
 */
export function idempotencyKey(...values: readonly unknown[]): Uint8Array {
  const bytes: number[] = [];
  put(bytes, values);
  return sha256(Uint8Array.from(bytes));
}

function put(out: number[], value: unknown): void {
  if (value === null || value === undefined) return head(out, "n", 0);
  if (typeof value === "boolean") return head(out, value ? "t" : "f", 0);
  if (typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value))) return textOf(out, "i", String(BigInt(value)));
  if (typeof value === "string") return textOf(out, "s", value);
  if (value instanceof Uint8Array) {
    head(out, "b", value.length);
    for (const byte of value) out.push(byte);
    return;
  }
  if (Array.isArray(value)) {
    head(out, "l", value.length);
    for (const item of value) put(out, item);
    return;
  }
  if (typeof value !== "object" || ![Object.prototype, null].includes(Object.getPrototypeOf(value))) throw new TypeError(`idempotencyKey: ${String(value)} is not data`);
  const fields = Object.entries(value).filter(([, item]) => item !== undefined).sort(([a], [b]) => (a < b ? -1 : 1));
  head(out, "m", fields.length);
  for (const [name, item] of fields) {
    put(out, name);
    put(out, item);
  }
}

function head(out: number[], kind: string, length: number): void {
  for (const character of `${kind}${length}:`) out.push(character.charCodeAt(0));
}

/** Two bytes a UTF-16 unit: texts have one form, whatever they hold. */
function textOf(out: number[], kind: string, text: string): void {
  head(out, kind, text.length);
  for (let i = 0; i < text.length; i++) out.push(text.charCodeAt(i) >> 8, text.charCodeAt(i) & 0xff);
}
