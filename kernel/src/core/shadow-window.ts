// Recorded traffic once more: the inputs of a window of the journal under a candidate, beside what was recorded of them.

import { canonical, decode } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import { bytesEqual } from "../air/hash.ts";
import type { Encodable, Hash } from "../air/value.ts";
import { admitApproval, admitCancel, admitEvent } from "./admit.ts";
import { admitDue, duesOf, type Due } from "./due.ts";
import type { ReceiptStatus } from "./receipt.ts";
import { isInput, stampOf, type Input, type JournalRecord, type Stamp } from "./record.ts";
import type { DivergenceRow, ShadowReport } from "./shadow-report.ts";
import { dueKey, entropyOf, jumpTo, settle, standstill, take, type Run, type Script } from "./shadow-run.ts";
import { trieGet } from "./trie.ts";
import type { World } from "./world.ts";

/** A window of a journal: the world before it, and its turns up to the recorded state. */
export interface ShadowWindow {
  readonly world: World;
  readonly turns: readonly (readonly JournalRecord[])[];
}

/** Rows of divergence that a report shows; the others are counted. */
const DIVERGENCE_ROWS_MAX = 50;
const WORDS_MAX = 10;

type Divergence = NonNullable<ShadowReport["divergence"]>;

/**
 * Feeds the window to a run. An effect that was recorded in the same turn gets its recorded receipt when that came, or stays open
 * as it did; others are answered at once. Inputs that have no place in the run (a receipt of what was not asked for) are left out.
 */
export function playWindow(run: Run, window: ShadowWindow, desk: Script): Divergence {
  const pairs = pairing(window.world);
  const dues = recordedDues(window);
  const found: { turns: number; first_seq?: number; left_out: number; rows: DivergenceRow[] } = { turns: 0, left_out: 0, rows: [] };
  for (const turn of window.turns) {
    const [head] = turn;
    if (head === undefined || !isInput(head) || run.cut) break;
    jumpTo(run, { untilNs: head.logical_ns, floorNs: run.base.logicalNs, skip: dues.isAwaited });
    if (head.kind === "due") dues.take(head);
    const input = inputFor(run, head, pairs);
    if (input === undefined) found.left_out++;
    const made = take(run, later(run, input ?? standstill(stampOf(head))));
    const { fresh, paired } = pairs.pair(turn, made);
    for (const pair of paired) dues.note(pair, head);
    noteDivergence(found, turn, made);
    let count = 0;
    const next = (): Stamp => ({ now_ns: head.now_ns, logical_ns: run.world.logicalNs, entropy: entropyOf(`window ${head.seq} ${count++}`) });
    settle(run, fresh, { desk, next });
  }
  return found;
}

/** Logical time never goes back, also where the run's own timers went ahead. */
function later(run: Run, input: Input): Input {
  return input.logical_ns >= run.world.logicalNs ? input : { ...input, logical_ns: run.world.logicalNs };
}

/** The recorded input as the run can take it; undefined where it has no place. */
function inputFor(run: Run, head: Input & { readonly seq: number }, pairs: Pairing): Input | undefined {
  const { seq: _, ...rest } = head;
  const input = rest as Input;
  switch (input.kind) {
    case "genesis":
    case "applied":
      return undefined;
    case "event":
      return eventFor(run, input, head.seq);
    case "receipt":
      return receiptFor(run, input, pairs);
    case "approval": {
      const heldSeq = pairs.seqOf(input.held_seq);
      const { decision, reason, by, signer, signature } = input;
      if (heldSeq === undefined || (decision !== "grant" && decision !== "deny")) return undefined;
      return admitted(() => admitApproval(run.world, { heldSeq, decision, by, ...(reason === undefined ? {} : { reason }), signer, signature }, stampOf(input)));
    }
    case "cancelled": {
      const instance = pairs.instanceOf(input.instance);
      return instance === undefined ? undefined : admitted(() => admitCancel(run.world, { ...input, instance }, stampOf(input)));
    }
    case "due": {
      const id = input.what === "approval" ? pairs.seqOf(input.id) : pairs.instanceOf(input.id);
      return id === undefined || (input.what !== "plan" && input.what !== "approval") ? undefined : admitDue(run.world, { what: input.what, id }, stampOf(input));
    }
    default:
      return input;
  }
}

/** A key that the recorded routes made is made again by those of the candidate. */
function eventFor(run: Run, input: Input<"event">, seq: number): Input {
  const { schema, sender, key } = input;
  const value = decode(input.value);
  const first = admitEvent(run.world, { schema, value, key, sender }, stampOf(input));
  const event = first.kind === "rejected" && first.code === "event.key" ? admitEvent(run.world, { schema, value, key: undefined, sender }, stampOf(input)) : first;
  if (event.kind === "rejected") run.rejected.push({ file: "journal", event: seq, schema: event.schema, code: event.code, message: event.message });
  return event;
}

function receiptFor(run: Run, input: Input<"receipt">, pairs: Pairing): Input | undefined {
  const seq = pairs.seqOf(input.intent_seq);
  if (seq === undefined || trieGet(run.world.intents, String(seq))?.intent !== input.intent) return undefined;
  const { status, payload, code, cost_cents: costCents } = input;
  run.answers.set(seq, { source: "recorded_intent", status: status as ReceiptStatus, payload, code });
  run.costCents += costCents ?? 0;
  return { ...input, intent_seq: seq };
}

function admitted<T>(admit: () => T): T | undefined {
  try {
    return admit();
  } catch (error) {
    if (error instanceof AosError) return undefined;
    throw error;
  }
}

/** What of a turn in the run stands for what was recorded of it. */
type Paired = { readonly recorded: JournalRecord<"held">; readonly made: JournalRecord<"held"> } | { readonly recorded: JournalRecord<"plan_started">; readonly made: JournalRecord<"plan_started"> };

/** Which effect of the run stands for which recorded one, and which plan instance. */
interface Pairing {
  /** The seq in the run of what was recorded at a seq. */
  seqOf(recorded: number): number | undefined;
  /** The plan instance in the run of a recorded one. */
  instanceOf(recorded: number): number | undefined;
  /** Pairs what one turn asked for and started, recorded and in the run: by the hash of the intent, by the name of the plan. @returns also the intents of the run without a pair */
  pair(recorded: readonly JournalRecord[], made: readonly JournalRecord[]): { readonly fresh: readonly JournalRecord<"intent">[]; readonly paired: readonly Paired[] };
}

function pairing({ nextSeq, nextInstance }: World): Pairing {
  const seqs = new Map<number, number>();
  const instances = new Map<number, number>();
  return {
    seqOf: (recorded) => (recorded < nextSeq ? recorded : seqs.get(recorded)),
    instanceOf: (recorded) => (recorded < nextInstance ? recorded : instances.get(recorded)),
    pair(recorded, made) {
      if (!made.some(isPaired) && !recorded.some(isPaired)) return NOTHING_PAIRED;
      const left = new Map<string, JournalRecord[]>();
      for (const record of recorded) {
        const id = pairKey(record);
        if (id !== undefined) left.set(id, [...(left.get(id) ?? []), record]);
      }
      const fresh: JournalRecord<"intent">[] = [];
      const paired: Paired[] = [];
      for (const record of made) {
        const match = left.get(pairKey(record) ?? "")?.shift();
        if (match === undefined) {
          if (record.kind === "intent") fresh.push(record);
          continue;
        }
        seqs.set(match.seq, record.seq);
        if (match.kind === "held" && record.kind === "held") paired.push({ recorded: match, made: record });
        if (match.kind !== "plan_started" || record.kind !== "plan_started") continue;
        instances.set(match.instance, record.instance);
        paired.push({ recorded: match, made: record });
      }
      return { fresh, paired };
    },
  };
}

const NOTHING_PAIRED = { fresh: [], paired: [] } as const;

function isPaired({ kind }: JournalRecord): boolean {
  return kind === "intent" || kind === "held" || kind === "plan_started";
}

function pairKey(record: JournalRecord): string | undefined {
  if (record.kind === "intent" || record.kind === "held") return `${record.kind} ${record.intent satisfies Hash}`;
  return record.kind === "plan_started" ? `plan ${record.plan}` : undefined;
}

/** What ended by itself in the window. */
interface RecordedDues {
  /** Is this due of the run one that an input still to come brings? One that has become due earlier than it was recorded is not. */
  readonly isAwaited: (due: Due) => boolean;
  note(pair: Paired, head: Stamp): void;
  /** The input has come. */
  take(head: JournalRecord<"due">): void;
}

function recordedDues({ world, turns }: ShadowWindow): RecordedDues {
  const recorded = new Map(turns.flatMap(([head]) => (head?.kind === "due" ? [[dueKey(head), head] as const] : [])));
  /** By the key in the run: the key recorded, and since when it was due there. */
  const awaited = new Map<string, { readonly key: string; readonly atNs: bigint | undefined }>();
  const expect = (inRun: { readonly what: "plan" | "approval"; readonly id: number }, key: string, atNs: bigint | undefined): void => {
    if (recorded.has(key)) awaited.set(dueKey(inRun), { key, atNs });
  };
  for (const due of duesOf(world)) expect(due, dueKey(due), due.atNs);
  return {
    isAwaited(due) {
      const one = awaited.get(dueKey(due));
      return one !== undefined && recorded.has(one.key) && (one.atNs === undefined || due.atNs >= one.atNs);
    },
    note({ recorded: was, made: is }, head) {
      if (was.kind === "held" && is.kind === "held") expect({ what: "approval", id: is.seq }, dueKey({ what: "approval", id: was.seq }), was.expires_ns);
      if (was.kind !== "plan_started" || is.kind !== "plan_started") return;
      const lifeNs = world.control?.plans.get(was.plan)?.deadline_ns;
      expect({ what: "plan", id: is.instance }, dueKey({ what: "plan", id: was.instance }), lifeNs === undefined ? undefined : head.logical_ns + lifeNs);
    },
    take: (head) => void recorded.delete(dueKey(head)),
  };
}

function noteDivergence(found: { turns: number; first_seq?: number; rows: DivergenceRow[] }, recorded: readonly JournalRecord[], made: readonly JournalRecord[]): void {
  const [head] = recorded;
  const same = recorded.length === made.length && recorded.every((record, index) => index === 0 ? record.kind === made[0]?.kind || record.kind === "applied" : sameOutcome(record, made[index]));
  if (same || head === undefined) return;
  found.turns++;
  found.first_seq ??= head.seq;
  if (found.rows.length >= DIVERGENCE_ROWS_MAX) return;
  const [was, is] = [recorded.slice(1), made.slice(1)];
  const come = [...is];
  const gone = was.filter((record) => {
    const at = come.findIndex((other) => sameOutcome(record, other));
    if (at >= 0) come.splice(at, 1);
    return at < 0;
  });
  found.rows.push({ seq: head.seq, input: wordsOf(head), recorded: gone.slice(0, WORDS_MAX).map(wordsOf), candidate: come.slice(0, WORDS_MAX).map(wordsOf) });
}

/** Where a record stands, and what of the rules let it pass: no part of what came out. */
const APART: ReadonlySet<string> = new Set(["seq", "cause", "intent_seq", "approved", "instance", "fuel", "grant", "enforcer", "policy", "rule", "expires_ns", "message"]);

function sameOutcome(a: JournalRecord, b: JournalRecord | undefined): boolean {
  if (b === undefined || a.kind !== b.kind) return false;
  const [left, right] = [a as unknown as Fields, b as unknown as Fields];
  for (const name in left) if (!APART.has(name) && !sameValue(left[name], right[name])) return false;
  for (const name in right) if (!APART.has(name) && !(name in left)) return false;
  return true;
}

interface Fields {
  readonly [field: string]: Encodable | undefined;
}

function sameValue(a: Encodable | undefined, b: Encodable | undefined): boolean {
  if (a === b) return true;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return bytesEqual(a, b);
  return typeof a === "object" && typeof b === "object" && bytesEqual(canonical(a), canonical(b));
}

/** A record in a few words: its kind and what it is about. */
function wordsOf(record: JournalRecord): string {
  const fields = record as unknown as Fields;
  const about = ["schema", "reducer", "plan", "effect", "cap", "by", "step", "status", "code"].flatMap((name) => (typeof fields[name] === "string" ? [String(fields[name])] : []));
  return [record.kind, ...about].join(" ");
}
