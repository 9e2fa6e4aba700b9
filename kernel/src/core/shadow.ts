// A dress rehearsal: the proposed control plane runs on the recorded state, every effect is caught and answered, nothing lands.

import { canonical, decode } from "../air/cbor.ts";
import { diffControl } from "../air/diff.ts";
import { assert } from "../air/error.ts";
import { compareBytes, sha256, utf8 } from "../air/hash.ts";
import { valueToJson } from "../air/json.ts";
import { compareText } from "../air/text.ts";
import type { ControlPlane, Json } from "../air/types.ts";
import type { Hash } from "../air/value.ts";
import { admitEvent } from "./admit.ts";
import { misfits } from "./migrate.ts";
import type { Input, JournalRecord, RecordKind, Stamp } from "./record.ts";
import type { Scenario, ScenarioAnswer, ScenarioEvent } from "./scenario.ts";
import { answerBook, answerOf, type AnswerBook, type RecordedReceipt, type ShadowAnswer } from "./shadow-answer.ts";
import type { CellRow, DeniedRow, EffectRow, PlanRow, RejectedRow, RemovedRow, ShadowReport } from "./shadow-report.ts";
import { step } from "./step.ts";
import { trieGet } from "./trie.ts";
import type { Dependencies } from "./turn.ts";
import { cellKey, stateRoot, type Cell, type PlanInstance, type Wait, type World } from "./world.ts";

export interface ShadowInput {
  /** The recorded state. It is not changed. */
  readonly world: World;
  /** The control plane to try, and the hash of its bundle. */
  readonly next: ControlPlane;
  readonly nextBundle: Hash;
  readonly head: { readonly commit: string };
  /** What both runs are fed, in the order of their files. */
  readonly scenarios: readonly Scenario[];
  /** Receipts of the journal that may answer again. */
  readonly recorded: readonly RecordedReceipt[];
}

/** Effects one run answers; what is open then stays open, and the run ends as `cut`. */
export const SHADOW_EFFECTS_MAX = 1000;

/** Stamps an event may use, itself and the receipts after it; more than the effects of a whole run. */
const STAMPS_PER_EVENT = 1024;

/**
 * Runs `next` on the recorded state and compares it with a run of the control plane in force, which is fed the same.
 * Intents that are open in the recorded state stay open. Where cells do not fit, nothing is run and the report lists them.
 *
 * @returns the same report for the same inputs, whatever the order in which the world was built or the lists are given
 * @throws AosError `module.missing` when a module was not added to `deps.modules`
 */
export function shadow(input: ShadowInput, deps: Dependencies): ShadowReport {
  const { world, next } = input;
  const unfit = misfits(world, next, deps.modules);
  const scenarios = [...input.scenarios].sort((a, b) => compareText(a.file, b.file));
  const own: Dependencies = { modules: deps.modules, control: (bundle) => (bundle === input.nextBundle ? next : deps.control(bundle)) };
  const feed: Feed = { scenarios, book: answerBook(input.recorded), deps: own };
  const candidate = unfit.length > 0 ? undefined : rehearse(world, applied(input), feed);
  const baseline = candidate === undefined || world.control === undefined ? undefined : rehearse(world, standstill(world), feed);
  const { definitions, sections, authority } = diffControl(world.control, next);
  return {
    version: 1,
    base: baseOf(world),
    head: { commit: input.head.commit, manifest: next.manifestHash },
    runs: { baseline: world.control === undefined ? "none" : stateOf(baseline), candidate: stateOf(candidate) },
    scenarios: scenarios.map(({ file, name, events }) => ({ file, ...(name === undefined ? {} : { name }), events: events.length })),
    definitions, sections, authority,
    misfits: [...unfit].sort(compareCells).map(({ reducer, key, reason }) => ({ reducer, ...keyField(key), reason })),
    ...compareEffects(candidate, baseline),
    denied: deniedRows(candidate, baseline),
    plans: planRows(candidate),
    cells: cellRows(world, candidate),
    failures: recordsOf(candidate, "step_failed").map(({ by, code, message }) => ({ by, code, message })),
    rejected: candidate?.rejected ?? [],
    fuel: fuelOf(candidate),
  };
}

function fuelOf(run: Run | undefined): number {
  const spent = [...recordsOf(run, "stepped"), ...recordsOf(run, "migrated"), ...recordsOf(run, "step_failed")];
  return spent.reduce((sum, { fuel }) => sum + (fuel ?? 0), 0);
}

/** What a run is fed, and what answers it. */
interface Feed {
  readonly scenarios: readonly Scenario[];
  readonly book: AnswerBook;
  readonly deps: Dependencies;
}

interface Run {
  readonly base: World;
  readonly feed: Feed;
  world: World;
  readonly records: JournalRecord[];
  /** Answers by the seq of the intent. */
  readonly answers: Map<number, ShadowAnswer>;
  readonly rejected: RejectedRow[];
  cut: boolean;
}

/** Plays all scenarios after an opening input, each event to quiescence before the next. */
function rehearse(base: World, opening: Input, feed: Feed): Run {
  const run: Run = { base, feed, world: base, records: [], answers: new Map(), rejected: [], cut: false };
  take(run, opening);
  let events = 0;
  for (const scenario of feed.scenarios) {
    const used = new Map<ScenarioAnswer, number>();
    for (const [index, event] of scenario.events.entries()) {
      events++;
      if (!run.cut) play(run, { scenario, index, event, used, firstStamp: events * STAMPS_PER_EVENT });
    }
  }
  return run;
}

interface Scene {
  readonly scenario: Scenario;
  readonly index: number;
  readonly event: ScenarioEvent;
  readonly used: Map<ScenarioAnswer, number>;
  /** Stamps are numbered by event, so that an event has the same time and entropy in both runs. */
  readonly firstStamp: number;
}

function play(run: Run, scene: Scene): void {
  const { file, answers } = scene.scenario;
  const { schema, value, key } = scene.event;
  let stamp = scene.firstStamp;
  const offer = { schema, value, key: key === undefined ? undefined : canonical(key), sender: "shadow" };
  const admitted = admitEvent(run.world, offer, stampAt(run.base, stamp++));
  if (admitted.kind === "rejected") run.rejected.push({ file, event: scene.index, schema: admitted.schema, code: admitted.code, message: admitted.message });
  const open = take(run, admitted);
  for (let intent = open.shift(); intent !== undefined; intent = open.shift()) {
    if (run.answers.size >= SHADOW_EFFECTS_MAX) {
      run.cut = true;
      return;
    }
    assert(run.world.control !== undefined, "an intent was opened under a control plane (I5)");
    const answer = answerOf({ control: run.world.control, book: run.feed.book, answers, used: scene.used }, intent);
    run.answers.set(intent.seq, answer);
    open.push(...take(run, receiptOf(intent, answer, stampAt(run.base, stamp++))));
  }
}

/** Steps one input; returns the intents it opened. */
function take(run: Run, input: Input): JournalRecord<"intent">[] {
  const made = step(run.world, input, run.feed.deps);
  run.world = made.world;
  run.records.push(...made.records);
  return made.records.filter((record) => record.kind === "intent");
}

function stampAt(base: World, index: number): Stamp {
  const at = base.logicalNs + BigInt(index);
  return { now_ns: at, logical_ns: at, entropy: sha256(utf8(`agentos shadow stamp ${index}`)) };
}

function applied({ world, next, nextBundle, head }: ShadowInput): Input<"applied"> {
  const base = world.commit === undefined ? {} : { base: world.commit };
  return { kind: "applied", manifest: next.manifestHash, bundle: nextBundle, commit: head.commit, ...base, decision: null, ...stampAt(world, 0) };
}

/** Takes the place of the `applied` record in the baseline run, so that both runs number their records alike. */
function standstill(world: World): Input<"transition"> {
  return { kind: "transition", state: "shadow", detail: null, ...stampAt(world, 0) };
}

function receiptOf(intent: JournalRecord<"intent">, answer: ShadowAnswer, stamp: Stamp): Input<"receipt"> {
  return {
    kind: "receipt", intent: intent.intent, intent_seq: intent.seq, adapter: "shadow", status: answer.status, payload: answer.payload,
    ...(answer.code === undefined ? {} : { code: answer.code }), started_ns: stamp.now_ns, finished_ns: stamp.now_ns,
    signer: new Uint8Array(32), signature: new Uint8Array(64), ...stamp,
  };
}

function baseOf(world: World): ShadowReport["base"] {
  return {
    ...(world.commit === undefined ? {} : { commit: world.commit }),
    ...(world.control === undefined ? {} : { manifest: world.control.manifestHash }),
    seq: world.nextSeq, state_root: stateRoot(world),
  };
}

function stateOf(run: Run | undefined): "complete" | "cut" | "skipped" {
  if (run === undefined) return "skipped";
  return run.cut ? "cut" : "complete";
}

function recordsOf<K extends RecordKind>(run: Run | undefined, kind: K): readonly JournalRecord<K>[] {
  return (run?.records ?? []).filter((record): record is JournalRecord<K> => record.kind === kind);
}

function compareEffects(candidate: Run | undefined, baseline: Run | undefined): { readonly effects: readonly EffectRow[]; readonly removed: readonly RemovedRow[] } {
  const left = new Map<Hash, number>();
  for (const { intent } of effectsOf(baseline)) left.set(intent, (left.get(intent) ?? 0) + 1);
  const effects = effectsOf(candidate).map((record) => {
    const answer = candidate?.answers.get(record.seq);
    const had = takeOne(left, record.intent);
    return { ...removedRow(record), ...answerFields(answer), ...(record.kind === "held" ? { waits_for: "approval" as const } : {}), in_baseline: had };
  });
  const removed = effectsOf(baseline).filter(({ intent }) => takeOne(left, intent));
  return { effects, removed: removed.map(removedRow) };
}

/** Effects that went out or wait for a person, in order. */
function effectsOf(run: Run | undefined): readonly JournalRecord<"intent" | "held">[] {
  return (run?.records ?? []).filter((record): record is JournalRecord<"intent" | "held"> => record.kind === "intent" || record.kind === "held");
}

/** Takes one of what is left of an intent; false when nothing is. */
function takeOne(left: Map<Hash, number>, intent: Hash): boolean {
  const count = left.get(intent) ?? 0;
  if (count > 0) left.set(intent, count - 1);
  return count > 0;
}

function removedRow(record: JournalRecord<"intent" | "held">): RemovedRow {
  const { effect, cap, intent, by } = record;
  return { effect, cap, target: targetOf(record), intent, by, ...(record.step === undefined ? {} : { step: record.step }) };
}

function answerFields(answer: ShadowAnswer | undefined): Pick<EffectRow, "answered_by" | "status" | "code"> {
  if (answer === undefined) return { answered_by: "none" };
  return { answered_by: answer.source, status: answer.status, ...(answer.code === undefined ? {} : { code: answer.code }) };
}

/** Where an effect goes: method and origin of an HTTP request, never its path or credentials; else the grant it goes under. */
function targetOf({ effect, cap, params }: { readonly effect: string; readonly cap: string; readonly params?: Uint8Array }): string {
  if (params === undefined || effect !== "http.request") return cap;
  const fields = decode(params);
  const [method, url] = fields instanceof Map ? [fields.get("method") as unknown, fields.get("url") as unknown] : [];
  if (typeof method !== "string" || typeof url !== "string" || !URL.canParse(url)) return cap;
  const { protocol, host } = new URL(url);
  return `${method.toUpperCase()} ${protocol}//${host}`;
}

function deniedRows(candidate: Run | undefined, baseline: Run | undefined): readonly DeniedRow[] {
  const id = ({ effect, cap }: { readonly effect: string; readonly cap: string }): string => JSON.stringify([effect, cap]);
  const before = new Set(recordsOf(baseline, "denied").map(id));
  return recordsOf(candidate, "denied").map((record) => {
    const { effect, cap, stage, code, message, by } = record;
    return { effect, cap, target: targetOf(record), stage, code, message, by, ...(record.step === undefined ? {} : { step: record.step }), in_baseline: before.has(id(record)) };
  });
}

/** Plans that ended in the run, then those it started that still wait. */
function planRows(run: Run | undefined): readonly PlanRow[] {
  if (run === undefined) return [];
  const ended = recordsOf(run, "plan_ended").map((record): PlanRow => {
    const { plan, instance, code, message, step: at } = record;
    const status = record.status === "ok" ? "ok" : "error";
    return { plan, instance, status, ...(code === undefined ? {} : { code }), ...(message === undefined ? {} : { message }), ...(at === undefined ? {} : { step: at }) };
  });
  const waiting = recordsOf(run, "plan_started").flatMap(({ plan, instance }): PlanRow[] => {
    const live = trieGet(run.world.plans, String(instance));
    if (live === undefined) return [];
    const waits = [...live.waits].map(([at, wait]) => `${at}: ${waitText(run.world, live, wait)}`);
    return [{ plan, instance, status: "waiting", waits: waits.sort(compareText) }];
  });
  return [...ended, ...waiting];
}

function waitText(world: World, plan: PlanInstance, wait: Wait): string {
  if (wait.kind === "event") return `event ${wait.schema}`;
  const held = trieGet(world.held, String(plan.handles.get(wait.handle)));
  return held === undefined ? `receipt ${wait.handle}` : `approval of ${held.effect} under ${held.cap}`;
}

/** Only cells that a reducer ran on, or that a migration carried over, can differ. */
function cellRows(base: World, run: Run | undefined): readonly CellRow[] {
  const touched = new Map([...recordsOf(run, "migrated"), ...recordsOf(run, "stepped")].map(({ reducer, key }) => [cellKey(reducer, key), { reducer, key }]));
  const rows = [...touched].flatMap(([id, cell]) => {
    const [before, after] = [trieGet(base.cells, id), run === undefined ? undefined : trieGet(run.world.cells, id)];
    return before?.hash === after?.hash ? [] : [{ ...cell, ...changeOf(before, after) }];
  });
  return rows
    .sort(compareCells)
    .map(({ reducer, key, change, before, after }) => ({ reducer, ...keyField(key), change, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }));
}

function changeOf(before: Cell | undefined, after: Cell | undefined): { readonly change: CellRow["change"]; readonly before: Json | undefined; readonly after: Json | undefined } {
  return { change: before === undefined ? "added" : after === undefined ? "removed" : "changed", before: stateJson(before), after: stateJson(after) };
}

function stateJson(cell: Cell | undefined): Json | undefined {
  return cell === undefined ? undefined : valueToJson(decode(cell.state));
}

function keyField(key: Uint8Array | undefined): { readonly key?: Json } {
  return key === undefined ? {} : { key: valueToJson(decode(key)) };
}

interface CellName {
  readonly reducer: string;
  readonly key: Uint8Array | undefined;
}

/** By reducer, the cell without a key first, then by the bytes of the key. */
function compareCells(a: CellName, b: CellName): number {
  return compareText(a.reducer, b.reducer) || compareBytes(a.key ?? new Uint8Array(0), b.key ?? new Uint8Array(0));
}
