// Journal records as JSON for people and scripts: values are decoded, bytes are base64.

import { decode, readJson, valueToJson, writeJson, type JournalRecord, type Value } from "@agentos/kernel";

export type RecordJson = { readonly seq: number; readonly kind: string; readonly [field: string]: unknown };

/** Fields that hold canonical CBOR of an AIR value. */
const CBOR_FIELDS: readonly string[] = ["value", "payload", "params", "result", "key", "correlation"];

export function recordJson(record: JournalRecord): RecordJson {
  const fields = Object.entries(record).map(([field, value]) => [field, fieldJson(field, value)] as const);
  return Object.fromEntries(fields) as RecordJson;
}

function fieldJson(field: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return CBOR_FIELDS.includes(field) ? plainJson(decode(value)) : Buffer.from(value).toString("base64");
  if (typeof value === "bigint") return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString();
  return value instanceof Map || Array.isArray(value) ? plainJson(value as Value) : value;
}

/** A value as plain JSON that `JSON.stringify` takes; integers beyond 2^53 become text. */
export function plainJson(value: Value): unknown {
  return JSON.parse(writeJson(valueToJson(value)), (_key, found: unknown) => found);
}

/** JSON a person typed, as a value: objects become maps, integers stay exact. */
export function valueFromJson(text: string, place: string): Value {
  return readJson(text, place).json as Value;
}
