import assert from "node:assert/strict";
import { test } from "node:test";
import { parseType } from "./parse.ts";
import { jsonOf } from "./json.ts";
import { refsOf, resolveType, sameType, segmentsOf, typeAt, typeText, type Schemas } from "./type-shape.ts";
import type { TypeExpr } from "./types.ts";
import type { Name } from "./value.ts";

function type(tree: unknown): TypeExpr {
  const parsed = parseType(jsonOf(tree), "", (problem) => assert.fail(problem.message));
  assert.ok(parsed !== undefined);
  return parsed;
}

function schemas(trees: Readonly<Record<string, unknown>>): Schemas {
  return new Map(Object.entries(trees).map(([name, tree]) => [name, { kind: "defschema", name: name as Name, type: type(tree) }]));
}

const TEXT = { text: {} };
const INT = { int: {} };
const ref = (name: string): unknown => ({ ref: name });
const WORLD = schemas({
  "a/Text@1": TEXT,
  "a/Again@1": ref("a/Text@1"),
  "a/Loop@1": ref("a/Loop@1"),
  "a/Maybe@1": { option: ref("a/Maybe@1") },
  "a/Tree@1": { variant: { Leaf: TEXT, Left: ref("a/Tree@1"), Right: ref("a/Tree@1") } },
  "a/Wood@1": { variant: { Right: ref("a/Wood@1"), Left: ref("a/Tree@1"), Leaf: ref("a/Text@1") } },
  "a/Job@1": { record: { id: ref("a/Again@1"), where: { option: { record: { city: TEXT } } }, notes: { map: { key: TEXT, value: INT } }, ids: { map: { key: INT, value: INT } } } },
  "a/Event@1": { variant: { Start: ref("a/Job@1"), Stop: { record: { why: TEXT } } } },
});

test("type: the same type or another: by structure, refs expanded", () => {
  const rows: readonly (readonly [unknown, unknown, boolean])[] = [
    [TEXT, TEXT, true], [TEXT, INT, false], [ref("a/Again@1"), TEXT, true], [ref("a/Again@1"), ref("a/Text@1"), true],
    [{ record: { a: TEXT, b: INT } }, { record: { b: INT, a: ref("a/Text@1") } }, true],
    [{ record: { a: TEXT } }, { record: { a: TEXT, b: INT } }, false], [{ record: { a: TEXT, c: INT } }, { record: { a: TEXT, b: INT } }, false],
    [{ record: { a: TEXT } }, { variant: { a: TEXT } }, false], [{ list: TEXT }, { set: TEXT }, false], [{ list: TEXT }, { list: ref("a/Text@1") }, true],
    [{ option: TEXT }, TEXT, false], [{ map: { key: TEXT, value: INT } }, { map: { key: TEXT, value: INT } }, true],
    [{ map: { key: TEXT, value: INT } }, { map: { key: INT, value: INT } }, false],
    [ref("a/Tree@1"), ref("a/Wood@1"), true], [ref("a/Loop@1"), TEXT, false], [ref("a/Loop@1"), ref("a/Loop@1"), true],
    [ref("a/None@1"), ref("a/None@1"), true], [ref("a/None@1"), TEXT, false],
  ];
  let count = 0;
  for (const [a, b, same] of rows) {
    assert.equal(sameType(WORLD, type(a), type(b)), same, `${JSON.stringify(a)} ${JSON.stringify(b)}`);
    assert.equal(sameType(WORLD, type(b), type(a)), same, `${JSON.stringify(b)} ${JSON.stringify(a)}`);
    count++;
  }
  assert.equal(count, 18);
});

test("type: what lies at a path", () => {
  const rows: readonly (readonly [string, string, string])[] = [
    ["a/Job@1", "", "@a/Job@1"], ["a/Job@1", "id", "@a/Again@1"], ["a/Job@1", ".id", "@a/Again@1"], ["a/Job@1", "where.city", "text"], ["a/Job@1", "notes.any", "int"],
    ["a/Job@1", "ids.any", "absent any of "], ["a/Job@1", "idd", "absent idd of id ids notes where"], ["a/Job@1", "id.more", "absent more of "],
    ["a/Event@1", "$tag", "text"], ["a/Event@1", "$value.why", "open"], ["a/Event@1", "$value.where.city", "open"], ["a/Event@1", "$value.what", "absent what of id ids notes where why"],
    ["a/Event@1", "why", "absent why of $tag $value"], ["a/Maybe@1", "x", "open"], ["a/Loop@1", "x", "open"], ["a/None@1", "x", "open"],
    ["a/Tree@1", "$value.".repeat(500), "open"],
  ];
  let count = 0;
  for (const [name, path, expected] of rows) {
    const found = typeAt(WORLD, { kind: "ref", name: name as Name }, segmentsOf(path));
    const shown = found.kind === "type" ? typeText(found.type) : found.kind === "open" ? "open" : `absent ${found.segment} of ${[...found.choices].sort().join(" ")}`;
    assert.equal(shown, expected, `${name} ${path}`);
    count++;
  }
  assert.equal(count, 17);
});

test("type: chains of many refs and options: walked without a deep stack", () => {
  const links = 20_000;
  const chain = schemas(Object.fromEntries([...Array.from({ length: links }, (_, n) => [`b/N${n}@1`, { option: ref(`b/N${n + 1}@1`) }]), [`b/N${links}@1`, { record: { x: TEXT } }]]));
  const [first, second] = ["b/N0@1", "b/N1@1"].map((name): TypeExpr => ({ kind: "ref", name: name as Name })) as [TypeExpr, TypeExpr];
  assert.deepEqual(typeAt(chain, first, ["x"]), { kind: "type", type: { kind: "text" } });
  assert.equal(sameType(chain, first, second), false);
});

test("type: in one line, and its refs with their places", () => {
  const tree = type({ record: { b: { option: { list: TEXT } }, a: { variant: { Two: INT, One: ref("a/Job@1") } }, c: { map: { key: INT, value: { set: ref("a/Text@1") } } } } });
  assert.equal(typeText(tree), "{a: <One: @a/Job@1 | Two: int>, b: option<list<text>>, c: map<int, set<@a/Text@1>>}");
  assert.deepEqual(refsOf(tree, "/type"), [
    { name: "a/Job@1", pointer: "/type/record/a/variant/One/ref" },
    { name: "a/Text@1", pointer: "/type/record/c/map/value/set/ref" },
  ]);
  assert.equal(resolveType(WORLD, type(ref("a/Loop@1"))), undefined);
});
