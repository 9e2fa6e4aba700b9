// A new value in the place of a written one: what stays the same keeps its text, and comments stay with what they are about.

import { formatWritten } from "./format.ts";
import { readWritten, type Member, type Piece, type Written } from "./format-read.ts";
import { readJson, writeJson } from "./json.ts";
import type { Json } from "./types.ts";

/** Members that tell which item of a list is meant, the first of these that it has. */
const IDENTITIES: readonly (readonly string[])[] = [["id"], ["name"], ["alias", "version"], ["from", "to"], ["event", "plan"], ["event", "reducer"], ["source", "reducer"], ["reducer"], ["when"]];

/**
 * Writes a value over a text that holds another one. Members and items that are in both keep their comments, those that went take
 * theirs with them; items of a list are the same when they are equal or have the same id or name.
 *
 * @param text - one JSON document, comments allowed
 * @returns the new document in the layout of `formatAir`
 * @throws AosError `json.syntax`
 */
export function mergeAir(text: string, next: Json, file: string): string {
  const document = readWritten(text, file);
  return formatWritten({ ...document, value: merged(document.value, next) });
}

function merged(old: Written, next: Json): Written {
  if (old.kind === "object" && next instanceof Map) return mergedMembers(old, next as ReadonlyMap<string, Json>);
  if (old.kind === "list" && Array.isArray(next)) return mergedItems(old, next as readonly Json[]);
  return old.kind === "atom" && writeJson(readJson(old.text, "").json) === writeJson(next) ? old : fresh(next);
}

function fresh(json: Json): Written {
  return readWritten(writeJson(json), "").value;
}

function mergedMembers(old: Extract<Written, { readonly kind: "object" }>, next: ReadonlyMap<string, Json>): Written {
  const kept = old.members.flatMap((member): readonly Member[] => {
    const value = next.get(member.name);
    return value === undefined ? [] : [{ ...member, value: merged(member.value, value) }];
  });
  const known = new Set(kept.map(({ name }) => name));
  const more = [...next].filter(([name]) => !known.has(name)).map(([name, value]): Member => ({ key: JSON.stringify(name), name, before: [], behind: [], value: fresh(value) }));
  return { kind: "object", members: [...kept, ...more], end: old.end };
}

function mergedItems(old: Extract<Written, { readonly kind: "list" }>, next: readonly Json[]): Written {
  const equal = queues(old.items, (item) => writeJson(sorted(jsonOf(item.value))));
  const texts = next.map((value) => writeJson(sorted(value)));
  const found = texts.map((text) => equal.get(text)?.shift());
  const used = new Set(found);
  const alike = queues(old.items.filter((item) => !used.has(item)), (item) => identityOf(jsonOf(item.value)));
  const items = next.map((value, index): Piece => {
    const same = found[index];
    if (same !== undefined) return same;
    const identity = identityOf(value);
    const piece = identity === undefined ? undefined : alike.get(identity)?.shift();
    return piece === undefined ? { before: [], behind: [], value: fresh(value) } : { ...piece, value: merged(piece.value, value) };
  });
  return { kind: "list", items, end: old.end };
}

/** Items by what they have in common, in their order. */
function queues(items: readonly Piece[], keyOf: (item: Piece) => string | undefined): ReadonlyMap<string, Piece[]> {
  const map = new Map<string, Piece[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const queue = map.get(key);
    if (queue === undefined) map.set(key, [item]);
    else queue.push(item);
  }
  return map;
}

function identityOf(value: Json): string | undefined {
  if (!(value instanceof Map)) return undefined;
  const map = value as ReadonlyMap<string, Json>;
  const names = IDENTITIES.find((members) => members.every((member) => map.has(member)));
  return names === undefined ? undefined : writeJson(names.map((name) => [name, sorted(map.get(name) ?? null)]));
}

function jsonOf(value: Written): Json {
  if (value.kind === "atom") return readJson(value.text, "").json;
  if (value.kind === "list") return value.items.map((item) => jsonOf(item.value));
  return new Map(value.members.map((member) => [member.name, jsonOf(member.value)]));
}

/** The same value, its keys in one order. */
function sorted(json: Json): Json {
  if (Array.isArray(json)) return (json as readonly Json[]).map(sorted);
  if (!(json instanceof Map)) return json;
  return new Map([...(json as ReadonlyMap<string, Json>)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, sorted(value)]));
}
