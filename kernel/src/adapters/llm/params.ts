// Reads the params of `llm.generate`.

import { decode } from "../../air/cbor.ts";
import { AosError } from "../../air/error.ts";
import { fromUtf8, isHash } from "../../air/hash.ts";
import type { Hash, Value } from "../../air/value.ts";
import type { ToolChoice } from "./protocol.ts";

/** Params as an adapter gets them; `apiKey` is a secret. */
export interface LlmParams {
  readonly provider: string;
  readonly model: string;
  readonly temperature: number;
  readonly maxTokens: number;
  readonly messageRefs: readonly Hash[];
  readonly toolRefs: readonly Hash[];
  /** `auto` when the author chose nothing. */
  readonly toolChoice: ToolChoice;
  readonly apiKey: string | undefined;
}

const REFS_MAX = 10_000;
/** What a header's value can hold, and JSON spells the same. */
const KEY = /^[!#-[\]-~]{1,4096}$/;

/** @throws AosError `llm.params` with the field's name; never with its value */
export function readParams(bytes: Uint8Array): LlmParams {
  const params = decode(bytes);
  return {
    provider: text(params, "provider"), model: text(params, "model"), temperature: temperature(field(params, "temperature")),
    maxTokens: maxTokens(field(params, "max_tokens")), messageRefs: refs(params, "message_refs"), toolRefs: refs(params, "tool_refs"),
    toolChoice: toolChoice(field(params, "tool_choice")), apiKey: apiKey(field(params, "api_key")),
  };
}

/** @throws AosError `llm.key` for bytes that cannot be a key */
export function keyText(bytes: Uint8Array | string): string {
  // A secret from a file ends in a line end, which is not the key's.
  const key = (typeof bytes === "string" ? bytes : latin1(bytes)).trim();
  if (!KEY.test(key)) throw new AosError("llm.key", "the API key is not printable text without blanks");
  return key;
}

function latin1(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch {
    return "";
  }
}

function field(value: Value, name: string): Value {
  return value instanceof Map ? ((value as ReadonlyMap<Value, Value>).get(name) ?? null) : null;
}

function text(params: Value, name: string): string {
  const value = field(params, name);
  if (typeof value !== "string" || value === "") throw bad(name, "expected a text");
  return value;
}

function temperature(value: Value): number {
  if (typeof value !== "string" || !/^-?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,4})?$/.test(value) || !Number.isFinite(Number(value))) {
    throw bad("temperature", "expected a decimal number in text");
  }
  return Number(value);
}

function maxTokens(value: Value): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1) throw bad("max_tokens", "expected at least 1");
  return value;
}

function refs(params: Value, name: string): readonly Hash[] {
  const value = field(params, name) ?? [];
  if (!Array.isArray(value) || value.length > REFS_MAX) throw bad(name, `expected a list of at most ${REFS_MAX} hashes`);
  return (value as readonly Value[]).map((item) => {
    if (typeof item !== "string" || !isHash(item)) throw bad(name, "expected a list of hashes");
    return item;
  });
}

function toolChoice(value: Value): ToolChoice {
  if (value === null) return { kind: "auto" };
  switch (field(value, "$tag")) {
    case "Auto": return { kind: "auto" };
    case "None": return { kind: "none" };
    case "Required": return { kind: "required" };
    case "Tool": return { kind: "tool", name: text(field(value, "$value"), "name") };
    default: throw bad("tool_choice", "expected Auto, None, Required or Tool");
  }
}

/** A text, or the literal of `sys/TextOrSecretRef@1`; a reference that nobody put a value in the place of is refused. */
function apiKey(value: Value): string | undefined {
  if (value === null) return undefined;
  const literal = field(value, "$tag") === "literal" ? field(value, "$value") : (field(value, "literal") ?? value);
  const key = literal === null ? value : literal;
  if (typeof key !== "string" && !(key instanceof Uint8Array)) throw bad("api_key", "the secret was not resolved");
  return keyText(key);
}

function bad(name: string, what: string): AosError {
  return new AosError("llm.params", `${name}: ${what}`);
}
