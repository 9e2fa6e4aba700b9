// JSON as AIR needs it: integers exact, `1.0` told from `1`, one value a key, and a line and column for every value.

import { encodeBase64 } from "./base64.ts";
import { isWellFormed } from "./bytes.ts";
import { AosError } from "./error.ts";
import { compareText } from "./text.ts";
import type { Json } from "./types.ts";
import { Float, integer } from "./value.ts";
import type { Value } from "./value.ts";

const LEVEL_MAX = 127;
/** Length of the longest integers kept exact, 18446744073709551615 and -9223372036854775808. */
const INTEGER_DIGITS_MAX = 20;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const BLANK = /[ \t\n\r]*/y;
const PLAIN_TEXT = /[^"\\\u0000-\u001f]*/y;
const ESCAPES: ReadonlyMap<string, string> = new Map(
  Object.entries({ '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }),
);

/** A document and where its values are. */
export interface JsonDocument {
  readonly json: Json;
  /** Line and column, both from 1 (columns in UTF-16 units), of the value at a pointer, or of the nearest value above it. */
  locate(pointer: string): { readonly line: number; readonly column: number };
}

interface Reader {
  readonly text: string;
  readonly file: string;
  at: number;
  level: number;
  /** Offsets by pointer, filled only when somebody asks. */
  readonly places: Map<string, number> | undefined;
}

/**
 * Reads one JSON document. Objects become Map; integers in −2^63 … 2^64−1 stay exact; `1.0`, `1e0`, `-0` and integers beyond
 * become Float.
 * @param file - the name that errors carry
 * @throws AosError `json.syntax` with `at`: also for a key given twice, a lone surrogate, more than 127 levels
 */
export function readJson(text: string, file: string): JsonDocument {
  let places: ReadonlyMap<string, number> | undefined;
  let starts: readonly number[] | undefined;
  return {
    json: readDocument({ text, file, at: 0, level: 0, places: undefined }),
    locate(pointer) {
      places ??= findPlaces(text, file);
      starts ??= lineStarts(text);
      const offset = nearest(places, pointer);
      const line = countUpTo(starts, offset);
      return { line, column: offset - (starts[line - 1] ?? 0) + 1 };
    },
  };
}

/** Offsets of the first characters of all lines. */
function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** How many of the numbers, which ascend, are not above `limit`. */
function countUpTo(numbers: readonly number[], limit: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] as number) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

function findPlaces(text: string, file: string): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  readDocument({ text, file, at: 0, level: 0, places });
  return places;
}

function nearest(places: ReadonlyMap<string, number>, pointer: string): number {
  for (let known = pointer; known !== ""; known = known.slice(0, Math.max(0, known.lastIndexOf("/")))) {
    const offset = places.get(known);
    if (offset !== undefined) return offset;
  }
  return places.get("") ?? 0;
}

/** Line and column, both from 1, of an offset into a text. */
function lineAndColumn(text: string, offset: number): { readonly line: number; readonly column: number } {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf("\n"); end !== -1 && end < offset; end = text.indexOf("\n", start)) {
    line++;
    start = end + 1;
  }
  return { line, column: offset - start + 1 };
}

function fail(reader: Reader, at: number, what: string): never {
  const { line, column } = lineAndColumn(reader.text, at);
  throw new AosError("json.syntax", `${reader.file}:${line}:${column}: ${what}`, { at: { file: reader.file, line, column } });
}

function readDocument(reader: Reader): Json {
  if (reader.text.startsWith("\ufeff")) fail(reader, 0, "a byte order mark before the document; save the file as UTF-8 without one");
  const json = readValue(reader, "");
  skipBlank(reader);
  if (reader.at < reader.text.length) fail(reader, reader.at, "text after the document");
  return json;
}

function match(reader: Reader, pattern: RegExp): RegExpExecArray | null {
  pattern.lastIndex = reader.at;
  const found = pattern.exec(reader.text);
  if (found !== null) reader.at = pattern.lastIndex;
  return found;
}

function skipBlank(reader: Reader): void {
  match(reader, BLANK);
}

/** Steps over one character if it comes next, blanks before it. */
function take(reader: Reader, character: string): boolean {
  skipBlank(reader);
  if (reader.text.charAt(reader.at) !== character) return false;
  reader.at++;
  return true;
}

function readValue(reader: Reader, pointer: string): Json {
  skipBlank(reader);
  reader.places?.set(pointer, reader.at);
  switch (reader.text.charAt(reader.at)) {
    case "{":
      return readObject(reader, pointer);
    case "[":
      return readList(reader, pointer);
    case '"':
      return readText(reader);
    case "t":
      return readWord(reader, "true", true);
    case "f":
      return readWord(reader, "false", false);
    case "n":
      return readWord(reader, "null", null);
    case "":
      return fail(reader, reader.at, "the document ends too early");
    default:
      return readNumber(reader);
  }
}

function readWord(reader: Reader, word: string, value: Json): Json {
  if (!reader.text.startsWith(word, reader.at)) fail(reader, reader.at, "expected a JSON value");
  reader.at += word.length;
  return value;
}

function readNumber(reader: Reader): Json {
  const start = reader.at;
  const found = match(reader, NUMBER);
  if (found === null) fail(reader, start, "expected a JSON value");
  const [digits, fraction, exponent] = found;
  if (/[0-9.eE+-]/.test(reader.text.charAt(reader.at))) fail(reader, start, "not a JSON number");
  if (fraction === undefined && exponent === undefined && digits !== "-0" && digits.length <= INTEGER_DIGITS_MAX) {
    const exact = BigInt(digits);
    if (exact >= -0x8000_0000_0000_0000n && exact <= 0xffff_ffff_ffff_ffffn) return integer(exact);
  }
  const value = Number(digits);
  if (!Number.isFinite(value)) fail(reader, start, "a number too big for any float");
  return new Float(value);
}

function readText(reader: Reader): string {
  const start = reader.at;
  reader.at++;
  let text = "";
  for (;;) {
    text += match(reader, PLAIN_TEXT)?.[0] ?? "";
    const character = reader.text.charAt(reader.at);
    if (character === '"') break;
    if (character === "") fail(reader, start, "a string that never ends");
    if (character !== "\\") fail(reader, reader.at, "a control character in a string; escape it");
    text += readEscape(reader);
  }
  reader.at++;
  if (!isWellFormed(text)) fail(reader, start, "a string with a lone surrogate");
  return text;
}

function readEscape(reader: Reader): string {
  const at = reader.at;
  const letter = reader.text.charAt(at + 1);
  reader.at += 2;
  if (letter !== "u") return ESCAPES.get(letter) ?? fail(reader, at, "an unknown escape in a string");
  const digits = reader.text.slice(at + 2, at + 6);
  if (!/^[0-9a-fA-F]{4}$/.test(digits)) fail(reader, at, "expected four hex digits after \\u");
  reader.at += 4;
  return String.fromCharCode(Number.parseInt(digits, 16));
}

function enter(reader: Reader): void {
  reader.level++;
  if (reader.level > LEVEL_MAX) fail(reader, reader.at, `more than ${LEVEL_MAX} levels of nesting`);
}

function readList(reader: Reader, pointer: string): readonly Json[] {
  enter(reader);
  reader.at++;
  const items: Json[] = [];
  if (!take(reader, "]")) {
    do items.push(readValue(reader, reader.places === undefined ? "" : `${pointer}/${items.length}`));
    while (take(reader, ","));
    if (!take(reader, "]")) fail(reader, reader.at, "expected , or ] in a list");
  }
  reader.level--;
  return items;
}

function readObject(reader: Reader, pointer: string): ReadonlyMap<string, Json> {
  enter(reader);
  reader.at++;
  const object = new Map<string, Json>();
  if (!take(reader, "}")) {
    do readMember(reader, pointer, object);
    while (take(reader, ","));
    if (!take(reader, "}")) fail(reader, reader.at, "expected , or } in an object");
  }
  reader.level--;
  return object;
}

function readMember(reader: Reader, pointer: string, object: Map<string, Json>): void {
  skipBlank(reader);
  const at = reader.at;
  if (reader.text.charAt(at) !== '"') fail(reader, at, "expected a key in double quotes");
  const key = readText(reader);
  if (object.has(key)) fail(reader, at, `the key ${JSON.stringify(key)} is given twice`);
  if (!take(reader, ":")) fail(reader, reader.at, "expected : after a key");
  object.set(key, readValue(reader, reader.places === undefined ? "" : `${pointer}/${pointerStep(key)}`));
}

/** One step of a JSON pointer (RFC 6901), escaped. */
export function pointerStep(key: string | number): string {
  const step = String(key);
  // Nearly every step is one already, and pointers are made for every value that is read.
  return step.includes("/") || step.includes("~") ? step.replaceAll("~", "~0").replaceAll("/", "~1") : step;
}

/**
 * Text of a JSON value, keys in the order of their maps; `readJson` gives the same value back.
 * @param indent - blanks a level; on one line without it
 * @throws AosError `json.value` for a float that JSON cannot spell (NaN, infinities)
 */
export function writeJson(json: Json, indent = 0): string {
  return writeAt(json, indent, indent === 0 ? "" : "\n");
}

function writeAt(json: Json, indent: number, line: string): string {
  if (json === null || typeof json === "boolean" || typeof json === "bigint" || typeof json === "number") return String(json);
  if (typeof json === "string") return JSON.stringify(json);
  if (json instanceof Float) return writeFloat(json.value);
  const inner = line + " ".repeat(indent);
  if (json instanceof Map) {
    const colon = indent === 0 ? ":" : ": ";
    const members = [...(json as ReadonlyMap<string, Json>)].map(([key, value]) => JSON.stringify(key) + colon + writeAt(value, indent, inner));
    return enclose("{", members, "}", { inner, line });
  }
  return enclose("[", (json as readonly Json[]).map((item) => writeAt(item, indent, inner)), "]", { inner, line });
}

function enclose(open: string, parts: readonly string[], close: string, breaks: { readonly inner: string; readonly line: string }): string {
  return parts.length === 0 ? open + close : open + breaks.inner + parts.join(`,${breaks.inner}`) + breaks.line + close;
}

function writeFloat(value: number): string {
  if (!Number.isFinite(value)) throw new AosError("json.value", `json: ${value} has no JSON form`);
  if (Object.is(value, -0)) return "-0";
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/**
 * Turns plain objects, arrays, maps with text keys and scalars into Json; a property whose value is `undefined` is left out.
 * @throws AosError `json.value` for anything else (bytes: use {@link valueToJson})
 */
export function jsonOf(value: unknown): Json {
  if (value === null || typeof value === "boolean" || typeof value === "string" || value instanceof Float) return value;
  if (typeof value === "bigint") return integer(value);
  if (typeof value === "number") return numberToJson(value);
  if (Array.isArray(value)) return value.map(jsonOf);
  if (value instanceof Map) return entriesToJson([...value]);
  if (typeof value === "object" && isPlain(value)) return entriesToJson(Object.entries(value).filter(([, member]) => member !== undefined));
  throw new AosError("json.value", `json: a value of type ${typeof value} has no JSON form`);
}

function numberToJson(value: number): Json {
  if (Number.isSafeInteger(value)) return value;
  if (Number.isFinite(value)) return new Float(value);
  throw new AosError("json.value", `json: ${value} has no JSON form`);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function entriesToJson(entries: readonly (readonly [unknown, unknown])[]): Json {
  return new Map(
    entries.map(([key, value]) => {
      if (typeof key !== "string") throw new AosError("json.value", `json: a key of type ${typeof key} has no JSON form`);
      return [key, jsonOf(value)];
    }),
  );
}

/**
 * A value for people to read: bytes become `{"$bytes": base64}`, maps with other keys than text `{"$map": [[key, value], …]}`,
 * floats that JSON cannot spell `{"$float": "NaN"}`. Text keys are sorted by their bytes, so equal values have equal texts.
 */
export function valueToJson(value: Value): Json {
  if (value instanceof Uint8Array) return new Map([["$bytes", encodeBase64(value)]]);
  if (value instanceof Float) return Number.isFinite(value.value) ? value : new Map([["$float", String(value.value)]]);
  if (Array.isArray(value)) return (value as readonly Value[]).map(valueToJson);
  if (value instanceof Map) return mapToJson(value as ReadonlyMap<Value, Value>);
  return value as Exclude<Value, Uint8Array | Float | readonly Value[] | ReadonlyMap<Value, Value>>;
}

function mapToJson(map: ReadonlyMap<Value, Value>): Json {
  const entries = [...map].map(([key, value]) => ({ key, text: writeJson(valueToJson(key)), value: valueToJson(value) }));
  if (entries.every(({ key }) => typeof key === "string")) {
    return new Map(entries.map(({ key, value }) => [key as string, value] as const).sort(([a], [b]) => compareText(a, b)));
  }
  entries.sort((a, b) => compareText(a.text, b.text));
  return new Map([["$map", entries.map(({ key, value }) => [valueToJson(key), value])]]);
}
