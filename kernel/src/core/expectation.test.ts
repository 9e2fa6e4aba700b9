import { test } from "node:test";
import assert from "node:assert/strict";
import { readJson, writeJson } from "../air/json.ts";
import type { Json } from "../air/types.ts";
import { START_EVENT, notesWorld, rehearsal, scenarioOf, shadowBench } from "../testing/shadow-world.ts";
import { differencesFrom, expectationOf, type Expectation } from "./expectation.ts";
import { parseScenario } from "./scenario.ts";
import type { ShadowReport } from "./shadow-report.ts";

const bench = await shadowBench();
const control = bench.control(notesWorld());
/** Two notes, one that is refused, and what is asked for them. */
const came: ShadowReport = rehearsal(bench, bench.boot(), { next: control, scenarios: [scenarioOf({ events: [START_EVENT, { schema: "demo/Note@1", value: { id: "a", body: "b" } }, { schema: "demo/None@1", value: null }] })] });

function expecting(text: string): Expectation | undefined {
  return parseScenario(readJson(`{ "events": [{ "schema": "demo/Start@1", "value": 1 }], "expect": ${text} }`, "x").json, "x").expect;
}
/** `at expected/found`. */
function told(expectation: Expectation | undefined, report: ShadowReport = came): readonly string[] {
  const text = (value: Json | undefined): string => (value === undefined ? "-" : writeJson(value));
  return differencesFrom(expectation, report).map(({ at, expected, found }) => `${at} ${text(expected)}/${text(found)}`);
}

test("expectation: what came, written down: holds of it, through the text of a scenario too", () => {
  const written = expectationOf(came);
  assert.deepEqual([...written.keys()].slice(0, 2), ["cells", "effects"]);
  assert.ok((written.get("cells")?.length ?? 0) > 0 && (written.get("effects")?.length ?? 0) > 0 && written.has("plans") && written.has("rejected"));
  const text = writeJson(new Map(written) as Json);
  assert.deepEqual([told(written), told(expecting(text))], [[], []]);
  assert.equal(writeJson(new Map(expectationOf(came)) as Json), text);
  const nothing = expectationOf({ ...came, cells: [], effects: [], plans: [], denied: [], failures: [], rejected: [] });
  assert.deepEqual([...nothing], [["cells", []], ["effects", []], ["plans", []]]);
});

const CELL = { reducer: "demo/R@1", change: "added", after: new Map<string, Json>([["n", 1], ["list", [1, 2]], ["name/x", "a"]]) } as const;
const FAILURE = { by: "demo/R@1", code: "trap", message: "no" };
const quiet: ShadowReport = { ...came, cells: [CELL], effects: [], plans: [{ plan: "demo/p@1", instance: 3, status: "ok" }], denied: [], failures: [], rejected: [] };
const rows: readonly (readonly [string, string | undefined, Partial<ShadowReport>, readonly string[]])[] = [
  ["nothing is expected, and nothing failed", undefined, {}, []],
  ["no section is named, and nothing failed", "{}", {}, []],
  ["a step that failed, unexpected", undefined, { failures: [FAILURE] }, ['failures/0 -/{"by":"demo/R@1","code":"trap","message":"no"}']],
  ["a step that failed, expected by one field", '{ "failures": [{ "code": "trap" }] }', { failures: [FAILURE] }, []],
  ["a step that did not fail", '{ "failures": [{ "code": "trap" }] }', {}, ['failures/0 {"code":"trap"}/-']],
  ["a run that was cut", "{}", { runs: { ...quiet.runs, candidate: "cut" } }, ['runs "complete"/"cut"']],
  ["a cell as it is", '{ "cells": [{ "reducer": "demo/R@1", "state": { "list": [1, 2], "n": 1, "name/x": "a" } }] }', {}, []],
  ["no cell", '{ "cells": [] }', {}, ['cells/0 -/{"reducer":"demo/R@1","state":{"n":1,"list":[1,2],"name/x":"a"}}']],
  ["another value, one more and one less", '{ "cells": [{ "state": { "list": [2, 1], "n": 1.0, "more": true } }] }', {}, ["cells/0/state/list [2,1]/[1,2]", "cells/0/state/n 1.0/1", "cells/0/state/more true/-", 'cells/0/state/name~1x -/"a"']],
  ["a state that is no record", '{ "cells": [{ "state": null }] }', {}, ['cells/0/state null/{"n":1,"list":[1,2],"name/x":"a"}']],
  ["a key that it has not", '{ "cells": [{ "key": "k" }] }', {}, ['cells/0/key "k"/-']],
  ["a plan by its name", '{ "plans": [{ "plan": "demo/p@1" }] }', {}, []],
  ["a plan that ends otherwise", '{ "plans": [{ "plan": "demo/p@1", "status": "error" }] }', {}, ['plans/0/status "error"/"ok"']],
  ["effects that are not named", '{ "plans": [{ "status": "ok" }] }', { effects: came.effects }, []],
];

test("expectation: table", () => {
  for (const [name, text, change, differences] of rows) assert.deepEqual(told(text === undefined ? undefined : expecting(text), { ...quiet, ...change }), differences, name);
  assert.equal(rows.length, 14);
});
