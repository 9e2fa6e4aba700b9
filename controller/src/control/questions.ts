// What can be asked of a world, running or replayed: cells, plans, effects, approvals, records. Nothing here changes anything.

import {
  AosError, canonical, cellKey, cellsOf, decode, decodeRecord, normalizerFor, RECORD_KINDS, trieGet, type Journal, type World,
} from "@agentos/kernel";
import type { ControlRequest } from "./exchange.ts";
import { plainJson, recordJson, sentValue, type RecordJson } from "./record-json.ts";
import { approvalsOf, effectsOf, planDetail, plansOf, withPlanTimes, withSince, type ApprovalRow, type EffectRow, type PlanDetail, type PlanRow, type Times } from "./views.ts";

/** The part of a request that a question is in. */
type Asked = Pick<ControlRequest, "path" | "query">;

const PAGE = 200;
const PAGE_MAX = 1000;
/** Records looked at for one answer; where only some kinds are asked for, the rest is for the next one. */
const SCAN_MAX = 50_000;

/** The state of a cell as JSON, null where there is none. */
export function readState(world: World, asked: Asked): unknown {
  const reducer = need(asked, "reducer");
  const key = asked.query.get("key");
  const cell = trieGet(world.cells, cellKey(reducer, key === null ? undefined : keyBytes(world, reducer, sentValue(key, "key"))));
  if (cell === undefined) {
    const { key_schema: keyed } = requireReducer(world, reducer);
    if (keyed !== undefined && key === null) throw new AosError("event.key", `${reducer}: the reducer has a cell for each key`, { hint: `say which: --key JSON; \`aos state ls ${reducer}\` lists them` });
    return { state: null, seq: world.nextSeq };
  }
  return { state: plainJson(decode(cell.state)), stateHash: cell.hash, seq: world.nextSeq };
}

/** A page of a reducer's cells, in an order that is stable but not that of the keys. `next` is there when more follow. */
export function readCells(world: World, asked: Asked): unknown {
  const reducer = need(asked, "reducer");
  requireReducer(world, reducer);
  const after = asked.query.get("after");
  const { cells, next } = cellsOf(world, reducer, { limit: limitOf(asked), ...(after === null ? {} : { after }) });
  const rows = cells.map((cell) => ({ key: cell.key === undefined ? null : plainJson(decode(cell.key)), stateHash: cell.hash, bytes: cell.state.length }));
  return { cells: rows, ...(next === undefined ? {} : { next }), seq: world.nextSeq };
}

/** A page of plan instances by id, with what each waits for. `next` is there when more follow. */
export async function readPlans(world: World, asked: Asked, times: Times): Promise<{ readonly plans: readonly PlanRow[]; readonly next?: number; readonly seq: number }> {
  const after = asked.query.get("after") === null ? -1 : count(asked, "after", 0);
  const limit = limitOf(asked);
  const rows = plansOf(world).filter(({ id }) => id > after);
  const page = rows.slice(0, limit);
  const plans = await withPlanTimes(page, times);
  return { plans, ...(rows.length > page.length ? { next: page.at(-1)?.id ?? after } : {}), seq: world.nextSeq };
}

/** @throws AosError `plan.unknown` */
export async function readPlan(world: World, id: number, times: Times): Promise<{ readonly plan: PlanDetail; readonly seq: number }> {
  const found = planDetail(world, id);
  if (found === undefined) throw new AosError("plan.unknown", `plan instance ${id}: it has ended, or never was`, { hint: "`aos plan ls` lists those that run" });
  const [plan = found] = await withPlanTimes([found], times);
  return { plan, seq: world.nextSeq };
}

/** @param stateOf - where the call of an effect stands; undefined of a world at rest */
export async function readEffects(world: World, times: Times, stateOf?: Parameters<typeof effectsOf>[1]): Promise<{ readonly effects: readonly EffectRow[]; readonly seq: number }> {
  return { effects: await withSince(effectsOf(world, stateOf), times), seq: world.nextSeq };
}

export async function readApprovals(world: World, times: Times): Promise<{ readonly approvals: readonly ApprovalRow[]; readonly world: string; readonly seq: number }> {
  return { approvals: await withSince(approvalsOf(world), times), world: world.id, seq: world.nextSeq };
}

/** A page of records. `next` is the seq to ask from afterwards, `end` that of the next record to come. */
export async function readJournal(journal: Pick<Journal, "read" | "nextSeq">, asked: Asked): Promise<{ readonly records: readonly RecordJson[]; readonly next: number; readonly end: number }> {
  const from = count(asked, "from", 0);
  const kinds = kindsOf(asked);
  const limit = Math.min(count(asked, "limit", PAGE), PAGE_MAX);
  const records: RecordJson[] = [];
  let next = from;
  for await (const turn of journal.read(from)) {
    for (const [index, bytes] of turn.records.entries()) {
      const seq = turn.firstSeq + index;
      if (seq < next || records.length >= limit) continue;
      next = seq + 1;
      const record = decodeRecord(bytes);
      if (kinds?.has(record.kind) ?? true) records.push(recordJson(record));
    }
    if (records.length >= limit || next - from >= SCAN_MAX) break;
  }
  return { records, next, end: journal.nextSeq };
}

/** The kinds that `kinds=a,b` names; undefined: all. @throws AosError `control.query` */
export function kindsOf({ path, query }: Asked): ReadonlySet<string> | undefined {
  const text = query.get("kinds");
  if (text === null) return undefined;
  const kinds = text.split(",");
  const unknown = kinds.find((kind) => !(RECORD_KINDS as readonly string[]).includes(kind));
  if (unknown !== undefined) throw new AosError("control.query", `${path}: ${JSON.stringify(unknown)} is no kind of record`, { hint: `kinds are ${RECORD_KINDS.join(", ")}` });
  return new Set(kinds);
}

export function keyBytes(world: World, reducer: string, key: Parameters<ReturnType<typeof normalizerFor>>[0]): Uint8Array | undefined {
  const schema = requireReducer(world, reducer).key_schema;
  if (schema === undefined || world.control === undefined) throw new AosError("event.key", `${reducer}: the reducer has no keys`, { hint: "leave the key out" });
  return canonical(normalizerFor(world.control.schemas, schema)(key));
}

function requireReducer(world: World, name: string): { readonly key_schema?: string } {
  const reducers = [...(world.control?.modules.values() ?? [])].filter((module) => module.abi.reducer !== undefined);
  const found = reducers.find((module) => module.name === name);
  if (found === undefined) {
    const names = reducers.map((module) => module.name).join(", ");
    throw new AosError("state.reducer", `${name}: the world has no such reducer`, { hint: names === "" ? "it has no reducers" : `it has ${names}` });
  }
  return found;
}

function need({ path, query }: Asked, name: string): string {
  const value = query.get(name);
  if (value === null) throw new AosError("control.query", `${path}: ${name} is missing`);
  return value;
}

/** A page has at least one row, so that a cursor always moves. */
function limitOf(asked: Asked): number {
  return Math.max(1, Math.min(count(asked, "limit", PAGE), PAGE_MAX));
}

/** @throws AosError `control.query` */
export function count({ path, query }: Asked, name: string, otherwise: number): number {
  const text = query.get(name);
  if (text === null) return otherwise;
  if (!/^\d{1,15}$/.test(text)) throw new AosError("control.query", `${path}: ${name} must be a count`);
  return Number(text);
}
