// Journals with something in them changed, for tests of what replay notices.

import assert from "node:assert/strict";
import { canonical, decode } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import { hashValue, isHash } from "../air/hash.ts";
import type { Encodable, Value } from "../air/value.ts";
import { decodeRecord, encodeRecord, type JournalRecord } from "../core/record.ts";

export type Turns = readonly (readonly Uint8Array[])[];

/** Is this a divergence at that seq, told as such? */
export function diverges(seq: number): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof AosError, String(error));
    assert.equal(error.code, "replay.divergence", error.message);
    assert.equal(error.class, "unverified");
    assert.equal(error.at?.seq, seq, error.message);
    assert.match(error.message, new RegExp(`^seq ${seq}: `));
    return true;
  };
}

/** The fields of a record, changed one after the other to another value of the same type. */
export function* changedFields(bytes: Uint8Array): Generator<readonly [string, Uint8Array]> {
  const map = decode(bytes) as ReadonlyMap<string, Value>;
  for (const [field, value] of map) {
    if (field === "kind" || field === "seq") continue;
    yield [field, canonical(new Map<string, Encodable>([...map, [field, otherThan(value)]]))];
  }
}

function otherThan(value: Value): Encodable {
  if (typeof value === "number") return value + 1;
  if (typeof value === "bigint") return value + 1n;
  if (value instanceof Uint8Array) return Uint8Array.of(...value, 1);
  if (typeof value === "string") return isHash(value) ? hashValue(value) : `${value}x`;
  return [value];
}

/** The turns with one record's place in one of them filled anew. */
export function withRecord(turns: Turns, at: { readonly turn: number; readonly index: number }, records: readonly Uint8Array[]): Turns {
  return turns.map((turn, index) => (index === at.turn ? [...turn.slice(0, at.index), ...records, ...turn.slice(at.index + 1)] : turn));
}

/** The turns with fields of a turn's input set to other values; undefined takes a field away. */
export function withInput(turns: Turns, turn: number, changes: Readonly<Record<string, unknown>>): Turns {
  const first = turns[turn]?.[0];
  assert.ok(first !== undefined, `there is a turn ${turn}`);
  return withRecord(turns, { turn, index: 0 }, [encodeRecord({ ...decodeRecord(first), ...changes } as unknown as JournalRecord)]);
}
