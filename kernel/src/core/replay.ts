// Replay or die: only the inputs of a journal are fed in; everything derived is compared, byte for byte.

import { AosError } from "../air/error.ts";
import { bytesEqual, hashBytes } from "../air/hash.ts";
import { decodeRecord, encodeRecord, isInput, type Input, type JournalRecord } from "./record.ts";
import { step } from "./step.ts";
import type { Dependencies } from "./turn.ts";
import type { World } from "./world.ts";

/**
 * Folds one turn of a journal: the canonical bytes of an input and of all it led to.
 *
 * @throws AosError `replay.divergence` (unverified) at the first record that differs, with seq and both hashes
 */
export function replayTurn(world: World | undefined, turn: readonly Uint8Array[], deps: Dependencies): World {
  const [first, ...rest] = turn.map(decodeRecord);
  if (first === undefined || !isInput(first)) throw diverged(first?.seq ?? world?.nextSeq ?? 0, "a turn begins with an input", {});
  const expected = world?.nextSeq ?? 0;
  if (first.seq !== expected) throw diverged(first.seq, `the journal jumps to seq ${first.seq} where ${expected} is next`, {});
  const stray = rest.find(isInput);
  if (stray !== undefined) throw diverged(stray.seq, "an input inside a turn", {});
  const { seq: _, ...input } = first;
  const made = step(world, input as Input, deps);
  for (let index = 0; index < Math.max(made.records.length, turn.length); index++) compare(made.records[index], turn[index], first.seq + index);
  return made.world;
}

/** Cuts a run of records into turns: each begins with an input. */
export function* turnsOf(records: Iterable<Uint8Array>): Generator<readonly Uint8Array[]> {
  let turn: Uint8Array[] = [];
  for (const bytes of records) {
    if (isInput(decodeRecord(bytes)) && turn.length > 0) {
      yield turn;
      turn = [];
    }
    turn.push(bytes);
  }
  if (turn.length > 0) yield turn;
}

function compare(made: JournalRecord | undefined, held: Uint8Array | undefined, seq: number): void {
  const bytes = made === undefined ? undefined : encodeRecord(made);
  if (bytes !== undefined && held !== undefined && bytesEqual(bytes, held)) return;
  throw diverged(seq, `replay makes ${made?.kind ?? "no record"}, the journal holds ${held === undefined ? "none" : decodeRecord(held).kind}`, {
    replayed: bytes === undefined ? null : hashBytes(bytes), journal: held === undefined ? null : hashBytes(held),
  });
}

function diverged(seq: number, what: string, data: Readonly<Record<string, unknown>>): AosError {
  return new AosError("replay.divergence", `seq ${seq}: ${what}`, { class: "unverified", at: { seq }, data });
}
