// Replay or die: only the inputs of a journal are fed in; everything derived is compared, byte for byte (I8).

import { canonical, decode } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import { bytesEqual, hashBytes } from "../air/hash.ts";
import type { Value } from "../air/value.ts";
import { admitApproval, admitCancel, admitEvent, admitReceipt } from "./admit.ts";
import { admitDue } from "./due.ts";
import { misfits } from "./migrate.ts";
import { decodeRecord, encodeRecord, isInput, stampOf, type Input, type JournalRecord } from "./record.ts";
import { step } from "./step.ts";
import { trieGet } from "./trie.ts";
import type { Dependencies } from "./turn.ts";
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
  const impossible = impossibleIn(world, first, deps);
  if (impossible !== undefined) throw diverged(first.seq, impossible, {});
  const made = step(world, first, deps);
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
  if (input.logical_ns < world.logicalNs) return "logical time goes back";
  switch (input.kind) {
    case "applied":
      return impossibleControl(world, input, deps);
    case "event":
      return impossibleEvent(world, input);
    case "receipt":
      return impossibleReceipt(world, input);
    case "receipt_refused":
      return trieGet(world.intents, String(input.intent_seq))?.intent === input.intent ? "the receipt refused would have answered an open intent" : undefined;
    case "approval":
      return impossibleApproval(world, input);
    case "cancelled":
      return refusalOf(() => admitCancel(world, input, stampOf(input)));
    case "due":
      return (input.what !== "plan" && input.what !== "approval") || admitDue(world, { what: input.what, id: input.id }, stampOf(input)) === undefined ? "nothing was due" : undefined;
    default:
      return undefined;
  }
}

function impossibleControl(world: World, input: Input<"applied">, deps: Dependencies): string | undefined {
  const control = deps.control(input.bundle);
  if (control.manifestHash !== input.manifest) return "the bundle holds another manifest than the record names (I5)";
  const [first] = misfits(world, control, deps.modules);
  return first === undefined ? undefined : `a cell of ${first.reducer} does not fit the control plane: ${first.reason}`;
}

/** An event is admitted anew: what the gate makes of it must be what the record holds. */
function impossibleEvent(world: World, input: Input<"event">): string | undefined {
  if (world.control === undefined) return "an event before a control plane is in force";
  const value = valueOf(input.value);
  if (value === undefined) return "the event's value is not CBOR";
  const again = admitEvent(world, { schema: input.schema, value, key: input.key, sender: input.sender }, stampOf(input));
  if (again.kind === "rejected") return `the event is one that is rejected: ${again.code}: ${again.message}`;
  if (!bytesEqual(again.value, input.value)) return "the event's value is not the canonical one of its schema";
  if (!sameBytes(again.key, input.key)) return "the event has another key than the record names";
  return again.event_hash === input.event_hash ? undefined : "the event has another hash than the record names";
}

/** A dispatcher sends canonical bytes and says `ok`, `error` or `timeout`. */
function impossibleReceipt(world: World, input: Input<"receipt">): string | undefined {
  if (admitReceipt(world, input).kind !== "receipt") return "the receipt answers no open intent (I3)";
  if (!RECEIPT_STATUSES.includes(input.status)) return `no receipt has the status ${JSON.stringify(input.status)}`;
  const payload = valueOf(input.payload);
  return payload === undefined || !bytesEqual(canonical(payload), input.payload) ? "the receipt's payload is not canonical" : undefined;
}

const RECEIPT_STATUSES: readonly string[] = ["ok", "error", "timeout"];

function impossibleApproval(world: World, input: Input<"approval">): string | undefined {
  const { held_seq: heldSeq, decision, by, reason, signer, signature } = input;
  if (decision !== "grant" && decision !== "deny") return `nobody decides ${JSON.stringify(decision)}`;
  return refusalOf(() => admitApproval(world, { heldSeq, decision, by, ...(reason === undefined ? {} : { reason }), signer, signature }, stampOf(input)));
}

/** The message of the AosError that `act` throws. */
function refusalOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof AosError) return error.message;
    throw error;
  }
}

/** Undefined for bytes that are no CBOR. */
function valueOf(bytes: Uint8Array): Value | undefined {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof AosError) return undefined;
    throw error;
  }
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : bytesEqual(a, b);
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
