// Journal records as JSON for people and scripts: values are decoded, bytes are base64.

import { AosError, decode, decodeBase64, Float, readJson, valueToJson, type Json, type JournalRecord, type Value } from "@agentos/kernel";

export type RecordJson = { readonly seq: number; readonly kind: string; readonly [field: string]: unknown };

/** Fields that hold canonical CBOR of an AIR value. */
const CBOR_FIELDS: readonly string[] = ["value", "payload", "params", "result", "key", "correlation"];

export function recordJson(record: JournalRecord): RecordJson {
  const fields = Object.entries(record).map(([field, value]) => [field, fieldJson(field, value)] as const);
  return Object.fromEntries(fields) as RecordJson;
}

function fieldJson(field: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return CBOR_FIELDS.includes(field) ? plainJson(decode(value)) : Buffer.from(value).toString("base64");
  if (typeof value === "bigint") return plainInteger(value);
  return value instanceof Map || Array.isArray(value) ? plainJson(value as Value) : value;
}

/** A value as plain JSON that `JSON.stringify` takes; integers beyond 2^53 become text. */
export function plainJson(value: Value): unknown {
  return plainOf(valueToJson(value));
}

function plainOf(json: Json): unknown {
  if (json instanceof Float) return json.value;
  if (typeof json === "bigint") return plainInteger(json);
  if (json instanceof Map) return Object.fromEntries([...(json as ReadonlyMap<string, Json>)].map(([key, inner]) => [key, plainOf(inner)]));
  return Array.isArray(json) ? (json as readonly Json[]).map(plainOf) : json;
}

function plainInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/** JSON as a value: objects become maps, integers stay exact. @throws AosError `json.syntax` */
export function valueFromJson(text: string, place: string): Value {
  return readJson(text, place).json as Value;
}

/**
 * A value as people send it: JSON in which `{"$bytes": base64}` is bytes, as it is printed.
 *
 * @throws AosError `json.syntax`; `json.bytes` where there is no base64
 */
export function sentValue(text: string, place: string): Value {
  return withBytes(readJson(text, place).json, place);
}

function withBytes(json: Json, place: string): Value {
  if (Array.isArray(json)) return (json as readonly Json[]).map((item) => withBytes(item, place));
  if (!(json instanceof Map)) return json as Value;
  const fields = json as ReadonlyMap<string, Json>;
  const text = fields.size === 1 ? fields.get("$bytes") : undefined;
  if (text === undefined) return new Map([...fields].map(([name, inner]) => [name, withBytes(inner, place)] as const));
  const bytes = typeof text === "string" ? decodeBase64(text) : undefined;
  if (bytes === undefined) throw new AosError("json.bytes", `${place}: $bytes: expected base64, padded`, { hint: 'bytes are written {"$bytes": "aGk="}' });
  return bytes;
}
