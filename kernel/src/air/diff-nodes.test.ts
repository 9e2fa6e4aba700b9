import assert from "node:assert/strict";
import { test } from "node:test";
import { diffNodes } from "./diff-nodes.ts";
import { NEAR_WORLDS } from "./fixture-edits.ts";
import { fixtureFiles, M, set, type Edit } from "./fixture-world.ts";
import { readFiles } from "./read-files.ts";
import type { Node } from "./types.ts";


/** The nodes of one file of the fixture, changed. */
function nodesOf(file: string, edits: readonly Edit[] = []): readonly Node[] {
  const { manifests, definitions, diagnostics } = readFiles(fixtureFiles(edits).filter(({ path }) => path === file));
  assert.deepEqual(diagnostics, []);
  return [...manifests, ...definitions].map(({ node }) => node);
}
function told(before: readonly Node[], after: readonly Node[]): readonly string[] {
  const { definitions, sections } = diffNodes(before, after);
  return [
    ...definitions.map(({ change, kind, name, details, before: was, after: is }) => `${change} ${kind} ${name}${was === undefined && is === undefined ? "" : " #"}: ${details.join("; ")}`),
    ...sections.map(({ section, details }) => `${section}: ${details.join("; ")}`),
  ];
}

const TEXT = { text: {} };
const ROWS: readonly (readonly [situation: string, file: string, edits: readonly Edit[], expected: readonly string[]])[] = [
  ["nothing", "air/schemas.json", [], []],
  ["a field", "air/schemas.json", [set("air/schemas.json", "/4/type/record/more", TEXT)], ["changed defschema demo/Done@1 #: field `more` added (text)"]],
  ["a definition more, one gone", "air/caps.json", [set("air/caps.json", "/1/name", "demo/post@1")], ["removed defcap demo/mail@1 #: ", "added defcap demo/post@1 #: "]],
  ["a module without code: no hash", "air/modules.json", [set("air/modules.json", "/0/abi/reducer/effects_emitted", [])], ["changed defmodule demo/Job@1: no longer emits `timer.set`"]],
  ["a plan: no hash", "air/fetch.json", [set("air/fetch.json", "/deadline_ns", 5)], ["changed defplan demo/fetch@1: deadline changed from none to 5 ns"]],
  ["a rule", "air/policy.json", [set("air/policy.json", "/rules/1/decision", "require_approval")], ["changed defpolicy demo/policy@1 #: rule 1 removed: allow `mail.send` of type `mail.out`; rule 1 added: require approval of `mail.send` of type `mail.out`"]],
  ["references", M, [set(M, "/schemas/-", { name: "sys/TimerFired@1" }), set(M, "/modules", [{ name: "demo/Job@1" }])], ["schemas: schema added: `sys/TimerFired@1`", "modules: module removed: `demo/Enforce@1`; module removed: `demo/Log@1`"]],
  ["a trigger and a grant", M, [set(M, "/triggers/0/correlate_by", "url"), set(M, "/defaults/cap_grants/0/budget", { cents: 5 })], [
    "triggers: trigger removed: `demo/Start@1` starts `demo/fetch@1`, correlated by `id`; trigger added: `demo/Start@1` starts `demo/fetch@1`, correlated by `url`",
    "cap_grants: grant `http_grant`: budget changed from none to 5 cents",
  ]],
  ["a migration, another version", M, [set(M, "/migrations", [{ reducer: "demo/Job@1", module: "demo/New@1" }]), set(M, "/air_version", "2")], ["air_version: changed from `1` to `2`", "migrations: migration added: cells of `demo/Job@1` by `demo/New@1`"]],
];

test("diffNodes: one file against its changed self: what it is, by meaning", () => {
  let count = 0;
  for (const [situation, file, edits, expected] of ROWS) {
    assert.deepEqual(told(nodesOf(file), nodesOf(file, edits)), expected, situation);
    count++;
  }
  assert.equal(count, 9);
});

test("diffNodes: a manifest on one side alone: all of it", () => {
  assert.deepEqual(told(nodesOf(M), []), ["manifest: removed"]);
  assert.ok(told([], nodesOf(M)).includes("triggers: trigger added: `demo/Start@1` starts `demo/fetch@1`, correlated by `id`"));
});

test("diffNodes: any file of any two worlds: nothing told only where nothing differs", () => {
  let [same, other] = [0, 0];
  for (const { title, edits } of NEAR_WORLDS) {
    for (const { path, text } of fixtureFiles(edits)) {
      const base = fixtureFiles().find((file) => file.path === path)?.text ?? "[]";
      const nodes = (content: string): readonly Node[] => {
        const { manifests, definitions } = readFiles([{ path, text: content }]);
        return [...manifests, ...definitions].map(({ node }) => node);
      };
      const changes = told(nodes(base), nodes(text));
      if (base === text) assert.deepEqual(changes, []);
      else if (title !== "routing that routes nothing" && title !== "no routing") assert.notEqual(changes.length, 0, `${title}: ${path}`);
      if (base === text) same++;
      else other++;
    }
  }
  assert.ok(same > 200 && other > 40, `${same} same, ${other} other`);
});
