// Inputs that are almost right: bytes, texts and trees changed at random, each from one seed.

import { integer } from "../air/value.ts";
import type { Expanded } from "../air/expand.ts";
import type { Value } from "../air/value.ts";
import type { Random } from "./random-air.ts";

/** Keys that mean something to JavaScript's own objects. */
export const HOSTILE_KEYS = ["__proto__", "constructor", "hasOwnProperty", "toString", "valueOf", "prototype"] as const;

/** Mutated bytes and texts are cut at this length. */
const LENGTH_MAX = 4096;

/** Heads that promise what does not follow, reserved heads, and pieces that mean something at the start of an item. */
const CBOR_PIECES: readonly (readonly number[])[] = [
  [0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0x9b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], [0xbb, 0, 0x20, 0, 0, 0, 0, 0, 0], [0x7a, 0x7f, 0xff, 0xff, 0xff],
  [0x9a, 0xff, 0xff, 0xff, 0xff], [0xba, 0x80, 0, 0, 0], [0x5f], [0x7f], [0x9f], [0xbf], [0xff], [0xd9, 0xd9, 0xf7], [0xc2, 0x40], [0xf9, 0x7e, 0], [0xfa, 0x7f, 0x80, 0, 0],
  [0xfb, 0x80, 0, 0, 0, 0, 0, 0, 0], [0xf8, 0x20], [0xf7], [0x1c], [0xfe], [0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0x63, 0xed, 0xa0, 0x80],
  [0x69, ...new TextEncoder().encode("__proto__")], [0x18, 0x01], [0xa0], [0x80], [0x60], [0xf6],
];

const JSON_PIECES: readonly string[] = [
  '"__proto__":', '"constructor":{},', '{"__proto__":null}', '"\\ud800"', '"\\udc00\\ud800"', "\ud800", "1e999", "-0", "1.0", "1E-400", "18446744073709551616", "0".repeat(40), "9".repeat(40),
  "// x\n", "/* x */", "/*", "\u0000", "\ufeff", "\u2028", "[".repeat(130), "]".repeat(130), "{}", "[]", "null", "true", '"', "\\", "\\u12", ",", ":", "{", "}", "-", ".", "\r\n", '"$kind":', "é",
];

const TEXTS: readonly string[] = ["", "a", "sys/TimerFired@1", "demo/X@0", "@plan.input.__proto__", "$value.id", "2026-01-01T00:00:00Z", `sha256:${"0".repeat(64)}`, "-1", "9".repeat(30), "\u{1f600}", "=", "%%%", "$tag", ...HOSTILE_KEYS];
const INTEGERS: readonly bigint[] = [0n, 1n, -1n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 64n), 2n ** 64n - 1n];

/** Up to 80 bytes of anything. */
export function randomBytes(random: Random): Uint8Array {
  return Uint8Array.from({ length: random.below(80) }, () => random.below(256));
}

/** One of the bases with one to four changes: a byte, a bit, a span cut, doubled or put in from elsewhere, or the end cut off. */
export function mutatedBytes(random: Random, bases: readonly Uint8Array[]): Uint8Array {
  let bytes: Uint8Array = random.pick(bases).slice(0, LENGTH_MAX);
  for (let left = 1 + random.below(4); left > 0; left--) {
    const at = random.below(bytes.length + 1);
    switch (random.below(7)) {
      case 0: bytes = spliced(bytes, { at, cut: 1, put: [random.below(256)] }); break;
      case 1: bytes = spliced(bytes, { at, cut: 1, put: [(bytes[at] ?? 0) ^ (1 << random.below(8))] }); break;
      case 2: bytes = spliced(bytes, { at, cut: 1 + random.below(8), put: [] }); break;
      case 3: bytes = spliced(bytes, { at, cut: 0, put: bytes.subarray(at, at + 1 + random.below(32)) }); break;
      case 4: bytes = spliced(bytes, { at, cut: 0, put: random.pick(CBOR_PIECES) }); break;
      case 5: bytes = spliced(bytes, { at, cut: random.below(4), put: spanOf(random, random.pick(bases)) }); break;
      default: if (random.below(4) === 0) bytes = bytes.subarray(0, at);
    }
  }
  return bytes.slice(0, LENGTH_MAX);
}

/** The bytes with some cut out at a place and others put there. */
function spliced(bytes: Uint8Array, { at, cut, put }: { readonly at: number; readonly cut: number; readonly put: ArrayLike<number> }): Uint8Array {
  const end = Math.min(at + cut, bytes.length);
  const made = new Uint8Array(bytes.length - (end - at) + put.length);
  made.set(bytes.subarray(0, at));
  made.set(put, at);
  made.set(bytes.subarray(end), at + put.length);
  return made;
}

function spanOf(random: Random, bytes: Uint8Array): Uint8Array {
  const from = random.below(bytes.length + 1);
  return bytes.subarray(from, from + random.below(40));
}

/** As {@link mutatedBytes}, over UTF-16 units. */
export function mutatedText(random: Random, bases: readonly string[]): string {
  let text = random.pick(bases).slice(0, LENGTH_MAX);
  for (let left = 1 + random.below(3); left > 0; left--) {
    const at = random.below(text.length + 1);
    const cut = (count: number, put: string): string => text.slice(0, at) + put + text.slice(at + count);
    switch (random.below(6)) {
      case 0: text = cut(1, String.fromCharCode(random.below(random.pick([0x80, 0x10000])))); break;
      case 1: text = cut(1 + random.below(6), ""); break;
      case 2: text = cut(0, text.slice(at, at + 1 + random.below(40))); break;
      case 3: text = cut(0, random.pick(JSON_PIECES)); break;
      case 4: {
        const other = random.pick(bases);
        const from = random.below(other.length + 1);
        text = cut(random.below(4), other.slice(from, from + random.below(60)));
        break;
      }
      default: if (random.below(4) === 0) text = text.slice(0, at);
    }
  }
  return text.slice(0, LENGTH_MAX);
}

/** The tree with one to three places changed; what is not on the way to them is shared with the tree, which stays as it is. */
export function mutatedTree(random: Random, tree: Value, others: readonly Value[]): Value {
  let changed = tree;
  for (let left = 1 + random.below(3); left > 0; left--) changed = changeAt(random, changed, others);
  return changed;
}

function changeAt(random: Random, tree: Value, others: readonly Value[]): Value {
  const isList = Array.isArray(tree);
  const size = isList ? (tree as readonly Value[]).length : tree instanceof Map ? tree.size : 0;
  if (size === 0 || random.below(6) === 0) return replaced(random, tree, others);
  const at = random.below(size);
  const deeper = random.below(4) > 0;
  if (isList) {
    const items = tree as readonly Value[];
    if (deeper) return items.with(at, changeAt(random, items[at] as Value, others));
    return random.pick([items.toSpliced(at, 1), items.toSpliced(at, 0, items[at] as Value), items.toSpliced(at, 0, scalar(random)), [...items].reverse()]);
  }
  const entries = [...(tree as ReadonlyMap<Value, Value>)];
  const [key, value] = entries[at] as [Value, Value];
  if (deeper) entries[at] = [key, changeAt(random, value, others)];
  else if (random.below(3) === 0) entries.splice(at, 1);
  else if (random.below(2) === 0) entries[at] = [random.below(8) === 0 ? scalar(random) : random.pick(TEXTS), value];
  else entries.push([random.pick(TEXTS), random.below(2) === 0 ? value : scalar(random)]);
  return new Map(entries);
}

function replaced(random: Random, tree: Value, others: readonly Value[]): Value {
  switch (random.below(5)) {
    case 0: return [tree];
    case 1: return new Map([[random.pick(TEXTS), tree]]);
    case 2: return partOf(random, random.pick(others));
    default: return scalar(random);
  }
}

/** A random part of a tree. */
function partOf(random: Random, tree: Value): Value {
  let part = tree;
  for (let left = random.below(5); left > 0; left--) {
    const items = Array.isArray(part) ? (part as readonly Value[]) : part instanceof Map ? [...(part as ReadonlyMap<Value, Value>).values()] : [];
    if (items.length === 0) break;
    part = random.pick(items);
  }
  return part;
}

function scalar(random: Random): Value {
  switch (random.below(8)) {
    case 0: return null;
    case 1: return random.below(2) === 0;
    case 2: return integer(random.pick(INTEGERS));
    case 3: return random.below(300) - 20;
    case 4: return new Uint8Array(random.below(40));
    case 5: return random.pick<Value>([[], new Map()]);
    default: return random.pick(TEXTS);
  }
}

/** A value of the type, in its plain spelling. */
export function valueOfType(random: Random, type: Expanded): Value {
  switch (type.kind) {
    case "record": return new Map([...type.fields].map(([name, field]) => [name, valueOfType(random, field)]));
    case "variant": {
      const [tag, arm] = random.pick([...type.arms]);
      return new Map<Value, Value>([["$tag", tag], ["$value", valueOfType(random, arm)]]);
    }
    case "list": case "set": return Array.from({ length: random.below(4) }, () => valueOfType(random, type.item));
    case "map": return new Map(Array.from({ length: random.below(4) }, () => [valueOfType(random, { kind: type.key }), valueOfType(random, type.value)]));
    case "option": return random.below(3) === 0 ? null : valueOfType(random, type.item);
    case "bool": return random.below(2) === 0;
    case "int": case "duration": return random.below(2000) - 1000;
    case "nat": case "time": return random.below(100_000);
    case "bytes": return new Uint8Array(random.below(40)).fill(7);
    case "hash": return `sha256:${random.pick(["ab", "99"]).repeat(32)}`;
    case "uuid": return "0190a1b2-0000-7000-8000-000000000000";
    case "dec128": return "1.5";
    case "unit": return null;
    default: return random.pick(TEXTS);
  }
}
