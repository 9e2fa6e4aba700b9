// Strict readers for small JSON documents: every field known, every problem reported with its JSON pointer.

import { AosError, assert } from "@agentos/kernel";
import type { Json, Place, readJson } from "@agentos/kernel";

/** A document and where its values are. */
type JsonDocument = ReturnType<typeof readJson>;

export interface Finding {
  /** RFC 6901. */
  readonly pointer: string;
  readonly message: string;
}
export type Report = (pointer: string, message: string) => void;

/** Reads one value. `undefined` means that a problem was reported. */
export type Shape<T> = (json: Json, pointer: string, report: Report) => T | undefined;
/** A field that may be left out, and what it then is. */
interface Optional<T> {
  readonly shape: Shape<T>;
  readonly absent: T;
}
/** A field that may be left out, and is then left out of what was read. */
interface Maybe<T> {
  readonly maybe: Shape<T>;
}
type Field<T> = Shape<T> | Optional<T> | Maybe<T>;
type Fields = Readonly<Record<string, Field<unknown>>>;
type Read<F> = F extends Maybe<infer T> ? T : F extends Field<infer T> ? T : never;
type MaybeOf<F extends Fields> = { [K in keyof F]: F[K] extends Maybe<unknown> ? K : never }[keyof F];
type RecordOf<F extends Fields> = { readonly [K in Exclude<keyof F, MaybeOf<F>>]: Read<F[K]> } & { readonly [K in MaybeOf<F>]?: Read<F[K]> };

/** An object with exactly these fields. */
export function record<F extends Fields>(fields: F): Shape<RecordOf<F>> {
  const known = partial(fields);
  return (json, pointer, report) => {
    const strangers = isMap(json) ? [...json.keys()].filter((key) => !Object.hasOwn(fields, key)) : [];
    for (const key of strangers) report(child(pointer, key), `unknown field ${JSON.stringify(key)}; known are ${Object.keys(fields).join(", ")}`);
    const found = known(json, pointer, report);
    return strangers.length === 0 ? found : undefined;
  };
}

/** An object with these fields, and whatever else. */
export function partial<F extends Fields>(fields: F): Shape<RecordOf<F>> {
  return (json, pointer, report) => {
    if (!isMap(json)) return refuse(report, pointer, `expected an object, got ${say(json)}`);
    let sound = true;
    const found: Record<string, unknown> = {};
    for (const [key, field] of Object.entries(fields)) {
      if ("maybe" in field && !json.has(key)) continue;
      const value = readField(json.get(key), field, { pointer: child(pointer, key), report });
      if (value === undefined) sound = false;
      else found[key] = value;
    }
    return sound ? (found as RecordOf<F>) : undefined;
  };
}

/** A document as people write it: `$schema`, a text at its top, is for editors and no part of what it says. */
export function document<T>(shape: Shape<T>): Shape<T> {
  return (json, pointer, report) => {
    if (!isMap(json) || !json.has("$schema")) return shape(json, pointer, report);
    const value = shape(new Map([...json].filter(([key]) => key !== "$schema")), pointer, report);
    if (typeof json.get("$schema") === "string") return value;
    return refuse(report, child(pointer, "$schema"), "expected text, the place of a JSON Schema");
  };
}

function readField(json: Json | undefined, field: Field<unknown>, at: { readonly pointer: string; readonly report: Report }): unknown {
  const shape = typeof field === "function" ? field : "maybe" in field ? field.maybe : field.shape;
  if (json !== undefined) return shape(json, at.pointer, at.report);
  if ("absent" in field) return field.absent;
  return refuse(at.report, at.pointer, "is missing");
}

export function listOf<T>(item: Shape<T>): Shape<readonly T[]> {
  return (json, pointer, report) => {
    if (!Array.isArray(json)) return refuse(report, pointer, `expected a list, got ${say(json)}`);
    const items = (json as readonly Json[]).map((entry, index) => item(entry, child(pointer, index), report));
    return items.every((entry): entry is Exclude<typeof entry, undefined> => entry !== undefined) ? (items as readonly T[]) : undefined;
  };
}

/** An object whose keys are data. */
export function mapOf<K extends string, T>(key: Shape<K>, value: Shape<T>): Shape<ReadonlyMap<K, T>> {
  return (json, pointer, report) => {
    if (!isMap(json)) return refuse(report, pointer, `expected an object, got ${say(json)}`);
    const found = new Map<K, T>();
    for (const [name, member] of json) {
      const place = child(pointer, name);
      const readName = key(name, place, report);
      const readMember = value(member, place, report);
      if (readName !== undefined && readMember !== undefined) found.set(readName, readMember);
    }
    return found.size === json.size ? found : undefined;
  };
}

/** A text that passes a check; `expected` says in words what does. */
export function text<T extends string = string>(holds: (value: string) => boolean, expected: string): Shape<T> {
  return (json, pointer, report) => {
    if (typeof json === "string" && holds(json)) return json as T;
    return refuse(report, pointer, `expected ${expected}, got ${say(json)}`);
  };
}

export function oneOf<const T extends string>(...words: readonly T[]): Shape<T> {
  return text((value) => (words as readonly string[]).includes(value), words.map((word) => JSON.stringify(word)).join(" or "));
}

/** A whole number in a range, both ends included. */
export function whole(min: number, max: number): Shape<number> {
  return (json, pointer, report) => {
    if (typeof json === "number" && Number.isSafeInteger(json) && json >= min && json <= max) return json;
    return refuse(report, pointer, `expected a whole number from ${min} to ${max}, got ${say(json)}`);
  };
}

/** The one number a document's version may be. */
export function version<const N extends number>(expected: N): Shape<N> {
  return (json, pointer, report) => {
    if (json === expected) return expected;
    return refuse(report, pointer, `expected ${expected}, the version this program understands, got ${say(json)}`);
  };
}

/** Any JSON, as it is. */
export function anything(json: Json): Json {
  return json;
}

export function orNull<T>(shape: Shape<T>): Shape<T | null> {
  return (json, pointer, report) => (json === null ? null : shape(json, pointer, report));
}

export function optional<T>(shape: Shape<T>, absent: T): Optional<T> {
  return { shape, absent };
}

export function maybe<T>(shape: Shape<T>): Maybe<T> {
  return { maybe: shape };
}

/** The one word a flag may be: it is left out where it does not hold. */
export function yes(json: Json, pointer: string, report: Report): true | undefined {
  return json === true ? true : refuse(report, pointer, `expected true, got ${say(json)}`);
}

export function truth(json: Json, pointer: string, report: Report): boolean | undefined {
  return typeof json === "boolean" ? json : refuse(report, pointer, `expected true or false, got ${say(json)}`);
}

interface ReadOptions {
  /** The code of the error for what does not fit. */
  readonly code: string;
  /** Where the value is from, for errors. */
  readonly file: string;
}

/**
 * Reads a whole document; `check` sees a document of the right shape and reports what else is wrong with it.
 *
 * @throws AosError with `code`: the message names the first problem, `data.problems` all of them with pointer, line and column
 */
export function readDocument<T>(
  document: JsonDocument,
  shape: Shape<T>,
  options: ReadOptions & { readonly check: (value: T, report: Report) => void },
): T {
  const findings: Finding[] = [];
  const report: Report = (pointer, message) => void findings.push({ pointer, message });
  const value = shape(document.json, "", report);
  if (value !== undefined) options.check(value, report);
  if (value !== undefined && findings.length === 0) return value;
  const problems = findings.map((finding) => ({ ...finding, ...document.locate(finding.pointer) }));
  const { line = 1, column = 1, pointer = "" } = problems[0] ?? {};
  throw misfit(findings, { ...options, at: { file: options.file, pointer, line, column }, place: `${options.file}:${line}:${column}`, problems });
}

/**
 * Reads a value that was never text of its own.
 *
 * @throws AosError with `code`, as readDocument but without lines
 */
export function readValue<T>(json: Json, shape: Shape<T>, options: ReadOptions): T {
  const findings: Finding[] = [];
  const value = shape(json, "", (pointer, message) => void findings.push({ pointer, message }));
  if (value !== undefined && findings.length === 0) return value;
  const pointer = findings[0]?.pointer ?? "";
  throw misfit(findings, { ...options, at: { file: options.file, pointer }, place: options.file, problems: findings });
}

function misfit(
  findings: readonly Finding[],
  options: { readonly code: string; readonly at: Place; readonly place: string; readonly problems: readonly Finding[] },
): AosError {
  const [first, ...others] = findings;
  assert(first !== undefined, "what does not fit is reported");
  const more = others.length > 0 ? ` (and ${others.length} more)` : "";
  return new AosError(options.code, `${options.place}: ${first.pointer === "" ? "the whole" : first.pointer}: ${first.message}${more}`, {
    at: options.at,
    data: { problems: options.problems },
  });
}

function isMap(json: Json): json is ReadonlyMap<string, Json> {
  return json instanceof Map;
}

function child(pointer: string, step: string | number): string {
  return `${pointer}/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function refuse(report: Report, pointer: string, message: string): undefined {
  report(pointer, message);
  return undefined;
}

/** What a value is, short enough for a message. */
function say(json: Json): string {
  if (typeof json === "string") return JSON.stringify(json.length > 60 ? `${json.slice(0, 60)}…` : json);
  if (json === null || typeof json === "boolean" || typeof json === "number" || typeof json === "bigint") return String(json);
  if (Array.isArray(json)) return "a list";
  return json instanceof Map ? "an object" : "a fraction";
}
