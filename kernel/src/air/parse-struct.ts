// How trees become typed structures: readers that report every problem they find, and say where.

import { isHash, ZERO_HASH } from "./hash.ts";
import { pointerStep } from "./json.ts";
import { isName } from "./name.ts";
import { nearest } from "./suggest.ts";
import { isHashText } from "./text.ts";
import { isList, isMap, kindOfValue } from "./value-path.ts";
import type { Hash, Name, Value, ValueMap } from "./value.ts";

/** Something about a tree its author should know. `pointer` (RFC 6901) is relative to the tree; without a severity it is an error. */
export interface Problem {
  readonly code: string;
  readonly pointer: string;
  readonly message: string;
  readonly hint?: string;
  readonly severity?: "error" | "warning";
}
export type Report = (problem: Problem) => void;

/**
 * Reads one part of a tree. A reader that reported an error goes on and returns a stand-in of the wanted type, which nobody
 * looks at: {@link settle} drops the whole.
 */
export type Read<T> = (value: Value, at: string, report: Report) => T;

/** What was read, or undefined when an error was reported on the way. */
export function settle<T>(read: Read<T>, value: Value, place: { readonly at: string; readonly report: Report }): T | undefined {
  let failed = false;
  const result = read(value, place.at, (problem) => {
    failed ||= isError(problem);
    place.report(problem);
  });
  return failed ? undefined : result;
}

export function isError(problem: Problem): boolean {
  return problem.severity !== "warning";
}

/** The value of an erroneous part, see {@link Read}. */
export function standIn<T>(): T {
  return undefined as T;
}

/** Pointer to a member of what is at `at`. */
export function below(at: string, step: string | number): string {
  return `${at}/${pointerStep(step)}`;
}

function mismatch(expected: string, value: Value, at: string): Problem {
  return { code: "air.type", pointer: at, message: `expected ${expected}, got ${kindOfValue(value)}` };
}

export function readText(value: Value, at: string, report: Report): string {
  if (typeof value === "string") return value;
  report(mismatch("text", value, at));
  return standIn();
}

export function readBool(value: Value, at: string, report: Report): boolean {
  if (typeof value === "boolean") return value;
  report(mismatch("true or false", value, at));
  return standIn();
}

/** Reads an integer within bounds, both included. */
function readInteger(bounds: { readonly min: bigint; readonly max: bigint }): Read<bigint> {
  return (value, at, report) => {
    if (typeof value !== "number" && typeof value !== "bigint") {
      report(mismatch("an integer", value, at));
      return standIn();
    }
    const exact = BigInt(value);
    if (exact < bounds.min || exact > bounds.max) {
      report({ code: "air.range", pointer: at, message: `${exact} is not between ${bounds.min} and ${bounds.max}` });
    }
    return exact;
  };
}
export const readI64 = readInteger({ min: -0x8000_0000_0000_0000n, max: 0x7fff_ffff_ffff_ffffn });
export const readU64 = readInteger({ min: 0n, max: 0xffff_ffff_ffff_ffffn });

/** Reads one of a few words. */
export function readWord<const W extends string>(words: readonly W[]): Read<W> {
  return (value, at, report) => {
    const word = words.find((candidate) => candidate === value);
    if (word !== undefined) return word;
    const got = typeof value === "string" ? JSON.stringify(value) : kindOfValue(value);
    const message = `expected ${words.map((each) => JSON.stringify(each)).join(", ")}, got ${got}`;
    report({ code: "air.word", pointer: at, message, ...didYouMean(value, words) });
    return standIn();
  };
}

export function readName(value: Value, at: string, report: Report): Name {
  const text = readText(value, at, report);
  if (typeof value === "string" && !isName(value)) {
    const message = `${JSON.stringify(value)} is not a name`;
    report({ code: "air.name", pointer: at, message, hint: "expected namespace/Name@version, for example demo/Counter@1" });
  }
  return text as Name;
}

export function readHash(value: Value, at: string, report: Report): Hash {
  const text = readText(value, at, report);
  if (typeof value === "string" && !isHash(value)) {
    const hint = isHashText(value) ? "write the hex digits in lower case" : "expected sha256: and 64 lower-case hex digits";
    report({ code: "air.hash", pointer: at, message: `${JSON.stringify(value)} is not a hash`, hint });
  }
  return text as Hash;
}

/** Reads a hash that tools fill in later: null, a blank and a bare `sha256` or `sha256:` stand for the zero hash. */
export function readHashOrPlaceholder(value: Value, at: string, report: Report): Hash {
  const blank = value === null || (typeof value === "string" && /^\s*(?:sha256:?)?\s*$/i.test(value));
  return blank ? ZERO_HASH : readHash(value, at, report);
}

export function readList<T>(readItem: Read<T>): Read<readonly T[]> {
  return (value, at, report) => {
    if (isList(value)) return value.map((item, index) => readItem(item, below(at, index), report));
    report(mismatch("a list", value, at));
    return standIn();
  };
}

/** Reads an object whose keys are the author's. */
export function readMap<T>(readMember: Read<T>): Read<ReadonlyMap<string, T>> {
  return (value, at, report) => {
    if (!isMap(value)) {
      report(mismatch("an object", value, at));
      return standIn();
    }
    const map = new Map<string, T>();
    for (const [key, member] of value) {
      if (typeof key !== "string") report({ code: "air.type", pointer: at, message: `expected keys that are text, got ${kindOfValue(key)}` });
      else map.set(key, readMember(member, below(at, key), report));
    }
    return map;
  };
}

/** The members of an object with known keys; each is read at most once. */
export interface Fields {
  /** A member that must be there. */
  need<T>(key: string, read: Read<T>): T;
  /** A member that may be absent or, which is the same, null. */
  maybe<T>(key: string, read: Read<T>): T | undefined;
  /** A list or map that may be absent or, which is the same, empty; null is an error. */
  some<T extends readonly unknown[] | ReadonlyMap<string, unknown>>(key: string, read: Read<T>): T | undefined;
  /** A member that stands for something when absent; null is the reader's to judge. */
  orElse<T>(key: string, read: Read<T>, absent: T): T;
  /** Says that a key is known but not read here. */
  ignore(key: string): void;
  /** Says that keys not read are not to be judged. */
  ignoreRest(): void;
}

/** Keys that carry prose: never an error, never hashed. */
const PROSE: ReadonlySet<Value> = new Set(["$comment", "$schema", "description"]);

/** Reads an object with known keys. Keys that `body` does not read are warned about: they count for nothing. */
export function readStruct<T>(what: string, body: (fields: Fields, place: { readonly at: string; readonly report: Report }) => T): Read<T> {
  return (value, at, report) => {
    if (!isMap(value)) {
      report(mismatch(`${what}, an object`, value, at));
      return standIn();
    }
    const known = new Set<Value>();
    let judged = true;
    const member = (key: string): Value | undefined => {
      known.add(key);
      return value.get(key);
    };
    const result = body(
      {
        need(key, read) {
          const found = member(key);
          if (found !== undefined) return read(found, below(at, key), report);
          report({ code: "air.missing_key", pointer: at, message: `${what} needs the key ${JSON.stringify(key)}` });
          return standIn();
        },
        maybe(key, read) {
          const found = member(key);
          return found === undefined || found === null ? undefined : read(found, below(at, key), report);
        },
        some(key, read) {
          const found = member(key);
          if (found === undefined) return undefined;
          const items = read(found, below(at, key), report);
          return isEmpty(found) ? undefined : items;
        },
        orElse(key, read, absent) {
          const found = member(key);
          return found === undefined ? absent : read(found, below(at, key), report);
        },
        ignore(key) {
          known.add(key);
        },
        ignoreRest() {
          judged = false;
        },
      },
      { at, report },
    );
    if (judged) reportUnknown(value, known, { what, at, report });
    return result;
  };
}

function isEmpty(value: Value): boolean {
  return isMap(value) ? value.size === 0 : isList(value) && value.length === 0;
}

function reportUnknown(
  map: ValueMap,
  known: ReadonlySet<Value>,
  place: { readonly what: string; readonly at: string; readonly report: Report },
): void {
  for (const key of map.keys()) {
    if (known.has(key) || PROSE.has(key)) continue;
    const pointer = typeof key === "string" ? below(place.at, key) : place.at;
    const shown = typeof key === "string" ? JSON.stringify(key) : `of kind ${kindOfValue(key)}`;
    const message = `${place.what} has no key ${shown}: it is ignored and not part of any hash`;
    place.report({ code: "air.unknown_key", pointer, message, severity: "warning", ...didYouMean(key, [...known].map(String)) });
  }
}

function didYouMean(value: Value, candidates: readonly string[]): { readonly hint?: string } {
  const close = typeof value === "string" ? nearest(value, candidates) : undefined;
  return close === undefined ? {} : { hint: `did you mean ${JSON.stringify(close)}?` };
}

/** One of the shapes an object may have, known by a key. */
export interface Alternative<T> {
  readonly key: string;
  readonly read: Read<T>;
}

/**
 * Reads an object as the first alternative whose key it has and whose content fits. When none fits, the problems of the
 * first one with its key present are reported.
 */
export function firstFit<T>(what: { readonly code: string; readonly noun: string }, alternatives: readonly Alternative<T>[]): Read<T> {
  const keys = alternatives.map(({ key }) => key);
  return (value, at, report) => {
    let failure: readonly Problem[] | undefined;
    for (const { key, read } of alternatives) {
      if (!isMap(value) || !value.has(key)) continue;
      const problems: Problem[] = [];
      const result = read(value, at, (problem) => problems.push(problem));
      if (!problems.some(isError)) {
        for (const problem of problems) report(problem);
        return result;
      }
      failure ??= problems;
    }
    for (const problem of failure ?? [noneFits(what, keys, { value, at })]) report(problem);
    return standIn();
  };
}

function noneFits(
  what: { readonly code: string; readonly noun: string },
  keys: readonly string[],
  found: { readonly value: Value; readonly at: string },
): Problem {
  if (!isMap(found.value)) return { ...mismatch(`${what.noun}, an object`, found.value, found.at), code: what.code };
  const slip = [...found.value.keys()].map((key) => didYouMean(key, keys)).find(({ hint }) => hint !== undefined);
  const message = `expected ${what.noun}, an object with one of the keys ${keys.join(", ")}`;
  return { code: what.code, pointer: found.at, message, ...slip };
}

/** Optional members as exact optional properties: the absent ones are left out. */
type Present<T> = { readonly [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  readonly [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Leaves out members that are undefined. */
export function present<T extends object>(members: T): Present<T> {
  const found: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(members)) if (member !== undefined) found[key] = member;
  return found as Present<T>;
}
