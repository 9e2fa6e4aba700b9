// The records that are read most, an event's and its step's, read straight from their canonical bytes; all that is written otherwise is for the general way.

import { asciiAt } from "../air/cbor.ts";
import type { Hash, Seq } from "../air/value.ts";
import { ENTROPY, EVENT_HASH, EVENT_VALUE, FUEL, KEY, LOGICAL_NS, NOW_NS, REDUCER, SCHEMA, SENDER, SEQ, STATE, STEPPED_CAUSE } from "./record-bytes.ts";
import type { JournalRecord } from "./record.ts";

const HASH_CHARS = 71;
const HASH_START = "sha256:";
/** Longer texts, and any that are not ASCII, are left to the general way. */
const TEXT_BYTES = 64;

/** Where the bytes are read: one record at a time. */
let bytes: Uint8Array = new Uint8Array(0);
let at = 0;
const chars: number[] = Array.from({ length: HASH_CHARS }, () => 0);

/** The event or step that these are the canonical bytes of; undefined for all other bytes, and for some that are rare. */
export function readCommonRecord(record: Uint8Array): JournalRecord<"event" | "stepped"> | undefined {
  bytes = record;
  at = 4;
  const count = record[3] ?? 0;
  if (record[0] !== 0xd9 || record[1] !== 0xd9 || record[2] !== 0xf7) return undefined;
  if (count === 0xa9 || count === 0xaa) return readEvent(record, count);
  return count >= 0xa5 && count <= 0xa7 ? readStepped(record, count) : undefined;
}

function readEvent(record: Uint8Array, count: number): JournalRecord<"event"> | undefined {
  const key = count === 0xaa ? bytesAfter(KEY) : undefined;
  if (count === 0xaa && key === undefined) return undefined;
  const seq = after(SEQ) ? argument(0x00) : undefined;
  if (seq === undefined) return undefined;
  const value = bytesAfter(EVENT_VALUE);
  if (value === undefined) return undefined;
  const now_ns = after(NOW_NS) ? time() : undefined;
  const schema = textAfter(SCHEMA);
  const sender = textAfter(SENDER);
  const entropy = bytesAfter(ENTROPY);
  const event_hash = hashAfter(EVENT_HASH);
  const logical_ns = after(LOGICAL_NS) ? time() : undefined;
  if (now_ns === undefined || schema === undefined || sender === undefined || entropy === undefined || event_hash === undefined || logical_ns === undefined) return undefined;
  if (at !== record.length) return undefined;
  return key === undefined
    ? { seq: seq as Seq, kind: "event", schema, value, event_hash, sender, now_ns, logical_ns, entropy }
    : { seq: seq as Seq, kind: "event", schema, value, key, event_hash, sender, now_ns, logical_ns, entropy };
}

function readStepped(record: Uint8Array, count: number): JournalRecord<"stepped"> | undefined {
  const isKeyed = bytes[at] === KEY[0] && bytes[at + 1] === KEY[1];
  const key = isKeyed ? bytesAfter(KEY) : undefined;
  if (isKeyed && key === undefined) return undefined;
  const seq = after(SEQ) ? argument(0x00) : undefined;
  const fuel = after(FUEL) ? argument(0x00) : undefined;
  const cause = after(STEPPED_CAUSE) ? argument(0x00) : undefined;
  const hasState = count === (isKeyed ? 0xa7 : 0xa6);
  const state = hasState ? hashAfter(STATE) : undefined;
  const reducer = textAfter(REDUCER);
  if (seq === undefined || fuel === undefined || cause === undefined || (hasState && state === undefined) || reducer === undefined) return undefined;
  if (at !== record.length || count !== 0xa5 + (isKeyed ? 1 : 0) + (hasState ? 1 : 0)) return undefined;
  const place = seq as Seq;
  if (state === undefined) return { seq: place, kind: "stepped", reducer, ...(key === undefined ? {} : { key }), fuel, cause };
  if (key === undefined) return { seq: place, kind: "stepped", reducer, state, fuel, cause };
  return { seq: place, kind: "stepped", reducer, key, state, fuel, cause };
}

/** Steps over items that stand next; false where others do, and then nothing is read any more. */
function after(items: Uint8Array): boolean {
  for (let i = 0; i < items.length; i++) {
    if (bytes[at + i] === items[i]) continue;
    at = bytes.length + 1;
    return false;
  }
  at += items.length;
  return true;
}

/** A time: nearly always of eight bytes. */
function time(): bigint | undefined {
  if (bytes[at] !== 0x1b || at + 9 > bytes.length) {
    const short = argument(0x00);
    return short === undefined ? undefined : BigInt(short);
  }
  for (let i = 0; i < 8; i++) timeBytes[i] = bytes[at + 1 + i] as number;
  if (timeView.getUint32(0) === 0) return undefined;
  at += 9;
  return timeView.getBigUint64(0);
}
const timeBytes = new Uint8Array(8);
const timeView = new DataView(timeBytes.buffer);

/** The argument of a head of this major type, below 2^53 and written as short as it can be; undefined for anything else. */
function argument(major: number): number | undefined {
  const info = (bytes[at] ?? 0xff) - major;
  if (info < 0 || info > 27) return undefined;
  at++;
  if (info < 24) return info;
  const size = 1 << (info - 24);
  if (at + size > bytes.length) return undefined;
  let high = 0;
  let low = 0;
  for (let i = 0; i < size; i++) {
    if (size === 8 && i < 4) high = high * 256 + (bytes[at + i] as number);
    else low = low * 256 + (bytes[at + i] as number);
  }
  at += size;
  if (size === 8) return high === 0 || high >= 0x20_0000 ? undefined : high * 0x1_0000_0000 + low;
  return low < LEAST[info - 24]! ? undefined : low;
}
const LEAST = [24, 0x100, 0x10000];

function lengthOf(major: number): number | undefined {
  const length = argument(major);
  return length !== undefined && at + length <= bytes.length ? length : undefined;
}

function bytesAfter(items: Uint8Array): Uint8Array | undefined {
  const length = after(items) ? lengthOf(0x40) : undefined;
  if (length === undefined) return undefined;
  at += length;
  return bytes.slice(at - length, at);
}

function textAfter(items: Uint8Array): string | undefined {
  const length = after(items) ? lengthOf(0x60) : undefined;
  if (length === undefined || length > TEXT_BYTES) return undefined;
  at += length;
  return asciiAt(bytes, at - length, length);
}

function hashAfter(items: Uint8Array): Hash | undefined {
  if (!after(items) || lengthOf(0x60) !== HASH_CHARS) return undefined;
  for (let i = 0; i < HASH_CHARS; i++) {
    const char = bytes[at + i] as number;
    const fits = i < HASH_START.length ? char === HASH_START.charCodeAt(i) : (char >= 0x30 && char <= 0x39) || (char >= 0x61 && char <= 0x66);
    if (!fits) return undefined;
    chars[i] = char;
  }
  at += HASH_CHARS;
  return String.fromCharCode.apply(null, chars) as Hash;
}
