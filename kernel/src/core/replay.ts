// Replay or die: only the inputs of a journal are fed in; everything derived is compared, byte for byte (I8).

import { AosError } from "../air/error.ts";
import { bytesEqual, hashBytes } from "../air/hash.ts";
import { admitReceipt } from "./admit.ts";
import { decodeRecord, encodeRecord, isInput, type Input, type JournalRecord } from "./record.ts";
import { step } from "./step.ts";
import { trieGet } from "./trie.ts";
import { hashEvent, type Dependencies } from "./turn.ts";
import type { World } from "./world.ts";

/** A turn as a journal holds it: the canonical bytes of an input and of all it led to, and the first of them decoded. */
export interface HeldTurn {
  readonly head: JournalRecord | undefined;
  readonly bytes: readonly Uint8Array[];
}

/** Decodes the record a turn begins with. @throws AosError `record.invalid` (unverified) */
export function heldTurn(bytes: readonly Uint8Array[]): HeldTurn {
  return { head: bytes[0] === undefined ? undefined : decodeRecord(bytes[0]), bytes };
}

/**
 * Folds one turn of a journal.
 *
 * @throws AosError `replay.divergence` (unverified) at the first record that differs, with seq and both hashes; also for an
 * input that no host can have taken
 */
export function replayTurn(world: World | undefined, turn: HeldTurn, deps: Dependencies): World {
  const expected = world?.nextSeq ?? 0;
  const { head: first, bytes } = turn;
  if (first === undefined || !isInput(first)) throw diverged(first?.seq ?? expected, "a turn begins with an input", {});
  if (first.seq !== expected) throw diverged(first.seq, `the journal jumps to seq ${first.seq} where ${expected} is next`, {});
  const { seq: _, ...rest } = first;
  const input = rest as Input;
  const impossible = impossibleIn(world, input, deps);
  if (impossible !== undefined) throw diverged(first.seq, impossible, {});
  const made = step(world, input, deps);
  // The input itself was read from canonical bytes, every field of it: it encodes to them again.
  for (let index = 1; index < Math.max(made.records.length, bytes.length); index++) compare(made.records[index], bytes[index], expected + index);
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

/** Why no host can have taken this input: what `step` may assert of a world that runs is a question to a journal that is read. */
function impossibleIn(world: World | undefined, input: Input, deps: Dependencies): string | undefined {
  if ((world === undefined) !== (input.kind === "genesis")) return "a journal begins with its genesis record, and holds no other";
  if (input.entropy.length !== 32) return `a stamp carries 32 bytes of entropy, not ${input.entropy.length}`;
  if (world === undefined) return undefined;
  switch (input.kind) {
    case "applied":
      return deps.control(input.bundle).manifestHash === input.manifest ? undefined : "the bundle holds another manifest than the record names (I5)";
    case "event":
      if (world.control === undefined) return "an event before a control plane is in force";
      return hashEvent({ schema: input.schema, value: input.value, key: input.key }) === input.event_hash ? undefined : "the event has another hash than the record names";
    case "receipt":
      return admitReceipt(world, input).kind === "receipt" ? undefined : "the receipt answers no open intent (I3)";
    case "receipt_refused":
      return trieGet(world.intents, String(input.intent_seq))?.intent === input.intent ? "the receipt refused would have answered an open intent" : undefined;
    default:
      return undefined;
  }
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
