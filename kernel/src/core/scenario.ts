// What a shadow run is fed: events and people's decisions in order, and what effects get for an answer. Read from `shadow/*.json` of a world.

import { AosError } from "../air/error.ts";
import { decodeBase64 } from "../air/base64.ts";
import { pointerStep } from "../air/json.ts";
import { isName } from "../air/name.ts";
import type { Json } from "../air/types.ts";
import type { Name, Value } from "../air/value.ts";
import type { ApprovalDecision } from "./approval.ts";
import { EXPECTED_SECTIONS, expectedFields, type Expectation } from "./expectation.ts";
import type { ReceiptStatus } from "./receipt.ts";

export interface Scenario {
  /** Where it was read; scenarios run in the order of their files. */
  readonly file: string;
  readonly name: string | undefined;
  readonly events: readonly ScenarioStep[];
  /** Asked in order: the first that fits an effect and is not used up answers it. */
  readonly answers: readonly ScenarioAnswer[];
  /** What is to come of it in an empty world. A shadow run, which is on the state of a real one, does not ask. */
  readonly expect?: Expectation;
}

/** One act of somebody outside; the effects that follow from it are answered before the next. */
type ScenarioStep = ScenarioEvent | ScenarioApproval;

/** An event as somebody would send it: runtime lens, variants as `{"$tag", "$value"}`, bytes as text or `{"$bytes": base64}`. */
export interface ScenarioEvent {
  readonly schema: Name;
  readonly value: Value;
  readonly key: Value | undefined;
}

/** Somebody's decision on the earliest effect that is held and fits. */
export interface ScenarioApproval {
  readonly approve: EffectWanted & { readonly decision: ApprovalDecision; readonly reason: string | undefined };
}

/** Which effects are meant. */
export interface EffectWanted {
  /** Effect kind, such as `http.request`. */
  readonly effect: string;
  /** Name of a grant; undefined fits every grant. */
  readonly cap: string | undefined;
  /** Fields of the effect's params and their values, all of which must hold; `url` holds when it begins the effect's. */
  readonly match: ReadonlyMap<string, Json>;
}

export interface ScenarioAnswer extends EffectWanted {
  readonly status: ReceiptStatus;
  /** Value of the receipt schema, as values of events are written; undefined where the status is not `ok` and nothing came back. */
  readonly payload: Value | undefined;
  /** How many effects it answers in one run; undefined: all. */
  readonly times: number | undefined;
}

type Report = (pointer: string, message: string) => void;
type Fields = ReadonlyMap<string, Json>;

const STATUSES: readonly ReceiptStatus[] = ["ok", "error", "timeout"];

/**
 * Reads a scenario: `{"name"?, "events": [{"schema", "value", "key"?} | {"approve": {"effect", "cap"?, "match"?, "decision",
 * "reason"?}}], "answers"?: [{"effect", "cap"?, "match"?, "status"?, "payload", "times"?}], "expect"?: {section: [row]}}`, and `$schema` for editors. Fields that
 * are not of that shape are refused. Whether events and payloads fit their schemas is
 * for the run to say: it depends on the control plane.
 *
 * @param file - the name that errors and the report carry
 * @throws AosError `scenario.invalid` with every problem: `data.problems` is a list of `{pointer, message}`
 */
export function parseScenario(json: Json, file: string): Scenario {
  const problems: { readonly pointer: string; readonly message: string }[] = [];
  const scenario = readScenario(json, file, (pointer, message) => problems.push({ pointer, message }));
  const [first] = problems;
  if (first === undefined) return scenario;
  const text = problems.map(({ pointer, message }) => (pointer === "" ? message : `${pointer}: ${message}`)).join("; ");
  throw new AosError("scenario.invalid", `${file}: ${text}`, { at: { file, pointer: first.pointer }, data: { problems } });
}

function readScenario(json: Json, file: string, report: Report): Scenario {
  const fields = objectAt(json, { pointer: "", known: ["name", "events", "answers", "expect", "$schema"] }, report);
  if (fields === undefined) return { file, name: undefined, events: [], answers: [] };
  textAt(fields, { pointer: "", field: "$schema" }, report);
  required(fields, { pointer: "", field: "events" }, report);
  const events = listAt(fields, { pointer: "", field: "events" }, report);
  if (events?.length === 0) report("/events", "nothing would run: give at least one event");
  const expect = expectationAt(fields, report);
  return {
    ...(expect === undefined ? {} : { expect }),
    file,
    name: textAt(fields, { pointer: "", field: "name" }, report),
    events: (events ?? []).flatMap((event, index) => readEvent(event, `/events/${index}`, report) ?? []),
    answers: (listAt(fields, { pointer: "", field: "answers" }, report) ?? []).flatMap((answer, index) => readAnswer(answer, `/answers/${index}`, report) ?? []),
  };
}

function readEvent(json: Json, pointer: string, report: Report): ScenarioStep | undefined {
  if (json instanceof Map && json.has("approve")) return readApproval(json, pointer, report);
  const fields = objectAt(json, { pointer, known: ["schema", "value", "key"] }, report);
  if (fields === undefined) return undefined;
  const schema = required(fields, { pointer, field: "schema" }, report);
  const value = required(fields, { pointer, field: "value" }, report);
  if (schema !== undefined && !(typeof schema === "string" && isName(schema))) report(`${pointer}/schema`, "expected the name of a schema, such as `demo/Start@1`");
  const key = fields.get("key");
  return { schema: schema as Name, value: valueOf(value ?? null, `${pointer}/value`, report), key: key === undefined ? undefined : valueOf(key, `${pointer}/key`, report) };
}

const DECISIONS: readonly ApprovalDecision[] = ["grant", "deny"];

function readApproval(json: Json, pointer: string, report: Report): ScenarioStep | undefined {
  const at = `${pointer}/approve`;
  const wanted = objectAt(json, { pointer, known: ["approve"] }, report)?.get("approve");
  const fields = objectAt(wanted ?? null, { pointer: at, known: ["effect", "cap", "match", "decision", "reason"] }, report);
  if (fields === undefined) return undefined;
  required(fields, { pointer: at, field: "decision" }, report);
  const given = fields.get("decision");
  const decision = DECISIONS.find((known) => known === given);
  if (given !== undefined && decision === undefined) report(`${at}/decision`, `expected ${DECISIONS.join(" or ")}`);
  return { approve: { ...wantedAt(fields, at, report), decision: decision ?? "deny", reason: textAt(fields, { pointer: at, field: "reason" }, report) } };
}

function wantedAt(fields: Fields, pointer: string, report: Report): EffectWanted {
  required(fields, { pointer, field: "effect" }, report);
  return {
    effect: textAt(fields, { pointer, field: "effect" }, report) ?? "",
    cap: textAt(fields, { pointer, field: "cap" }, report),
    match: matchAt(fields, pointer, report),
  };
}

/** JSON as a value: an object of `$bytes` alone is bytes. */
function valueOf(json: Json, pointer: string, report: Report): Value {
  if (Array.isArray(json)) return (json as readonly Json[]).map((item, index) => valueOf(item, `${pointer}/${index}`, report));
  if (!(json instanceof Map)) return json as Value;
  const fields = json as Fields;
  const text = fields.size === 1 ? fields.get("$bytes") : undefined;
  if (text === undefined) return new Map([...fields].map(([name, value]) => [name, valueOf(value, `${pointer}/${pointerStep(name)}`, report)] as const));
  const bytes = typeof text === "string" ? decodeBase64(text) : undefined;
  if (bytes === undefined) report(`${pointer}/$bytes`, "expected bytes in base64, padded");
  return bytes ?? null;
}

function readAnswer(json: Json, pointer: string, report: Report): ScenarioAnswer | undefined {
  const fields = objectAt(json, { pointer, known: ["effect", "cap", "match", "status", "payload", "times"] }, report);
  if (fields === undefined) return undefined;
  const wanted = wantedAt(fields, pointer, report);
  const status = statusAt(fields, pointer, report);
  if (status === "ok") required(fields, { pointer, field: "payload" }, report);
  const payload = fields.get("payload");
  return {
    ...wanted,
    status,
    payload: payload === undefined ? undefined : valueOf(payload, `${pointer}/payload`, report),
    times: timesAt(fields, pointer, report),
  };
}

function statusAt(fields: Fields, pointer: string, report: Report): ReceiptStatus {
  const given = fields.get("status") ?? "ok";
  const status = STATUSES.find((known) => known === given);
  if (status === undefined) report(`${pointer}/status`, `expected one of ${STATUSES.join(", ")}`);
  return status ?? "ok";
}

function matchAt(fields: Fields, pointer: string, report: Report): Fields {
  const match = fields.get("match");
  if (match === undefined) return new Map();
  if (!(match instanceof Map)) {
    report(`${pointer}/match`, "expected an object of fields of the effect's params");
    return new Map();
  }
  const wanted = match as Fields;
  if (wanted.has("url") && typeof wanted.get("url") !== "string") report(`${pointer}/match/url`, "expected text that the URL begins with");
  return wanted;
}

function timesAt(fields: Fields, pointer: string, report: Report): number | undefined {
  const times = fields.get("times");
  if (times === undefined) return undefined;
  if (typeof times === "number" && times >= 1) return times;
  report(`${pointer}/times`, "expected a whole number from 1");
  return undefined;
}

function expectationAt(fields: Fields, report: Report): Expectation | undefined {
  const given = fields.get("expect");
  if (given === undefined) return undefined;
  const sections = objectAt(given, { pointer: "/expect", known: EXPECTED_SECTIONS }, report) ?? new Map<string, Json>();
  return new Map(EXPECTED_SECTIONS.flatMap((section) => {
    const rows = listAt(sections, { pointer: "/expect", field: section }, report);
    return rows === undefined ? [] : [[section, rows.flatMap((row, at) => expectedRow(row, { pointer: `/expect/${section}/${at}`, known: expectedFields(section) }, report) ?? [])] as const];
  }));
}

function expectedRow(json: Json, at: { readonly pointer: string; readonly known: readonly string[] }, report: Report): Fields | undefined {
  const fields = objectAt(json, at, report);
  if (fields?.size === 0) report(at.pointer, `expected at least one of ${at.known.join(", ")}`);
  return fields;
}

interface At {
  readonly pointer: string;
  readonly field: string;
}

function objectAt(json: Json, at: { readonly pointer: string; readonly known: readonly string[] }, report: Report): Fields | undefined {
  if (!(json instanceof Map)) {
    report(at.pointer, `expected an object of ${at.known.join(", ")}`);
    return undefined;
  }
  const fields = json as Fields;
  for (const field of fields.keys()) {
    if (!at.known.includes(field)) report(`${at.pointer}/${pointerStep(field)}`, `unknown field; known are ${at.known.join(", ")}`);
  }
  return fields;
}

/** The field; missing is reported. */
function required(fields: Fields, at: At, report: Report): Json | undefined {
  const value = fields.get(at.field);
  if (value === undefined) report(at.pointer, `\`${at.field}\` is missing`);
  return value;
}

function textAt(fields: Fields, at: At, report: Report): string | undefined {
  const value = fields.get(at.field);
  if (value === undefined || (typeof value === "string" && value !== "")) return value;
  report(`${at.pointer}/${at.field}`, "expected text that is not empty");
  return undefined;
}

function listAt(fields: Fields, at: At, report: Report): readonly Json[] | undefined {
  const value = fields.get(at.field);
  if (value === undefined || Array.isArray(value)) return value as readonly Json[] | undefined;
  report(`${at.pointer}/${at.field}`, "expected a list");
  return undefined;
}
