// One run of a shadow: inputs are stepped, the effects they lead to are answered, time jumps to what waits for it.

import { canonical, decode } from "../air/cbor.ts";
import { assert } from "../air/error.ts";
import { sha256, utf8 } from "../air/hash.ts";
import { isMap } from "../air/value-path.ts";
import type { ModuleRunner } from "../ports.ts";
import { admitApproval, admitEvent } from "./admit.ts";
import { admitDue, duesOf, type Due } from "./due.ts";
import type { Input, JournalRecord, RecordKind, Stamp } from "./record.ts";
import type { Scenario, ScenarioAnswer, ScenarioApproval, ScenarioEvent } from "./scenario.ts";
import { answerOf, isWanted, scriptedAnswerOf, type AnswerBook, type AnswerDesk, type ShadowAnswer } from "./shadow-answer.ts";
import type { RejectedRow } from "./shadow-report.ts";
import { step } from "./step.ts";
import { trieEntries, trieGet } from "./trie.ts";
import type { Dependencies } from "./turn.ts";
import { cellKey, type World } from "./world.ts";

/** What one run of a shadow answers by itself; what is open then stays open, and the run ends as `cut`. */
export const SHADOW_EFFECTS_MAX = 1000;

/** Stamps an event may use, itself and the receipts after it; more than the effects of a whole run. */
const STAMPS_PER_EVENT = 1024;

export interface Run {
  readonly base: World;
  readonly deps: Dependencies;
  readonly book: AnswerBook;
  world: World;
  /** What a report is read off; long runs make many others, which are let go. */
  readonly records: JournalRecord[];
  /** Cells that a reducer ran on, by their key in the world. */
  readonly touched: Map<string, CellName>;
  /** Answers by the seq of the intent. */
  readonly answers: Map<number, ShadowAnswer>;
  readonly rejected: RejectedRow[];
  /** Timers that were set and have not fired, in the order in which they were set. */
  readonly timers: Timer[];
  /** What ends by itself at a time; gathered when time first jumps. */
  dues: readonly Due[] | undefined;
  /** Answers made up by the run: those that a window of traffic holds are not among them. */
  made: number;
  fuel: number;
  costCents: number;
  cut: boolean;
}

/** A cell by its reducer and its key. */
interface CellName {
  readonly reducer: string;
  readonly key: Uint8Array | undefined;
}

const KEPT: ReadonlySet<string> = new Set<RecordKind>(["approval", "denied", "due", "held", "intent", "migrated", "plan_ended", "plan_started", "step_failed"]);

interface Timer {
  readonly intent: JournalRecord<"intent">;
  readonly atNs: bigint;
  readonly desk: Script;
}

/** The scenario that answers first. */
export interface Script {
  readonly answers: readonly ScenarioAnswer[];
  readonly used: Map<ScenarioAnswer, number>;
}

export function beginRun(base: World, feed: { readonly book: AnswerBook; readonly deps: Dependencies }): Run {
  const run: Run = {
    base, book: feed.book, deps: { ...feed.deps, modules: metered(feed.deps.modules, (fuel) => (run.fuel += fuel)) }, world: base,
    records: [], touched: new Map(), answers: new Map(), rejected: [], timers: [], dues: undefined, made: 0, fuel: 0, costCents: 0, cut: false,
  };
  return run;
}

/** Fuel of every call counts: reducers, pure modules and enforcers alike. */
function metered(modules: ModuleRunner, spend: (fuel: number) => void): ModuleRunner {
  return {
    ...modules,
    call(call) {
      const result = modules.call(call);
      spend(result.fuelUsed);
      return result;
    },
  };
}

/** Plays all scenarios, each step and its effects before the next; timers fire behind the last step, in the order of their times. */
export function playScenarios(run: Run, scenarios: readonly Scenario[]): void {
  let events = 0;
  for (const scenario of scenarios) {
    const desk: Script = { answers: scenario.answers, used: new Map() };
    for (const [index, step] of scenario.events.entries()) {
      events++;
      if (run.cut) continue;
      // Stamps are numbered by event, so that an event has the same time and entropy in both runs.
      let stamp = events * STAMPS_PER_EVENT;
      const next = (): Stamp => stampAt(run.base, stamp++);
      const place = { file: scenario.file, event: index };
      const input = "approve" in step ? approvalFor(run, step, { place, stamp: next() }) : eventFor(run, step, { place, stamp: next() });
      settle(run, intentsIn(take(run, input)), { desk, next });
    }
  }
  jumpTo(run, { untilNs: undefined, floorNs: run.base.logicalNs + BigInt((events + 1) * STAMPS_PER_EVENT) });
}

interface Fed {
  readonly place: Pick<RejectedRow, "file" | "event">;
  readonly stamp: Stamp;
}

function eventFor(run: Run, { schema, value, key }: ScenarioEvent, { place, stamp }: Fed): Input {
  const admitted = admitEvent(run.world, { schema, value, key: key === undefined ? undefined : canonical(key), sender: "shadow" }, stamp);
  if (admitted.kind === "rejected") run.rejected.push({ ...place, schema: admitted.schema, code: admitted.code, message: admitted.message });
  return admitted;
}

/** Decides on the earliest held effect that is meant; where none is, that is said and nothing happens. */
function approvalFor(run: Run, { approve }: ScenarioApproval, { place, stamp }: Fed): Input {
  const { decision, reason } = approve;
  const fitting = [...trieEntries(run.world.held)].map(([, held]) => held).filter((held) => isWanted(approve, held) && (held.expiresNs === undefined || stamp.logical_ns < held.expiresNs));
  const held = fitting.reduce<(typeof fitting)[number] | undefined>((first, one) => (first === undefined || one.seq < first.seq ? one : first), undefined);
  if (held === undefined) {
    run.rejected.push({ ...place, schema: approve.effect, code: "approval.not_held", message: `no effect ${approve.effect} that fits waits for a person` });
    return standstill(stamp);
  }
  const said = reason === undefined ? {} : { reason };
  return admitApproval(run.world, { heldSeq: held.seq, decision, by: "shadow", ...said, signer: new Uint8Array(32), signature: new Uint8Array(64) }, stamp);
}

/** A turn that changes nothing, in the place of one that is left out. */
export function standstill(stamp: Stamp): Input<"transition"> {
  return { kind: "transition", state: "shadow", detail: null, ...stamp };
}

/** Steps one input; returns the turn. */
export function take(run: Run, input: Input): readonly JournalRecord[] {
  const made = step(run.world, input, run.deps);
  run.world = made.world;
  let waits = false;
  for (const record of made.records) {
    if (record.kind === "stepped") run.touched.set(cellKey(record.reducer, record.key), { reducer: record.reducer, key: record.key });
    if (KEPT.has(record.kind)) run.records.push(record);
    waits ||= record.kind === "held" || record.kind === "plan_started";
  }
  if (waits && run.dues !== undefined) run.dues = [...run.dues, ...duesIn(run, made.records)];
  return made.records;
}

function intentsIn(records: readonly JournalRecord[]): JournalRecord<"intent">[] {
  return records.filter((record) => record.kind === "intent");
}

/** Answers intents, and those that follow from the answers, until none is left but timers. */
export function settle(run: Run, intents: readonly JournalRecord<"intent">[], around: { readonly desk: Script; readonly next: () => Stamp }): void {
  if (intents.length === 0) return;
  const open = [...intents];
  for (let intent = open.shift(); intent !== undefined && !run.cut; intent = open.shift()) {
    if (run.made >= SHADOW_EFFECTS_MAX) {
      run.cut = true;
      return;
    }
    const atNs = timeOf(intent);
    const scripted = scriptedAnswerOf(deskOf(run, around.desk), intent);
    if (scripted === undefined && atNs !== undefined) run.timers.push({ intent, atNs, desk: around.desk });
    else open.push(...intentsIn(answerWith(run, intent, { answer: scripted ?? answerOf(deskOf(run, around.desk), intent), stamp: around.next() })));
  }
}

function answerWith(run: Run, intent: JournalRecord<"intent">, { answer, stamp }: { readonly answer: ShadowAnswer; readonly stamp: Stamp }): readonly JournalRecord[] {
  // A plan that was stopped meanwhile took its effects with it.
  if (trieGet(run.world.intents, String(intent.seq)) === undefined) return [];
  run.made++;
  run.answers.set(intent.seq, answer);
  run.costCents += answer.costCents ?? 0;
  return take(run, receiptOf(intent, answer, stamp));
}

/**
 * Time goes on: timers of the run fire and what is due ends, in the order of their times, up to `untilNs` or until no timer is left.
 * Nothing fires before `floorNs`.
 *
 * @param skip - dues that are somebody else's to bring
 */
export function jumpTo(run: Run, time: { readonly untilNs: bigint | undefined; readonly floorNs: bigint; readonly skip?: (due: Due) => boolean }): void {
  const { untilNs, floorNs, skip } = time;
  let count = 0;
  for (let timer = earliest(run.timers, untilNs); !run.cut; timer = earliest(run.timers, untilNs)) {
    const limit = timer?.atNs ?? untilNs;
    if (limit === undefined) return;
    if (endDue(run, limit, { floorNs, skip })) continue;
    if (timer === undefined) return;
    run.timers.splice(run.timers.indexOf(timer), 1);
    if (run.made >= SHADOW_EFFECTS_MAX) {
      run.timers.push(timer);
      run.cut = true;
      return;
    }
    const at = later(later(timer.atNs, floorNs), run.world.logicalNs);
    let behind = 0n;
    const next = (): Stamp => ({ now_ns: at + behind, logical_ns: later(at + behind++, run.world.logicalNs), entropy: entropyOf(`timer ${run.world.nextSeq} ${count++}`) });
    const answer: ShadowAnswer = { source: "virtual_time", status: "ok", payload: canonical({ delivered_at_ns: at, key: keyOf(timer.intent) }), code: undefined };
    settle(run, intentsIn(answerWith(run, timer.intent, { answer, stamp: next() })), { desk: timer.desk, next });
  }
}

/** Ends the first of what is due at a time. @returns false when nothing was */
function endDue(run: Run, atNs: bigint, { floorNs, skip }: { readonly floorNs: bigint; readonly skip: ((due: Due) => boolean) | undefined }): boolean {
  run.dues ??= [...duesOf(run.base), ...duesIn(run, run.records)];
  if (run.dues.length === 0) return false;
  const due = run.dues.filter((one) => one.atNs <= atNs && skip?.(one) !== true).reduce<Due | undefined>((first, one) => (first === undefined || one.atNs < first.atNs ? one : first), undefined);
  if (due === undefined) return false;
  run.dues = run.dues.filter((one) => one !== due);
  const at = later(later(due.atNs, floorNs), run.world.logicalNs);
  const input = admitDue(run.world, due, { now_ns: at, logical_ns: at, entropy: entropyOf(`due ${due.what} ${due.id}`) });
  if (input !== undefined) take(run, input);
  return true;
}

export function dueKey({ what, id }: { readonly what: string; readonly id: number }): string {
  return `${what} ${id}`;
}

function duesIn(run: Run, records: readonly JournalRecord[]): readonly Due[] {
  return records.flatMap((record): Due[] => {
    if (record.kind === "held" && record.expires_ns !== undefined) return [{ what: "approval", id: record.seq, atNs: record.expires_ns }];
    const atNs = record.kind === "plan_started" ? trieGet(run.world.plans, String(record.instance))?.deadlineNs : undefined;
    return record.kind === "plan_started" && atNs !== undefined ? [{ what: "plan", id: record.instance, atNs }] : [];
  });
}

function earliest(timers: readonly Timer[], untilNs: bigint | undefined): Timer | undefined {
  return timers.length === 0 ? undefined : timers.filter(({ atNs }) => untilNs === undefined || atNs <= untilNs).reduce<Timer | undefined>((first, timer) => (first === undefined || timer.atNs < first.atNs ? timer : first), undefined);
}

/** When a timer is to fire; undefined for other effects. */
function timeOf({ effect, params }: JournalRecord<"intent">): bigint | undefined {
  const at: unknown = effect === "timer.set" ? fieldOf(params, "deliver_at_ns") : undefined;
  return typeof at === "number" || typeof at === "bigint" ? BigInt(at) : undefined;
}

function keyOf({ params }: JournalRecord<"intent">): string | null {
  const key: unknown = fieldOf(params, "key");
  return typeof key === "string" ? key : null;
}

function fieldOf(params: Uint8Array, field: string): unknown {
  const value = decode(params);
  return isMap(value) ? value.get(field) : undefined;
}

function deskOf(run: Run, script: Script): AnswerDesk {
  assert(run.world.control !== undefined, "an intent was opened under a control plane (I5)");
  return { control: run.world.control, book: run.book, ...script };
}

export function stampAt(base: World, index: number): Stamp {
  const at = base.logicalNs + BigInt(index);
  return { now_ns: at, logical_ns: at, entropy: entropyOf(String(index)) };
}

export function entropyOf(label: string): Uint8Array {
  return sha256(utf8(`agentos shadow stamp ${label}`));
}

function receiptOf(intent: JournalRecord<"intent">, answer: ShadowAnswer, stamp: Stamp): Input<"receipt"> {
  return {
    kind: "receipt", intent: intent.intent, intent_seq: intent.seq, adapter: "shadow", status: answer.status, payload: answer.payload,
    ...(answer.code === undefined ? {} : { code: answer.code }), ...(answer.costCents === undefined ? {} : { cost_cents: answer.costCents }),
    started_ns: stamp.now_ns, finished_ns: stamp.now_ns, signer: new Uint8Array(32), signature: new Uint8Array(64), ...stamp,
  };
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
