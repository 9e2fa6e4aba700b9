// The records that are written most, field by field: what is known of a shape at run time only costs as much again as the bytes.

import { beginLent, closeMap, items, lentOut, openMap, step, writeBigint, writeBytes, writeNumber, writePrefix, writeRaw, writeText } from "../air/cbor-writer.ts";
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
const FUEL = items("fuel");
const STEPPED_CAUSE = items("kind", "stepped", "cause");
const STATE = items("state");
const REDUCER = items("reducer");

/** Begins with what both have first: the cell's key, if there is one, and the seq. */
function beginRecord({ key, seq }: JournalRecord<"event"> | JournalRecord<"stepped">): ReturnType<typeof openMap> {
  beginLent();
  writePrefix();
  const head = openMap();
  if (key !== undefined) {
    writeRaw(KEY);
    writeBytes(key);
  }
  writeRaw(SEQ);
  writeNumber(seq);
  return head;
}

/** Canonical bytes of an event's record: its fields in the order of their names' bytes. */
export function eventRecordBytes(record: JournalRecord<"event">): Uint8Array {
  const { key } = record;
  const head = beginRecord(record);
  writeRaw(EVENT_VALUE);
  writeBytes(record.value);
  writeRaw(NOW_NS);
  writeBigint(record.now_ns);
  writeRaw(SCHEMA);
  step("schema");
  writeText(record.schema);
  writeRaw(SENDER);
  step("sender");
  writeText(record.sender);
  writeRaw(ENTROPY);
  writeBytes(record.entropy);
  writeRaw(EVENT_HASH);
  writeText(record.event_hash);
  writeRaw(LOGICAL_NS);
  writeBigint(record.logical_ns);
  closeMap(head, key === undefined ? 9 : 10);
  return lentOut();
}

/** The same of a reducer's step. */
export function steppedRecordBytes(record: JournalRecord<"stepped">): Uint8Array {
  const { key, state } = record;
  const head = beginRecord(record);
  writeRaw(FUEL);
  writeNumber(record.fuel);
  writeRaw(STEPPED_CAUSE);
  writeNumber(record.cause);
  if (state !== undefined) {
    writeRaw(STATE);
    writeText(state);
  }
  writeRaw(REDUCER);
  writeText(record.reducer);
  closeMap(head, 5 + (key === undefined ? 0 : 1) + (state === undefined ? 0 : 1));
  return lentOut();
}
