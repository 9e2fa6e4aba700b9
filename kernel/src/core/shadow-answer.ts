// What an effect of a shadow run gets for an answer: the scenario's, a recorded one, or the plainest value of its receipt schema.

import { canonical, canonicalBare, decode } from "../air/cbor.ts";
import { unreachable } from "../air/error.ts";
import { expandName, type Expanded } from "../air/expand.ts";
import { bytesEqual, ZERO_HASH } from "../air/hash.ts";
import { valueToJson } from "../air/json.ts";
import type { ControlPlane, Json } from "../air/types.ts";
import type { Hash, Value, ValueMap } from "../air/value.ts";
import { normalPayload, type NormalAnswer, type ReceiptStatus } from "./receipt.ts";
import type { JournalRecord } from "./record.ts";
import type { EffectWanted, ScenarioAnswer } from "./scenario.ts";

/** A receipt of the journal and the intent it answered. */
export interface RecordedReceipt {
  readonly intent: JournalRecord<"intent">;
  readonly receipt: JournalRecord<"receipt">;
}

/** Where an answer came from, in the order in which they are asked; `virtual_time` answers timers that no scenario does. */
export type AnswerSource = "scenario" | "recorded_intent" | "recorded_grant" | "schema" | "virtual_time";

export interface ShadowAnswer extends NormalAnswer {
  readonly source: AnswerSource;
  /** What the recorded receipt says that it cost. */
  readonly costCents?: number;
}

/** Recorded receipts by what they may answer again, the best first: `ok` before others, then the latest. */
export interface AnswerBook {
  readonly byIntent: ReadonlyMap<string, readonly RecordedReceipt[]>;
  readonly byGrant: ReadonlyMap<string, readonly RecordedReceipt[]>;
}

/** The order of the list does not matter. */
export function answerBook(recorded: readonly RecordedReceipt[]): AnswerBook {
  const best = [...recorded].sort((a, b) => rank(b) - rank(a) || b.receipt.seq - a.receipt.seq);
  return { byIntent: listed(best, ({ intent }) => intent.intent), byGrant: listed(best, ({ intent }) => grantKey(intent)) };
}

function listed(recorded: readonly RecordedReceipt[], key: (one: RecordedReceipt) => string): ReadonlyMap<string, readonly RecordedReceipt[]> {
  const lists = new Map<string, RecordedReceipt[]>();
  for (const one of recorded) {
    const list = lists.get(key(one));
    if (list === undefined) lists.set(key(one), [one]);
    else list.push(one);
  }
  return lists;
}

function rank({ receipt }: RecordedReceipt): number {
  return receipt.status === "ok" ? 1 : 0;
}

function grantKey(effect: { readonly effect: string; readonly cap: string }): string {
  return JSON.stringify([effect.effect, effect.cap]);
}

/** What may answer in one run of one scenario; `used` counts the scenario's answers as they are given. */
export interface AnswerDesk {
  readonly control: ControlPlane;
  readonly book: AnswerBook;
  readonly answers: readonly ScenarioAnswer[];
  readonly used: Map<ScenarioAnswer, number>;
}

/** Answers an intent. A recorded payload that does not fit the receipt schema of now is passed over. */
export function answerOf(desk: AnswerDesk, intent: JournalRecord<"intent">): ShadowAnswer {
  const { control, book } = desk;
  const scripted = scriptedAnswerOf(desk, intent);
  if (scripted !== undefined) return scripted;
  const same = recordedAnswer(control, book.byIntent.get(intent.intent));
  if (same !== undefined) return { source: "recorded_intent", ...same };
  const alike = recordedAnswer(control, book.byGrant.get(grantKey(intent)));
  if (alike !== undefined) return { source: "recorded_grant", ...alike };
  return { source: "schema", ...normalPayload(control, intent.effect, { status: "ok", payload: canonical(plainestReceipt(control, intent.effect)) }) };
}

/** The scenario's answer, which counts as used; undefined when it has none. */
export function scriptedAnswerOf(desk: AnswerDesk, intent: JournalRecord<"intent">): ShadowAnswer | undefined {
  const scripted = desk.answers.find((answer) => fits(desk, answer, intent));
  if (scripted === undefined) return undefined;
  desk.used.set(scripted, (desk.used.get(scripted) ?? 0) + 1);
  return { source: "scenario", ...scriptedAnswer(desk.control, scripted) };
}

function fits(desk: AnswerDesk, answer: ScenarioAnswer, intent: JournalRecord<"intent">): boolean {
  return (answer.times === undefined || (desk.used.get(answer) ?? 0) < answer.times) && isWanted(answer, intent);
}

/** Is this effect one of those that are meant? */
export function isWanted({ effect, cap, match }: EffectWanted, asked: { readonly effect: string; readonly cap: string; readonly params: Uint8Array }): boolean {
  if (effect !== asked.effect || (cap !== undefined && cap !== asked.cap)) return false;
  const params = decode(asked.params);
  const fields: ValueMap = params instanceof Map ? params : new Map();
  return [...match].every(([field, wanted]) => holds(field, wanted, fields.get(field)));
}

function holds(field: string, wanted: Json, found: Value | undefined): boolean {
  if (found === undefined) return false;
  if (field === "url" && typeof wanted === "string" && typeof found === "string") return found.startsWith(wanted);
  return bytesEqual(canonicalBare(wanted), canonicalBare(valueToJson(found)));
}

function scriptedAnswer(control: ControlPlane, { effect, status, payload }: ScenarioAnswer): NormalAnswer {
  if (payload === undefined) return { status, payload: canonical(null), code: "scenario" };
  return normalPayload(control, effect, { status, payload: canonical(payload) });
}

/** The first that fits. */
function recordedAnswer(control: ControlPlane, recorded: readonly RecordedReceipt[] | undefined): Omit<ShadowAnswer, "source"> | undefined {
  for (const one of recorded ?? []) {
    const answer = replayed(control, one);
    const { cost_cents: costCents } = one.receipt;
    if (answer !== undefined) return { ...answer, ...(costCents === undefined ? {} : { costCents }) };
  }
  return undefined;
}

function replayed(control: ControlPlane, recorded: RecordedReceipt): NormalAnswer | undefined {
  const { payload, code } = recorded.receipt;
  const status = recorded.receipt.status as ReceiptStatus;
  if (code !== undefined && decode(payload) === null) return { status, payload, code };
  const normal = normalPayload(control, recorded.intent.effect, { status, payload });
  return normal.code === undefined ? normal : undefined;
}

/**
 * The plainest value an effect's receipt can have: zeros, empty text, lists and maps, nothing where something is optional,
 * the first arm in text order, the zero hash; status 200 for `http.request`.
 */
export function plainestReceipt(control: ControlPlane, effect: string): Value {
  const schema = control.effects.get(effect)?.receipt_schema;
  if (schema === undefined) return null;
  const value = plainest(expandName(control.schemas, schema));
  if (effect !== "http.request" || !(value instanceof Map)) return value;
  return new Map<Value, Value>([...(value as ValueMap), ["status", 200]]);
}

const ZERO_UUID = "00000000-0000-0000-0000-000000000000";

function plainest(type: Expanded): Value {
  switch (type.kind) {
    case "bool":
      return false;
    case "int":
    case "nat":
    case "time":
    case "duration":
      return 0;
    case "dec128":
      return "0";
    case "bytes":
      return new Uint8Array(0);
    case "text":
      return "";
    case "hash":
      return ZERO_HASH satisfies Hash;
    case "uuid":
      return ZERO_UUID;
    case "unit":
    case "option":
      return null;
    case "list":
    case "set":
      return [];
    case "map":
      return new Map();
    case "record":
      return new Map([...type.fields].map(([name, field]) => [name, plainest(field)] as const));
    case "variant": {
      const [first] = type.arms;
      return first === undefined ? null : new Map<Value, Value>([["$tag", first[0]], ["$value", plainest(first[1])]]);
    }
    default:
      return unreachable(type);
  }
}
