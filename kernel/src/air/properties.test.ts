import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { randomCase, seeded, shuffled, type Random } from "../testing/random-air.ts";
import { canonical, decode } from "./cbor.ts";
import { nearControls, NEAR_WORLDS } from "./fixture-edits.ts";
import { FIXTURE_CODE, fixtureFiles } from "./fixture-world.ts";
import { formatAir } from "./format.ts";
import { bytesEqual } from "./hash.ts";
import { readJson, writeJson } from "./json.ts";
import { bundleOf, loadFiles } from "./load.ts";
import { compileNormalizer } from "./normalize.ts";
import { parseNode } from "./parse.ts";
import { applyPatch } from "./patch.ts";
import { makePatch } from "./patch-make.ts";
import { bareHash } from "./serialize.ts";
import type { Json } from "./types.ts";
import { Float, integer, type Value } from "./value.ts";

const SEED = 20_260;

/** Holds for as many cases as it says; a failure names its seed and path, and shrinks. */
function holds<T>(numRuns: number, cases: fc.Arbitrary<T>, law: (input: T) => void): void {
  let ran = 0;
  fc.assert(fc.property(cases, (input) => {
    law(input);
    ran++;
  }), { seed: SEED, numRuns });
  assert.equal(ran, numRuns);
}

const text = fc.string({ unit: "binary", maxLength: 40 });
const whole = fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }).map(integer);
const key = fc.oneof(text, whole, fc.boolean());
const { value } = fc.letrec<{ readonly value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.oneof<fc.Arbitrary<Value>[]>(fc.constant(null), fc.boolean(), whole, text, fc.uint8Array({ maxLength: 40 }), fc.double().map((number) => new Float(number))),
    fc.array(tie("value"), { maxLength: 6 }),
    fc.uniqueArray(fc.tuple(key, tie("value")), { maxLength: 6, selector: ([one]) => `${typeof one === "string"}${String(one)}` }).map((entries) => new Map<Value, Value>(entries)),
  ),
}));
const seed = fc.nat();

/** The same value with the keys of every map in another order. */
function reordered(tree: Value, random: Random): Value {
  if (Array.isArray(tree)) return (tree as readonly Value[]).map((item) => reordered(item, random));
  if (!(tree instanceof Map)) return tree;
  const entries = [...(tree as ReadonlyMap<Value, Value>)].map(([name, member]): [Value, Value] => [name, reordered(member, random)]);
  return new Map(shuffled(entries, random));
}

test("property: canonical: decoded it is the value again (5,000 values)", () => {
  holds(5_000, value, (one) => assert.deepEqual(decode(canonical(one)), one));
});

test("property: canonical: the order of map keys does not matter (5,000 values)", () => {
  holds(5_000, fc.tuple(value, seed), ([one, order]) => assert.ok(bytesEqual(canonical(reordered(one, seeded(order))), canonical(one))));
});

test("property: normalise: twice is once, for any type (5,000 types)", () => {
  holds(5_000, seed, (one) => {
    const { type, value: loose } = randomCase(seeded(one));
    const normalize = compileNormalizer(new Map(), type);
    const normal = normalize(loose);
    assert.deepEqual(normalize(normal), normal);
    assert.ok(bytesEqual(canonical(normalize(decode(canonical(normal)))), canonical(normal)));
  });
});

const TEXTS = [...new Set(NEAR_WORLDS.flatMap(({ edits }) => fixtureFiles(edits).map((file) => file.text)))].filter((one) => one !== "[]");

function hashesOf(json: Json): readonly string[] {
  return (Array.isArray(json) ? (json as readonly Json[]) : [json]).map((tree) => {
    const node = parseNode(tree as Value, () => undefined);
    assert.ok(node !== undefined);
    return bareHash(node);
  });
}

test("property: hash of a definition: the order in which its keys are written does not matter (500 files)", () => {
  holds(500, fc.tuple(fc.constantFrom(...TEXTS), seed), ([file, order]) => {
    const { json } = readJson(file, "x");
    const again = reordered(json as Value, seeded(order)) as Json;
    assert.deepEqual(hashesOf(readJson(writeJson(again), "x").json), hashesOf(json));
  });
});

test("property: hash of a world: the order in which keys are written does not matter (100 worlds)", () => {
  const controls = nearControls();
  holds(100, fc.tuple(fc.nat({ max: controls.length - 1 }), seed), ([at, order]) => {
    const near = NEAR_WORLDS[at]!;
    const files = fixtureFiles(near.edits).map((file) => ({ path: file.path, text: writeJson(reordered(readJson(file.text, "x").json as Value, seeded(order)) as Json) }));
    const { control } = loadFiles(files, { moduleHashes: new Map([...FIXTURE_CODE, ...(near.code ?? [])]) });
    assert.equal(control?.manifestHash, controls[at]?.manifestHash, near.title);
  });
});

test("property: patch: from any world to any other, applied it gives that other (200 pairs)", () => {
  const controls = nearControls();
  const world = fc.constantFrom(...controls);
  holds(200, fc.tuple(world, world), ([base, next]) => {
    const { control } = applyPatch(base, makePatch(base, next));
    assert.ok(control !== undefined && bytesEqual(bundleOf(control), bundleOf(next)));
  });
});

test("property: formatAir: twice is once, and no hash changes, however keys and blanks stand (300 files)", () => {
  holds(300, fc.tuple(fc.constantFrom(...TEXTS), seed, fc.nat({ max: 4 })), ([file, order, indent]) => {
    const authored = writeJson(reordered(readJson(file, "x").json as Value, seeded(order)) as Json, indent);
    const once = formatAir(authored, "x");
    assert.equal(formatAir(once, "x"), once);
    assert.deepEqual(hashesOf(readJson(once, "x").json), hashesOf(readJson(file, "x").json));
  });
});
