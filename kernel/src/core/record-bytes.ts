// The records that are written most, put together from pieces that are always the same; all that is rare is for the general way.

import { putBytes, putChars, putHead, putRaw, putStart, putText, textBytesMax } from "../air/cbor-put.ts";
import { items, lentFrom, placeToLend } from "../air/cbor-writer.ts";
import type { JournalRecord } from "./record.ts";

export const SEQ = items("seq");
export const KEY = items("key");
export const EVENT_VALUE = items("kind", "event", "value");
export const NOW_NS = items("now_ns");
export const SCHEMA = items("schema");
export const SENDER = items("sender");
export const ENTROPY = items("entropy");
export const EVENT_HASH = items("event_hash");
export const LOGICAL_NS = items("logical_ns");
export const FUEL = items("fuel");
export const STEPPED_CAUSE = items("kind", "stepped", "cause");
export const STATE = items("state");
export const REDUCER = items("reducer");

const ENTROPY_BYTES = 32;
const HASH_CHARS = 71;
const TIME_BYTES = 8;
/** Times are of eight bytes from here, four seconds after 1970, up to `TIME_MAX`. */
const TIME_LEAST = 0x1_0000_0000n;
const TIME_MAX = 0xffff_ffff_ffff_ffffn;

// An event's record from its entropy on, and what comes before a time: always as long, so copied whole and then filled in.
const NOW = Uint8Array.from([...NOW_NS, 0x1b]);
const ENTROPY_START = [...ENTROPY, 0x58, ENTROPY_BYTES];
const HASH_START = [...EVENT_HASH, 0x78, HASH_CHARS];
const LOGICAL_START = [...LOGICAL_NS, 0x1b];
const HASH_AT = ENTROPY_START.length + ENTROPY_BYTES + HASH_START.length;
const LOGICAL_AT = HASH_AT + HASH_CHARS + LOGICAL_START.length;
const TAIL = Uint8Array.from([...ENTROPY_START, ...new Uint8Array(ENTROPY_BYTES), ...HASH_START, ...new Uint8Array(HASH_CHARS), ...LOGICAL_START, ...new Uint8Array(TIME_BYTES)]);

/** Prefix, head of the map, the keys and numbers of a record. */
const FIXED_BYTES = 320;

/** Canonical bytes of an event's record: its fields in the order of their names' bytes. Undefined for one with a field that is rare. */
export function eventRecordBytes(record: JournalRecord<"event">): Uint8Array | undefined {
  const { key, value, schema, sender, entropy, event_hash: hash, now_ns: now, logical_ns: logical } = record;
  if (!isCount(record.seq) || entropy.length !== ENTROPY_BYTES || !isTime(now) || !isTime(logical)) return undefined;
  const place = placeToLend(FIXED_BYTES + value.length + (key === undefined ? 0 : key.length) + textBytesMax(schema) + textBytesMax(sender));
  const { bytes: to, words } = place;
  let at = putStart(to, place.start, key === undefined ? 9 : 10);
  at = putKeyAndSeq(to, at, record);
  at = putBytes(to, putRaw(to, at, EVENT_VALUE), value);
  at = putRaw(to, at, NOW);
  words.setBigUint64(at, now);
  at = putText(to, putRaw(to, at + TIME_BYTES, SCHEMA), schema);
  if (at < 0) return undefined;
  at = putText(to, putRaw(to, at, SENDER), sender);
  if (at < 0) return undefined;
  to.set(TAIL, at);
  to.set(entropy, at + ENTROPY_START.length);
  if (hash.length !== HASH_CHARS || !putChars(to, at + HASH_AT, hash)) return undefined;
  words.setBigUint64(at + LOGICAL_AT, logical);
  return lentFrom(place, at + TAIL.length);
}

/** The same of a reducer's step. */
export function steppedRecordBytes(record: JournalRecord<"stepped">): Uint8Array | undefined {
  const { key, state, reducer } = record;
  if (!isCount(record.seq) || !isCount(record.fuel) || !isCount(record.cause)) return undefined;
  const place = placeToLend(FIXED_BYTES + (key === undefined ? 0 : key.length) + (state === undefined ? 0 : textBytesMax(state)) + textBytesMax(reducer));
  const to = place.bytes;
  let at = putStart(to, place.start, 5 + (key === undefined ? 0 : 1) + (state === undefined ? 0 : 1));
  at = putKeyAndSeq(to, at, record);
  at = putHead(to, putRaw(to, at, FUEL), 0, record.fuel);
  at = putHead(to, putRaw(to, at, STEPPED_CAUSE), 0, record.cause);
  if (state !== undefined) {
    at = putText(to, putRaw(to, at, STATE), state);
    if (at < 0) return undefined;
  }
  at = putText(to, putRaw(to, at, REDUCER), reducer);
  return at < 0 ? undefined : lentFrom(place, at);
}

function isCount(count: number): boolean {
  return Number.isSafeInteger(count) && count >= 0;
}

function isTime(time: bigint): boolean {
  return time >= TIME_LEAST && time <= TIME_MAX;
}

/** What both have first: the cell's key, if there is one, and the seq. */
function putKeyAndSeq(to: Uint8Array, at: number, { key, seq }: JournalRecord<"event"> | JournalRecord<"stepped">): number {
  const next = key === undefined ? at : putBytes(to, putRaw(to, at, KEY), key);
  return putHead(to, putRaw(to, next, SEQ), 0, seq);
}
