import { test } from "node:test";
import assert from "node:assert/strict";
import { AosError } from "../air/error.ts";
import { readJson } from "../air/json.ts";
import { parseScenario } from "./scenario.ts";

function read(text: string): ReturnType<typeof parseScenario> {
  return parseScenario(readJson(text, "shadow/x.json").json, "shadow/x.json");
}

const START = `"events": [{ "schema": "demo/Start@1", "value": 1 }]`;

test("scenario: everything given: read as written, status ok where none is said", () => {
  const scenario = read(`{
    "name": "a day",
    "events": [{ "schema": "demo/Start@1", "value": { "n": 9007199254740993 }, "key": "k" }, { "schema": "demo/Stop@2", "value": null }],
    "answers": [
      { "effect": "http.request", "cap": "http", "match": { "method": "GET", "url": "https://example.com/" }, "payload": { "status": 200 }, "times": 2 },
      { "effect": "llm.generate", "status": "timeout" }
    ]
  }`);
  assert.deepEqual(scenario, {
    file: "shadow/x.json", name: "a day",
    events: [{ schema: "demo/Start@1", value: new Map([["n", 9007199254740993n]]), key: "k" }, { schema: "demo/Stop@2", value: null, key: undefined }],
    answers: [
      { effect: "http.request", cap: "http", match: new Map([["method", "GET"], ["url", "https://example.com/"]]), status: "ok", payload: new Map([["status", 200]]), times: 2 },
      { effect: "llm.generate", cap: undefined, match: new Map(), status: "timeout", payload: undefined, times: undefined },
    ],
  });
});

test("scenario: bytes and people's decisions: bytes in values, keys and payloads; what is to be matched stays as it is written", () => {
  const scenario = read(`{
    "events": [
      { "schema": "demo/Put@1", "value": { "data": { "$bytes": "AQID" }, "more": [{ "$bytes": "" }, { "$bytes": "AQ==", "x": 1 }] }, "key": { "$bytes": "/w==" } },
      { "approve": { "effect": "http.request", "match": { "url": "https://a/" }, "decision": "grant" } },
      { "approve": { "effect": "http.request", "cap": "http", "decision": "deny", "reason": "no" } }
    ],
    "answers": [{ "effect": "blob.get", "match": { "x": { "$bytes": "AQ==" } }, "payload": { "bytes": { "$bytes": "AA==" } } }]
  }`);
  assert.deepEqual(scenario.events, [
    { schema: "demo/Put@1", value: new Map<string, unknown>([["data", Uint8Array.of(1, 2, 3)], ["more", [new Uint8Array(0), new Map<string, unknown>([["$bytes", "AQ=="], ["x", 1]])]]]), key: Uint8Array.of(255) },
    { approve: { effect: "http.request", cap: undefined, match: new Map([["url", "https://a/"]]), decision: "grant", reason: undefined } },
    { approve: { effect: "http.request", cap: "http", match: new Map(), decision: "deny", reason: "no" } },
  ]);
  assert.deepEqual(scenario.answers.map(({ match, payload }) => [match, payload]), [[new Map([["x", new Map([["$bytes", "AQ=="]])]]), new Map([["bytes", Uint8Array.of(0)]])]]);
});

test("scenario: what is expected: by section, rows as they are written; none where there is none", () => {
  const { expect } = read(`{ ${START}, "expect": { "plans": [], "cells": [{ "reducer": "demo/R@1", "key": "k", "state": { "n": 1 } }], "rejected": [{ "event": 0, "code": "event.value" }] } }`);
  assert.deepEqual(expect, new Map<string, unknown>([
    ["cells", [new Map<string, unknown>([["reducer", "demo/R@1"], ["key", "k"], ["state", new Map([["n", 1]])]])]], ["plans", []],
    ["rejected", [new Map<string, unknown>([["event", 0], ["code", "event.value"]])]],
  ]));
  assert.equal("expect" in read(`{ ${START} }`), false);
  assert.deepEqual(read(`{ ${START}, "expect": {} }`).expect, new Map());
});

test("scenario: $schema: read over", () => {
  const events = `"events": [{ "schema": "demo/Start@1", "value": 1 }]`;
  assert.deepEqual(read(`{ "$schema": "../scenario.schema.json", ${events} }`), read(`{ ${events} }`));
});

const refusals: readonly (readonly [string, string, readonly string[]])[] = [
  ["not an object", `[]`, [""]],
  ["empty object", `{}`, [""]],
  ["unknown field", `{ ${START}, "wait/s": 1 }`, ["/wait~1s"]],
  ["no events", `{ "events": [] }`, ["/events"]],
  ["expectations that are no object", `{ ${START}, "expect": [] }`, ["/expect"]],
  ["an unknown section", `{ ${START}, "expect": { "state": [] } }`, ["/expect/state"]],
  ["a section that is no list", `{ ${START}, "expect": { "cells": {} } }`, ["/expect/cells"]],
  ["rows that are none", `{ ${START}, "expect": { "cells": [1, {}], "plans": [{ "status": "ok" }, { "end": 1 }] } }`, ["/expect/cells/0", "/expect/cells/1", "/expect/plans/1/end"]],
  ["events that are no list", `{ "events": {} }`, ["/events"]],
  ["event that is no object", `{ "events": [1] }`, ["/events/0"]],
  ["empty event", `{ "events": [{}] }`, ["/events/0", "/events/0"]],
  ["schema that is no name", `{ "events": [{ "schema": "Start", "value": 1 }] }`, ["/events/0/schema"]],
  ["$schema that is no text", `{ ${START}, "$schema": {} }`, ["/$schema"]],
  ["$schema of an event", `{ "events": [{ "schema": "demo/Start@1", "value": 1, "$schema": "x" }] }`, ["/events/0/$schema"]],
  ["name that is no text", `{ ${START}, "name": 5 }`, ["/name"]],
  ["answers that are no list", `{ ${START}, "answers": 5 }`, ["/answers"]],
  ["answer without effect and payload", `{ ${START}, "answers": [{}] }`, ["/answers/0", "/answers/0"]],
  ["effect that is no text", `{ ${START}, "answers": [{ "effect": 1, "payload": 1 }] }`, ["/answers/0/effect"]],
  ["unknown status", `{ ${START}, "answers": [{ "effect": "a.b", "payload": 1, "status": "fine" }] }`, ["/answers/0/status"]],
  ["ok without payload", `{ ${START}, "answers": [{ "effect": "a.b", "status": "ok" }] }`, ["/answers/0"]],
  ["match that is no object", `{ ${START}, "answers": [{ "effect": "a.b", "payload": 1, "match": [] }] }`, ["/answers/0/match"]],
  ["url that is no text", `{ ${START}, "answers": [{ "effect": "a.b", "payload": 1, "match": { "url": 1 } }] }`, ["/answers/0/match/url"]],
  ["times of zero", `{ ${START}, "answers": [{ "effect": "a.b", "payload": 1, "times": 0 }] }`, ["/answers/0/times"]],
  ["times with a fraction", `{ ${START}, "answers": [{ "effect": "a.b", "payload": 1, "times": 1.5 }] }`, ["/answers/0/times"]],
  ["bytes that are no base64", `{ "events": [{ "schema": "demo/Start@1", "value": { "a/b": [{ "$bytes": "A" }] } }] }`, ["/events/0/value/a~1b/0/$bytes"]],
  ["bytes that are no text", `{ ${START}, "answers": [{ "effect": "a.b", "payload": { "$bytes": 1 } }] }`, ["/answers/0/payload/$bytes"]],
  ["an approval of nothing", `{ "events": [{ "approve": {} }] }`, ["/events/0/approve", "/events/0/approve"]],
  ["an approval that is no object", `{ "events": [{ "approve": "yes" }] }`, ["/events/0/approve"]],
  ["an approval that is perhaps", `{ "events": [{ "approve": { "effect": "a.b", "decision": "maybe" } }] }`, ["/events/0/approve/decision"]],
  ["an approval and an event in one", `{ "events": [{ "approve": { "effect": "a.b", "decision": "grant" }, "schema": "demo/Start@1" }] }`, ["/events/0/schema"]],
  ["many at once", `{ "events": [{ "schema": "x" }, 2], "answers": [{ "effect": "", "payload": 1, "cap": 1, "more": 1 }] }`,
    ["/events/0", "/events/0/schema", "/events/1", "/answers/0/more", "/answers/0/effect", "/answers/0/cap"]],
];
for (const [name, text, pointers] of refusals) {
  test(`scenario: ${name}: scenario.invalid at ${pointers.map((pointer) => pointer || "the top").join(", ")}`, () => {
    assert.throws(() => read(text), (error: unknown) => {
      assert.ok(error instanceof AosError);
      assert.equal(error.code, "scenario.invalid");
      assert.equal(error.at?.file, "shadow/x.json");
      assert.equal(error.at?.pointer, pointers[0]);
      assert.deepEqual((error.data["problems"] as readonly { readonly pointer: string }[]).map(({ pointer }) => pointer), pointers);
      return true;
    });
  });
}
test("scenario: refusals: the table has its rows", () => assert.equal(refusals.length, 31));
