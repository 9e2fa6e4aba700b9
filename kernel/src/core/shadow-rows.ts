// The rows of a shadow report, read off the records of its runs.

import { decode } from "../air/cbor.ts";
import { valueToJson } from "../air/json.ts";
import { compareText } from "../air/text.ts";
import type { Json } from "../air/types.ts";
import type { Hash } from "../air/value.ts";
import { compareCells } from "./cells.ts";
import type { JournalRecord, RecordKind } from "./record.ts";
import type { ShadowAnswer } from "./shadow-answer.ts";
import type { CellRow, DeniedRow, EffectRow, MigratedRow, PlanRow, RemovedRow } from "./shadow-report.ts";
import type { Run } from "./shadow-run.ts";
import { trieGet } from "./trie.ts";
import { cellKey, type Cell, type PlanInstance, type Wait, type World } from "./world.ts";

/** What was made, whoever made it: a run of the shadow or the journal. */
type Recorded = Pick<Run, "records">;

export function recordsOf<K extends RecordKind>(run: Recorded | undefined, kind: K): readonly JournalRecord<K>[] {
  return (run?.records ?? []).filter((record): record is JournalRecord<K> => record.kind === kind);
}

export function compareEffects(candidate: Run | undefined, baseline: Recorded | undefined): { readonly effects: readonly EffectRow[]; readonly removed: readonly RemovedRow[] } {
  const left = new Map<Hash, number>();
  for (const { intent } of effectsOf(baseline)) left.set(intent, (left.get(intent) ?? 0) + 1);
  const refusals = refusalsOf(candidate);
  const effects = effectsOf(candidate).map((record) => {
    const answer = candidate?.answers.get(record.seq);
    const had = takeOne(left, record.intent);
    return { ...removedRow(record), ...answerFields(answer), ...waitOf(record, candidate, refusals), in_baseline: had };
  });
  const removed = effectsOf(baseline).filter(({ intent }) => takeOne(left, intent));
  return { effects, removed: removed.map(removedRow) };
}

/** Why held effects went nowhere, by their seq: a person's no, or nobody's yes in time. */
function refusalsOf(run: Recorded | undefined): ReadonlyMap<number, string> {
  const decisions = recordsOf(run, "approval").map(({ seq, held_seq }) => [seq as number, held_seq] as const);
  const dues = recordsOf(run, "due").filter(({ what }) => what === "approval").map(({ seq, id }) => [seq as number, id] as const);
  const held = new Map([...decisions, ...dues]);
  return new Map(recordsOf(run, "denied").flatMap(({ cause, code }) => {
    const seq = held.get(cause);
    return seq === undefined ? [] : [[seq, code] as const];
  }));
}

function waitOf(record: JournalRecord<"intent" | "held">, run: Run | undefined, refusals: ReadonlyMap<number, string>): Pick<EffectRow, "waits_for" | "code"> {
  if (record.kind === "held") {
    const code = refusals.get(record.seq);
    if (run !== undefined && trieGet(run.world.held, String(record.seq)) !== undefined) return { waits_for: "approval" };
    return code === undefined ? {} : { code };
  }
  return run?.timers.some(({ intent }) => intent.seq === record.seq) === true ? { waits_for: "timer" } : {};
}

/** Effects that went out, or did not for want of a person's yes, in order: one that a person granted is told by what went out then. */
function effectsOf(run: Recorded | undefined): readonly JournalRecord<"intent" | "held">[] {
  const approvals = new Map(recordsOf(run, "approval").map(({ seq, held_seq }) => [seq as number, held_seq]));
  const granted = new Set(recordsOf(run, "intent").map(({ approved }) => (approved === undefined ? undefined : approvals.get(approved))));
  return (run?.records ?? []).filter((record): record is JournalRecord<"intent" | "held"> => record.kind === "intent" || (record.kind === "held" && !granted.has(record.seq)));
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

export function deniedRows(candidate: Run | undefined, baseline: Recorded | undefined): readonly DeniedRow[] {
  // What a person refused, or nobody decided in time, is no refusal by the rules.
  const id = ({ effect, cap, stage }: Pick<JournalRecord<"denied">, "effect" | "cap" | "stage">): string => JSON.stringify([effect, cap, stage === "approval"]);
  const before = new Set(recordsOf(baseline, "denied").map(id));
  return recordsOf(candidate, "denied").map((record) => {
    const { effect, cap, stage, code, message, by } = record;
    return { effect, cap, target: targetOf(record), stage, code, message, by, ...(record.step === undefined ? {} : { step: record.step }), in_baseline: before.has(id(record)) };
  });
}

/** Plans that ended in the run, then those it started that still wait. */
export function planRows(run: Run | undefined): readonly PlanRow[] {
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

/** How many cells of each reducer the apply carried over. */
export function migratedRows(run: Recorded | undefined): readonly MigratedRow[] {
  const rows = new Map<string, MigratedRow>();
  for (const { reducer, module } of recordsOf(run, "migrated")) rows.set(reducer, { reducer, module, cells: (rows.get(reducer)?.cells ?? 0) + 1 });
  return [...rows.values()].sort((a, b) => compareText(a.reducer, b.reducer));
}

/** Only cells that a reducer ran on, or that a migration carried over, can differ, in this run or in what was recorded. */
export function cellRows(base: World, run: Run | undefined, baseline: Recorded | undefined): readonly CellRow[] {
  if (run === undefined) return [];
  const touched = new Map(run.touched);
  const further = run.base === base ? recordsOf(run, "migrated") : [...recordsOf(run, "migrated"), ...recordsOf(baseline, "migrated"), ...recordsOf(baseline, "stepped")];
  for (const { reducer, key } of further) touched.set(cellKey(reducer, key), { reducer, key });
  const rows = [...touched].flatMap(([id, cell]) => {
    const [before, after] = [trieGet(base.cells, id), trieGet(run.world.cells, id)];
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

export function keyField(key: Uint8Array | undefined): { readonly key?: Json } {
  return key === undefined ? {} : { key: valueToJson(decode(key)) };
}
