import assert from "node:assert/strict";
import { test } from "node:test";
import { AosError } from "./error.ts";
import { jsonOf, readJson, valueToJson, writeJson } from "./json.ts";
import type { Json } from "./types.ts";
import { Float } from "./value.ts";
import type { Value } from "./value.ts";

const READ: readonly (readonly [string, Json])[] = [
  ["0", 0],
  ["-1", -1],
  ["9007199254740991", 9007199254740991],
  ["9007199254740992", 9007199254740992n],
  ["-9007199254740992", -9007199254740992n],
  ["18446744073709551615", 18446744073709551615n],
  ["-9223372036854775808", -9223372036854775808n],
  ["18446744073709551616", new Float(2 ** 64)],
  ["-9223372036854775809", new Float(-(2 ** 63))],
  ["100000000000000000000000000000", new Float(1e29)],
  ["-0", new Float(-0)],
  ["1.0", new Float(1)],
  ["1e0", new Float(1)],
  ["1E+2", new Float(100)],
  ["-0.0", new Float(-0)],
  ["0.1", new Float(0.1)],
  ["5e-324", new Float(5e-324)],
  ["1e-400", new Float(0)],
  ["true", true],
  ["false", false],
  ["null", null],
  ['""', ""],
  [' "a" ', "a"],
  ['"\\u0041\\n\\t\\r\\b\\f\\/\\\\\\""', 'A\n\t\r\b\f/\\"'],
  ['"\\ud83d\\ude00😀"', "😀😀"],
  ['"\u007f\u2028"', "\u007f\u2028"],
  ["[]", []],
  ["\t[ 1 , [ ] ]\r\n", [1, []]],
  ["{}", new Map()],
  ['{ "a" : 1, "" : {"a":2} }', new Map<string, Json>([["a", 1], ["", new Map([["a", 2]])]])],
  ['{"__proto__":1,"10":2,"9":3}', new Map([["__proto__", 1], ["10", 2], ["9", 3]])],
];
for (const [text, expected] of READ) {
  test(`readJson: ${JSON.stringify(text)}: read exactly, and written back`, () => {
    const { json } = readJson(text, "a.json");
    assert.deepEqual(json, expected);
    assert.deepEqual(readJson(writeJson(json), "b.json").json, expected);
    assert.deepEqual(readJson(writeJson(json, 2), "c.json").json, expected);
  });
}

const REFUSED: readonly (readonly [string, string, string])[] = [
  ["nothing", "", "1:1"],
  ["only blanks", " \n ", "2:2"],
  ["text after the document", "1 2", "1:3"],
  ["a byte order mark", "\ufeff{}", "1:1"],
  ["a leading zero", "01", "1:1"],
  ["a plus sign", "+1", "1:1"],
  ["a bare point", "1.", "1:1"],
  ["a leading point", ".5", "1:1"],
  ["an exponent without digits", "1e", "1:1"],
  ["hex", "0x10", "1:2"],
  ["NaN", "NaN", "1:1"],
  ["a number beyond floats", "[1e400]", "1:2"],
  ["a cut word", "tru", "1:1"],
  ["a word that goes on", "nulls", "1:5"],
  ["single quotes", "'a'", "1:1"],
  ["an open string", '"ab', "1:1"],
  ["a string over two lines", '"a\nb"', "1:3"],
  ["a control character", '"a\u0001"', "1:3"],
  ["an unknown escape", '"a\\x"', "1:3"],
  ["a short escape", '"\\u12"', "1:2"],
  ["a lone high surrogate", '["\\ud800"]', "1:2"],
  ["a lone low surrogate", '"\\udc00x"', "1:1"],
  ["surrogates the wrong way round", '"\\udc00\\ud800"', "1:1"],
  ["a lone surrogate as a key", '{"\\ud800":1}', "1:2"],
  ["an open list", "[1", "1:3"],
  ["a trailing comma in a list", "[1,]", "1:4"],
  ["a missing comma", "[1 2]", "1:4"],
  ["an open object", '{"a":1', "1:7"],
  ["a trailing comma in an object", '{"a":1,}', "1:8"],
  ["a key without quotes", "{a:1}", "1:2"],
  ["a missing colon", '{"a" 1}', "1:6"],
  ["a key given twice", '{"a":1,\n "b":2, "a":3}', "2:9"],
  ["a key given twice, once escaped", '{"a":1,"\\u0061":3}', "1:8"],
  ["a comment", "{} // x", "1:4"],
  ["a no-break space", "\u00a01", "1:1"],
  ["128 levels", "[".repeat(128), "1:128"],
];
for (const [situation, text, place] of REFUSED) {
  test(`readJson: ${situation}: json.syntax at ${place}`, () => {
    assert.throws(
      () => readJson(text, "air/x.json"),
      (error: unknown) => {
        assert.ok(error instanceof AosError);
        assert.equal(error.code, "json.syntax");
        assert.deepEqual(error.at, { file: "air/x.json", line: Number(place.split(":")[0]), column: Number(place.split(":")[1]) });
        assert.ok(error.message.startsWith(`air/x.json:${place}: `), error.message);
        return true;
      },
    );
  });
}

test("readJson: 127 levels: read", () => {
  const text = "[".repeat(127) + "]".repeat(127);
  assert.equal(writeJson(readJson(text, "x").json), text);
});

test("locate: pointers into a document: the value there, or the nearest above", () => {
  const { locate } = readJson('{\n  "a/b": [10,\r\n    {"~x": "é😀", "y": 1}],\n  "": 5\n}\n', "x");
  const places: readonly (readonly [string, number, number])[] = [
    ["", 1, 1],
    ["/a~1b", 2, 10],
    ["/a~1b/0", 2, 11],
    ["/a~1b/1", 3, 5],
    ["/a~1b/1/~0x", 3, 12],
    ["/a~1b/1/y", 3, 24],
    ["/", 4, 7],
    ["/a~1b/1/missing", 3, 5],
    ["/a~1b/7/deeper/still", 2, 10],
    ["/nothing", 1, 1],
  ];
  for (const [pointer, line, column] of places) assert.deepEqual(locate(pointer), { line, column }, pointer);
  assert.equal(places.length, 10);
});

test("writeJson: indentation: a line a member, empty ones closed on their line", () => {
  const json = jsonOf({ a: [1, { b: "x" }], c: {}, d: [] });
  assert.equal(writeJson(json), '{"a":[1,{"b":"x"}],"c":{},"d":[]}');
  assert.equal(writeJson(json, 2), '{\n  "a": [\n    1,\n    {\n      "b": "x"\n    }\n  ],\n  "c": {},\n  "d": []\n}');
});

test("writeJson: floats: never mistaken for integers, never NaN", () => {
  for (const [value, text] of [[1, "1.0"], [-0, "-0"], [1e21, "1e+21"], [0.5, "0.5"], [-7, "-7.0"]] as const) assert.equal(writeJson(new Float(value)), text);
  for (const value of [NaN, Infinity]) assert.throws(() => writeJson([new Float(value)]), { code: "json.value" });
});

test("jsonOf: plain data: maps, exact numbers, no undefined", () => {
  assert.deepEqual(jsonOf({ a: 1, b: undefined, c: [1.5, 5n, 2n ** 60n] }), new Map<string, Json>([["a", 1], ["c", [new Float(1.5), 5, 2n ** 60n]]]));
  assert.deepEqual(jsonOf(new Map([["a", { b: null }]])), new Map([["a", new Map([["b", null]])]]));
  for (const value of [undefined, [undefined], NaN, () => 1, new Date(0), new Uint8Array(1), new Map([[1, 2]])]) {
    assert.throws(() => jsonOf(value), { code: "json.value" });
  }
});

test("valueToJson: any value: readable, sorted, the same for equal values", () => {
  const value: Value = new Map<Value, Value>([
    ["b", new Uint8Array([1, 2, 3])],
    ["a", new Map<Value, Value>([["1", true], [2, null], [1, new Float(NaN)]])],
    ["aa", [new Float(1), 2n ** 63n]],
  ]);
  assert.equal(
    writeJson(valueToJson(value)),
    '{"a":{"$map":[["1",true],[1,{"$float":"NaN"}],[2,null]]},"aa":[1.0,9223372036854775808],"b":{"$bytes":"AQID"}}',
  );
  const reversed = new Map([...(value as Map<Value, Value>)].reverse());
  assert.equal(writeJson(valueToJson(reversed)), writeJson(valueToJson(value)));
});
