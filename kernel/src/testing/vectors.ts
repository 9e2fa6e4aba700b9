// Reads the test vectors of this package (`kernel/vectors/*.json`).

import { readFileSync } from "node:fs";
import { assert } from "../air/error.ts";
import { unhex } from "../air/bytes.ts";
import { readJson } from "../air/json.ts";
import type { Json } from "../air/types.ts";
import { Float, integer } from "../air/value.ts";
import type { Value } from "../air/value.ts";

/** A row of a vector file: its members by name, each of the wanted kind or the vector file is wrong. */
export interface Row {
  readonly label: string;
  has(name: string): boolean;
  json(name: string): Json;
  text(name: string): string;
  /** Bytes written as hex. */
  bytes(name: string): Uint8Array;
  /** A value in vector notation, see {@link vectorValue}. */
  value(name: string): Value;
}

/** The rows under `table` in `kernel/vectors/<file>`; never none, so that a loop over them cannot look at nothing. */
export function vectors(file: string, table: string): readonly Row[] {
  const { json } = readJson(readFileSync(new URL(`../../vectors/${file}`, import.meta.url), "utf8"), file);
  const rows = json instanceof Map ? (json as ReadonlyMap<string, Json>).get(table) : undefined;
  assert(Array.isArray(rows) && rows.length > 0, `${file} has rows under ${table}`);
  return (rows as readonly Json[]).map((row, index) => rowOf(row, `${file} ${table}[${index}]`));
}

function rowOf(row: Json, place: string): Row {
  assert(row instanceof Map, `${place} is an object`);
  const members = row as ReadonlyMap<string, Json>;
  const json = (name: string): Json => {
    const member = members.get(name);
    assert(member !== undefined, `${place} has ${name}`);
    return member;
  };
  const text = (name: string): string => {
    const member = json(name);
    assert(typeof member === "string", `${place}.${name} is text`);
    return member;
  };
  return {
    label: text("label"),
    has: (name) => members.has(name),
    json,
    text,
    bytes: (name) => unhex(text(name)),
    value: (name) => vectorValue(json(name)),
  };
}

/**
 * JSON to value: `{"$hex": "0a"}` is bytes, `{"$map": [[key, value], …]}` a map with any keys, `{"$float": "NaN"}` and `{"$int": "…"}`
 * are numbers that JSON cannot spell.
 */
export function vectorValue(json: Json): Value {
  if (Array.isArray(json)) return (json as readonly Json[]).map(vectorValue);
  if (!(json instanceof Map)) return json as Exclude<Json, readonly Json[] | ReadonlyMap<string, Json>>;
  const object = json as ReadonlyMap<string, Json>;
  const hex = object.get("$hex");
  if (typeof hex === "string") return unhex(hex);
  const float = object.get("$float");
  if (typeof float === "string") return new Float(Number(float));
  const int = object.get("$int");
  if (typeof int === "string") return integer(BigInt(int));
  const entries = object.get("$map");
  if (Array.isArray(entries)) {
    return new Map((entries as readonly (readonly Json[])[]).map((pair) => [vectorValue(pair[0] as Json), vectorValue(pair[1] as Json)]));
  }
  return new Map([...object].map(([key, value]) => [key, vectorValue(value)]));
}
