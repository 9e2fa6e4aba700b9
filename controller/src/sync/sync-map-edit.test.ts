import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "@agentos/kernel";
import { editAnnotations } from "./sync-map-edit.ts";
import { parseSyncMap } from "./sync-map.ts";

const NOTES = new Map<string, ReadonlyMap<string, Json>>([["a.md", new Map<string, Json>([["tags", ["x", 1]], ["say", 'a "}" and \\']])]]);

const ROWS: readonly (readonly [what: string, text: string, link: number, edited: string])[] = [
  ["one line", '{"version":1,"workspaces":[{"ref":"a","dir":"x"},{"ref":"b","dir":"y"}]}', 1, '{"version":1,"workspaces":[{"ref":"a","dir":"x"},{"ref":"b","dir":"y", "annotations": {"a.md":{"tags":["x",1],"say":"a \\"}\\" and \\\\"}}}]}'],
  ["one line, some there", '{"version":1, "workspaces":[{"annotations":{"q\\"}":{"k":"{"}},"ref":"a","dir":"x"}]}\n', 0, '{"version":1, "workspaces":[{"annotations":{"a.md":{"tags":["x",1],"say":"a \\"}\\" and \\\\"}},"ref":"a","dir":"x"}]}\n'],
  [
    "many lines", '{\r\n  "version": 1,\r\n  "workspaces": [\r\n    {\r\n      "ref": "a",\r\n      "dir": "é"\r\n    }\r\n  ]\r\n}\r\n', 0,
    '{\r\n  "version": 1,\r\n  "workspaces": [\r\n    {\r\n      "ref": "a",\r\n      "dir": "é",\n      "annotations": {\n        "a.md": {\n          "tags": [\n            "x",\n            1\n          ],\n          "say": "a \\"}\\" and \\\\"\n        }\n      }\r\n    }\r\n  ]\r\n}\r\n',
  ],
  [
    "many lines, some there", '{ "version": 1,\n  "workspaces": [\n    { "ref": "a", "dir": "x",\n      "annotations": { "": { "k": 1 } }, "ignore": [] } ] }\n', 0,
    '{ "version": 1,\n  "workspaces": [\n    { "ref": "a", "dir": "x",\n      "annotations": {\n        "a.md": {\n          "tags": [\n            "x",\n            1\n          ],\n          "say": "a \\"}\\" and \\\\"\n        }\n      }, "ignore": [] } ] }\n',
  ],
];

test("sync map: annotations of a link changed: every other character stays", () => {
  for (const [what, text, link, edited] of ROWS) {
    assert.equal(editAnnotations(text, link, NOTES), edited, what);
    assert.deepEqual(parseSyncMap(edited).workspaces[link]?.annotations, NOTES, what);
    assert.deepEqual(parseSyncMap(editAnnotations(edited, link, new Map())).workspaces, parseSyncMap(text).workspaces.map((one, at) => (at === link ? { ...one, annotations: new Map() } : one)), what);
  }
  assert.equal(ROWS.length, 4);
});

test("sync map: no such link, or no sync map: refused", () => {
  assert.throws(() => editAnnotations('{"version":2}', 0, NOTES), { code: "sync.invalid" });
});
