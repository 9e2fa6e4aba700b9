import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { inspect } from "node:util";
import { HOSTILE_KEYS, mutatedBytes, mutatedText, mutatedTree, randomBytes, valueOfType } from "../testing/fuzz.ts";
import { seeded, type Random } from "../testing/random-air.ts";
import { BUILTIN_SCHEMAS } from "./catalog.ts";
import { canonical, decode, decodeCanonical } from "./cbor.ts";
import { AosError } from "./error.ts";
import { expandName } from "./expand.ts";
import { NEAR_WORLDS } from "./fixture-edits.ts";
import { FIXTURE_CODE, fixtureFiles } from "./fixture-world.ts";
import { formatAir } from "./format.ts";
import { bytesEqual } from "./hash.ts";
import { readJson, writeJson } from "./json.ts";
import { loadFiles } from "./load.ts";
import { normalizerFor } from "./normalize.ts";
import { parseNode } from "./parse.ts";
import { RULES } from "./rules.ts";
import { bareHash } from "./serialize.ts";
import type { Json } from "./types.ts";
import type { Value } from "./value.ts";

const CBOR_COUNT = 150_000;
const JSON_COUNT = 60_000;
const TREE_COUNT = 420_000;
const VALUE_COUNT = 420_000;
const WORLD_COUNT = 3_000;

interface File { readonly path: string; readonly text: string }

const PROTOTYPE = Object.getOwnPropertyNames(Object.prototype).sort();
const WORLDS: readonly (readonly File[])[] = [...NEAR_WORLDS.map(({ edits }) => fixtureFiles(edits)), ...exampleWorlds()];
const TEXTS: readonly string[] = [...new Set(WORLDS.flatMap((files) => files.map(({ text }) => text)))];
/** Every definition and manifest there is, as authored, each once. */
const NODE_TEXTS: readonly string[] = [...new Set(TEXTS.filter((text) => text.trim() !== "").flatMap((text) => nodesOf(readJson(text, "base").json)).map((json) => writeJson(json)))];
const NODES: readonly Json[] = NODE_TEXTS.map((text) => readJson(text, "base").json);
/** Those of at most so many units: bytes and texts are mutated from them, so that a million inputs stay within CI time. */
const SHORT_NODES: readonly Json[] = NODES.filter((_, index) => (NODE_TEXTS[index]?.length ?? 0) <= 400);

function exampleWorlds(): readonly (readonly File[])[] {
  const examples = new URL("../../../examples/", import.meta.url);
  const paths = readdirSync(examples, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".air.json") && path.includes("/air/")).sort();
  const worlds = [...new Set(paths.map((path) => path.split("/")[0] ?? ""))];
  assert.ok(worlds.length >= 2);
  return worlds.map((world) => paths.filter((path) => path.startsWith(`${world}/`)).map((path) => ({ path, text: readFileSync(new URL(path, examples), "utf8") })));
}

function nodesOf(json: Json): readonly Json[] {
  return Array.isArray(json) ? (json as readonly Json[]) : [json];
}

/** Does the act; all it may do else is to refuse, with a code of one of these families. */
function outcome(act: () => void, families: readonly string[]): "value" | "refused" {
  try {
    act();
    return "value";
  } catch (error) {
    if (error instanceof AosError && families.includes(error.code.split(".")[0] ?? "")) return "refused";
    throw error;
  }
}

/** Runs one case a seed, from `first` on; a case that ends in any other way fails with its seed and its input. */
function fuzz<T>(count: number, first: number, { make, act }: { readonly make: (random: Random) => T; readonly act: (input: T) => "value" | "refused" }): { readonly value: number; readonly refused: number } {
  const counts = { value: 0, refused: 0 };
  const limit = Error.stackTraceLimit;
  for (let seed = first; seed < first + count; seed++) {
    const input = make(seeded(seed));
    try {
      // Most of the time would go into stacks of refusals that nobody reads.
      Error.stackTraceLimit = 0;
      counts[act(input)]++;
    } catch (error) {
      const shown = input instanceof Uint8Array ? Buffer.from(input).toString("hex") : inspect(input, { depth: 20, maxStringLength: 6000, maxArrayLength: 500 });
      throw new Error(`seed ${seed}: ${String(error)}\ninput: ${shown}`, { cause: error });
    } finally {
      Error.stackTraceLimit = limit;
    }
  }
  assert.equal(counts.value + counts.refused, count);
  assert.deepEqual(Object.getOwnPropertyNames(Object.prototype).sort(), PROTOTYPE);
  return counts;
}

function actCbor(bytes: Uint8Array): "value" | "refused" {
  const tolerant = outcome(() => decode(bytes), ["cbor"]);
  const strict = outcome(() => assert.ok(bytesEqual(canonical(decodeCanonical(bytes)), bytes)), ["cbor"]);
  assert.ok(tolerant === "value" || strict === "refused", "what is canonical can be read");
  return tolerant;
}

function actJson(text: string): "value" | "refused" {
  const read = outcome(() => readJson(text, "x"), ["json"]);
  const formatted = outcome(() => formatAir(text, "x"), ["json"]);
  assert.ok(read === "refused" || formatted === "value", "what can be read can be formatted");
  return read;
}

/** Parses; what parses has a hash. Problems are reported, never thrown. */
function actTree(tree: Value): "value" | "refused" {
  const codes: string[] = [];
  const node = parseNode(tree, ({ code }) => codes.push(code));
  for (const code of codes) assert.ok(RULES.has(code), `${code} is explained`);
  if (node === undefined) {
    assert.notEqual(codes.length, 0, "a refusal says why");
    return "refused";
  }
  return outcome(() => bareHash(node), ["air"]);
}

function actWorld(files: readonly File[]): "value" | "refused" {
  const { control, diagnostics } = loadFiles(files, { moduleHashes: FIXTURE_CODE });
  for (const { code } of diagnostics) assert.ok(RULES.has(code), `${code} is explained`);
  assert.equal(control === undefined, diagnostics.some(({ severity }) => severity === "error"), "no control plane without an error, no error with one");
  return control === undefined ? "refused" : "value";
}

const BUILTIN = [...BUILTIN_SCHEMAS.keys()].map((name) => ({ name, type: expandName(BUILTIN_SCHEMAS, name), normalize: normalizerFor(BUILTIN_SCHEMAS, name) }));

function actValue({ schema, value }: { readonly schema: (typeof BUILTIN)[number]; readonly value: Value }): "value" | "refused" {
  return outcome(() => {
    const once = schema.normalize(value);
    assert.ok(bytesEqual(canonical(schema.normalize(once)), canonical(once)), "twice is once");
  }, ["value", "air"]);
}

let ran = 0;

test("fuzz: CBOR bytes, mutated and random: a value or cbor.*", () => {
  const bases = SHORT_NODES.map((node) => canonical(node as Value));
  const counts = fuzz(CBOR_COUNT, 1_000_000, {
    make: (random) => (random.below(4) === 0 ? randomBytes(random) : mutatedBytes(random, bases)),
    act: actCbor,
  });
  assert.ok(counts.value > 5_000 && counts.refused > 20_000, JSON.stringify(counts));
  ran += CBOR_COUNT;
});

test("fuzz: JSON texts, mutated: a value or json.*", () => {
  const bases = SHORT_NODES.map((node, index) => writeJson(node, index % 2));
  const counts = fuzz(JSON_COUNT, 2_000_000, { make: (random) => mutatedText(random, bases), act: actJson });
  assert.ok(counts.value > 10_000 && counts.refused > 10_000, JSON.stringify(counts));
  ran += JSON_COUNT;
});

test("fuzz: trees of definitions, mutated: a node with a hash, or problems that are explained", () => {
  const trees = NODES as readonly Value[];
  const counts = fuzz(TREE_COUNT, 3_000_000, { make: (random) => mutatedTree(random, random.pick(trees), trees), act: actTree });
  assert.ok(counts.value > 10_000 && counts.refused > 10_000, JSON.stringify(counts));
  ran += TREE_COUNT;
});

test("fuzz: values of the builtin schemas, mutated: a normal value or value.*", () => {
  const counts = fuzz(VALUE_COUNT, 4_000_000, {
    make(random) {
      const schema = random.pick(BUILTIN);
      const value = valueOfType(random, schema.type);
      return { schema, value: random.below(8) === 0 ? value : mutatedTree(random, value, NODES as readonly Value[]) };
    },
    act: actValue,
  });
  assert.ok(counts.value > 10_000 && counts.refused > 10_000, JSON.stringify(counts));
  ran += VALUE_COUNT;
});

test("fuzz: the runs above: a million inputs and more", () => assert.ok(ran >= 1_000_000, `${ran} inputs`));

test("fuzz: whole worlds, mutated: a control plane, or an error that is explained", () => {
  const counts = fuzz(WORLD_COUNT, 5_000_000, {
    make(random) {
      const files = random.pick(WORLDS);
      const at = random.below(files.length);
      return files.map((file, index) => (index === at ? { path: file.path, text: changedFile(random, file.text) } : file));
    },
    act: actWorld,
  });
  assert.ok(counts.value > 50 && counts.refused > 500, JSON.stringify(counts));
});

/** Mostly a tree that is still JSON, so that the rules get to see it. */
function changedFile(random: Random, text: string): string {
  if (text.trim() === "" || random.below(4) === 0) return mutatedText(random, [text]);
  const tree = mutatedTree(random, readJson(text, "base").json as Value, NODES as readonly Value[]);
  return asText(tree) ?? mutatedText(random, [text]);
}

/** JSON of a tree, if it has only what JSON has. */
function asText(tree: Value): string | undefined {
  return jsonable(tree) ? writeJson(tree as Json) : undefined;
}

function jsonable(tree: Value): boolean {
  if (tree instanceof Uint8Array) return false;
  if (Array.isArray(tree)) return (tree as readonly Value[]).every(jsonable);
  return !(tree instanceof Map) || [...(tree as ReadonlyMap<Value, Value>)].every(([key, value]) => typeof key === "string" && jsonable(value));
}

/** The tree once for each map in it, with the member put into that map. */
function withMember(tree: Value, key: string, member: Value): readonly Value[] {
  if (Array.isArray(tree)) {
    const items = tree as readonly Value[];
    return items.flatMap((item, index) => withMember(item, key, member).map((changed) => items.with(index, changed)));
  }
  if (!(tree instanceof Map)) return [];
  const map = tree as ReadonlyMap<Value, Value>;
  return [new Map([...map, [key, member]]), ...[...map].flatMap(([at, value]) => withMember(value, key, member).map((changed) => new Map([...map, [at, changed]])))];
}

test("fuzz: keys of JavaScript's own objects at every level: read like any other, nothing polluted", () => {
  const members: readonly Value[] = [1, new Map([["polluted", true]])];
  let count = 0;
  const files = fixtureFiles();
  const trees = files.flatMap(({ text }) => nodesOf(readJson(text, "base").json));
  for (const key of HOSTILE_KEYS) {
    for (const tree of members.flatMap((member) => trees.flatMap((one) => withMember(one as Value, key, member)))) {
      actTree(tree);
      const text = writeJson(tree as Json);
      assert.equal(actJson(text), "value");
      assert.equal(writeJson(readJson(text, "x").json), text);
      assert.equal(actCbor(canonical(tree)), "value");
      count++;
    }
    for (const tree of withMember(trees[0] as Value, key, 1)) actWorld([{ path: "air/manifest.json", text: writeJson(tree as Json) }, ...files.slice(1)]);
  }
  assert.ok(count > 1_000, `${count} trees`);
  assert.deepEqual(Object.getOwnPropertyNames(Object.prototype).sort(), PROTOTYPE);
  assert.equal(({} as Readonly<Record<string, unknown>>)["polluted"], undefined);
});

test("fuzz: a field named as a member of JavaScript's own objects: part of the hash", () => {
  const hashOf = (fields: readonly string[]): string => {
    const type = new Map([["record", new Map(fields.map((name) => [name, new Map([["text", new Map()]])]))]]);
    const node = parseNode(new Map<Value, Value>([["$kind", "defschema"], ["name", "demo/X@1"], ["type", type]]), () => undefined);
    assert.ok(node !== undefined);
    return bareHash(node);
  };
  const hashes = new Set(["plain", ...HOSTILE_KEYS].map((name) => hashOf([name])).concat(hashOf([])));
  assert.equal(hashes.size, HOSTILE_KEYS.length + 2);
});

const MEGABYTE = 1 << 20;
const DEEP = 10_000;

const HOSTILE_TEXTS: readonly (readonly [string, string, "value" | "refused"])[] = [
  ["an integer of 10,000 digits", "9".repeat(DEEP), "refused"],
  ["a negative one, as a member", `{"n":-${"1".repeat(DEEP)}}`, "refused"],
  ["a fraction of 10,000 digits", `0.${"3".repeat(DEEP)}`, "value"],
  ["an exponent of 10,000 digits", `1e${"9".repeat(DEEP)}`, "refused"],
  ["an integer of 10,000 digits as text", `"${"9".repeat(DEEP)}"`, "value"],
  ["lists 10,000 deep", "[".repeat(DEEP) + "]".repeat(DEEP), "refused"],
  ["lists 10,000 deep that never end", "[".repeat(DEEP), "refused"],
  ["objects 10,000 deep", '{"a":'.repeat(DEEP) + "1" + "}".repeat(DEEP), "refused"],
  ["127 levels", "[".repeat(127) + "]".repeat(127), "value"],
  ["128 levels", "[".repeat(128) + "]".repeat(128), "refused"],
  ["a key given twice", '{"a":1,"a":1}', "refused"],
  ["a key given twice, once escaped", '{"a":1,"\\u0061":1}', "refused"],
  ["__proto__ given twice", '{"__proto__":1,"__proto__":2}', "refused"],
  ["a lone high surrogate", '"\ud800"', "refused"],
  ["a lone low surrogate, escaped", '"\\udc00"', "refused"],
  ["surrogates in the wrong order, as a key", '{"\\udc00\\ud800":1}', "refused"],
  ["a surrogate pair, half escaped", '"\ud83d\\ude00"', "value"],
  ["a string of a megabyte", `"${"x".repeat(MEGABYTE)}"`, "value"],
  ["a string of a megabyte of escapes", `"${"\\u0041".repeat(MEGABYTE / 6)}"`, "value"],
  ["a string of a megabyte that never ends", `"${"x".repeat(MEGABYTE)}`, "refused"],
  ["a megabyte of backslashes", `"${"\\".repeat(MEGABYTE)}`, "refused"],
  ["a megabyte of blanks", " ".repeat(MEGABYTE), "refused"],
  ["a megabyte of digits", "1".repeat(MEGABYTE), "refused"],
  ["a megabyte of slashes", "/".repeat(MEGABYTE), "refused"],
  ["a megabyte of opened comments", "/*".repeat(MEGABYTE / 2), "refused"],
  ["a list of 100,000 items", `[${"0,".repeat(99_999)}0]`, "value"],
  ["nothing", "", "refused"],
];

const bytesOf = (...parts: readonly (readonly number[] | Uint8Array)[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
const fill = (byte: number, count: number): Uint8Array => new Uint8Array(count).fill(byte);

const HOSTILE_BYTES: readonly (readonly [string, Uint8Array, "value" | "refused"])[] = [
  ...[0x5b, 0x7b, 0x9b, 0xbb].flatMap((head): [string, Uint8Array, "refused"][] => [
    [`head ${head.toString(16)}, a length of 2^64 - 1`, bytesOf([head], fill(0xff, 8)), "refused"],
    [`head ${head.toString(16)}, a length of 2^53`, bytesOf([head, 0, 0x20], fill(0, 6)), "refused"],
    [`head ${head.toString(16)}, a length of 2^32`, bytesOf([head, 0, 0, 0, 1], fill(0, 4), fill(0, 20)), "refused"],
    [`head ${(head - 1).toString(16)}, a length of 2^32 - 1`, bytesOf([head - 1], fill(0xff, 4), fill(0, 20)), "refused"],
    [`head ${(head - 1).toString(16)}, a length of 2^31`, bytesOf([head - 1, 0x80], fill(0, 3), fill(0, 20)), "refused"],
  ]),
  ["lists 10,000 deep", bytesOf(fill(0x81, DEEP), [0]), "refused"],
  ["lists without length 10,000 deep", bytesOf(fill(0x9f, DEEP), fill(0xff, DEEP)), "refused"],
  ["maps 10,000 deep, as values", bytesOf(...Array.from({ length: DEEP }, () => [0xa1, 0x00]), [0]), "refused"],
  ["maps 10,000 deep, as keys", bytesOf(fill(0xa1, DEEP), fill(0, DEEP + 1)), "refused"],
  ["tags 10,000 deep", bytesOf(fill(0xc1, DEEP), [0]), "refused"],
  ["a big integer of 10,000 bytes: its tag is skipped", bytesOf([0xc2, 0x59, 0x27, 0x10], fill(0xff, DEEP)), "value"],
  ["text with a surrogate", bytesOf([0x63, 0xed, 0xa0, 0x80]), "refused"],
  ["keys that are equal", bytesOf([0xa2, 0x61, 0x61, 1, 0x61, 0x61, 2]), "value"],
  ["__proto__ twice", bytesOf([0xa2, 0x69], new TextEncoder().encode("__proto__"), [1, 0x69], new TextEncoder().encode("__proto__"), [2]), "value"],
  ["chunks inside chunks", bytesOf([0x5f, 0x5f, 0xff, 0xff]), "refused"],
  ["a text of a megabyte", canonical("x".repeat(MEGABYTE)), "value"],
  ["100,000 empty chunks", bytesOf([0x7f], fill(0x60, 100_000), [0xff]), "value"],
  ["nothing", new Uint8Array(0), "refused"],
];

test("fuzz: hostile texts and bytes: each taken or refused as told", () => {
  let count = 0;
  for (const [title, text, expected] of HOSTILE_TEXTS) {
    assert.equal(actJson(text), expected, title);
    actWorld([{ path: "air/x.json", text }]);
    count++;
  }
  for (const [title, bytes, expected] of HOSTILE_BYTES) {
    assert.equal(actCbor(bytes), expected, title);
    count++;
  }
  assert.equal(count, 27 + 33);
});

test("fuzz: hostile members of definitions: refused with a reason, or a node", () => {
  const deep = (levels: number, wrap: (inner: Value) => Value): Value => Array.from({ length: levels }).reduce<Value>((inner) => wrap(inner), new Map([["text", new Map()]]));
  const types: readonly Value[] = [
    deep(120, (inner) => new Map([["list", inner]])), deep(60, (inner) => new Map([["record", new Map([["__proto__", inner]])]])),
    deep(60, (inner) => new Map([["variant", new Map([["constructor", inner]])]])), deep(120, (inner) => [inner]), "9".repeat(DEEP), "x".repeat(MEGABYTE), fill(0, MEGABYTE), 2n ** 64n - 1n,
  ];
  let count = 0;
  for (const type of types) {
    actTree(new Map<Value, Value>([["$kind", "defschema"], ["name", "demo/X@1"], ["type", type]]));
    actTree(new Map<Value, Value>([["$kind", "defschema"], ["name", type], ["type", new Map([["text", new Map()]])]]));
    actTree(new Map<Value, Value>([["$kind", type]]));
    for (const schema of BUILTIN) {
      actValue({ schema, value: type });
      for (const value of withMember(valueOfType(seeded(count), schema.type), "__proto__", type)) actValue({ schema, value });
      count++;
    }
  }
  assert.equal(count, types.length * BUILTIN.length);
});
