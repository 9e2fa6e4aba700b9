// `aos check --json`: one object, whatever is wrong, each problem with its place in a file.

import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after as atLast, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { RULES } from "@agentos/kernel";
import { CHECK_RULES } from "./check-rules.ts";
import { aos, temporaryFolder } from "./testing/aos.ts";

const COUNTER = fileURLToPath(new URL("../../examples/00-counter", import.meta.url));
const FIELDS = ["severity", "code", "file", "pointer", "line", "column", "message"];

let prepared: string;
before(async () => {
  prepared = await mkdtemp(join(tmpdir(), "aos-check-"));
  await cp(COUNTER, prepared, { recursive: true });
  assert.equal((await aos(["build"], { cwd: prepared })).code, 0);
});
atLast(() => rm(prepared, { recursive: true, force: true }));

/** Files and what they hold; what is told of them, as `code file:line:column pointer`. */
interface Row {
  readonly name: string;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly told: readonly string[];
  /** Of the first, where it matters. */
  readonly message?: RegExp;
}

/** A sync map that builds nothing. */
const PREBUILT = { "aos.sync.json": '{"version": 1, "air": {"dir": "air"}, "modules": {"dir": "prebuilt"}}' };
/** WebAssembly that exports `memory`, `alloc` and `run`. */
const RUNS = Buffer.from("0061736d01000000010c0260017f017f60037f7f7f0003030200010503010001071803066d656d6f7279020005616c6c6f6300000372756e00010a0902040041000b02000b", "hex");
const OTHER_CODE = `{"$kind": "defmodule", "name": "demo/CounterSM@1", "wasm_hash": "sha256:${"1".repeat(64)}", "module_kind": "reducer",\n "abi": {"reducer": {"state": "demo/CounterState@1", "event": "demo/CounterEvent@1"}}}`;

const BAD_NAME = '{"$kind": "defschema", "name": "Bad", "type": {"nat": {}}}';
const ROWS: readonly Row[] = [
  { name: "nothing wrong", files: {}, told: [] },
  { name: "a warning alone", files: { "air/z.air.json": BAD_NAME.replace("Bad", "demo/Left@1") }, told: ["def.unlisted air/z.air.json:1:1 "] },
  { name: "AIR that is no JSON", files: { "air/z.air.json": '[\n  {"a" 1}]' }, told: ["json.syntax air/z.air.json:2:8 "], message: /^expected : after a key$/ },
  { name: "AIR with a rule broken", files: { "air/z.air.json": BAD_NAME }, told: ["air.name air/z.air.json:1:32 /name"] },
  { name: "AIR that is not UTF-8", files: { "air/z.air.json": Uint8Array.of(0x22, 0xff, 0x22) }, told: ["world.file air/z.air.json:1:1 "], message: /^not UTF-8$/ },
  { name: "a sync map that is no JSON", files: { "aos.sync.json": '{\n"version" 1}' }, told: ["json.syntax aos.sync.json:2:11 "] },
  { name: "a sync map with a slip", files: { "aos.sync.json": '{"version": 1,\n "airr": {}}' }, told: ["sync.invalid aos.sync.json:2:10 /airr"], message: /^\/airr unknown field$/ },
  { name: "a module of no name", files: { "aos.sync.json": '{"version": 1, "build": {"modules": {"Counter": "reducer/counter.ts"}}}' }, told: ["sync.invalid aos.sync.json:1:37 /build/modules"] },
  { name: "a scenario that is no JSON", files: { "shadow/a.json": "{" }, told: ["json.syntax shadow/a.json:1:2 "] },
  {
    name: "two broken scenarios and an AIR file: every problem of each",
    files: { "shadow/a.json": '{"events": [{"schema": 5}],\n "answers": 1}', "shadow/b.json": '{"events": [],\n"x": 1}', "air/z.air.json": BAD_NAME },
    told: [
      "air.name air/z.air.json:1:32 /name", "scenario.invalid shadow/a.json:1:13 /events/0", "scenario.invalid shadow/a.json:1:24 /events/0/schema", "scenario.invalid shadow/a.json:2:13 /answers",
      "scenario.invalid shadow/b.json:1:12 /events", "scenario.invalid shadow/b.json:2:6 /x",
    ],
  },
  { name: "a scenario that sends what the world does not know", files: { "shadow/a.json": '{"events": [{"schema": "demo/CounterEvnt@1",\n "value": {}}]}' }, told: ["scenario.schema shadow/a.json:1:24 /events/0/schema"], message: /^no schema `demo\/CounterEvnt@1`/ },
  { name: "a policy that is no JSON", files: { ".aos/policy.json": "{bad" }, told: ["json.syntax .aos/policy.json:1:2 "] },
  { name: "a policy with three slips", files: { ".aos/policy.json": '{"version": 1, "approvals": -1,\n "shadows": "required"}' }, told: ["policy.invalid .aos/policy.json:1:1 /shadow", "policy.invalid .aos/policy.json:1:29 /approvals", "policy.invalid .aos/policy.json:2:13 /shadows"] },
  { name: "a policy that is not UTF-8, keys without a world's id", files: { ".aos/policy.json": Uint8Array.of(0xff), ".aos/trust.json": '{"version": 1, "world": "x",\n "principals": {}}' }, told: ["world.file .aos/policy.json:1:1 ", "trust.invalid .aos/trust.json:1:1 /id"] },
  { name: "a module with two artifacts", files: { "modules/demo/CounterSM@1.wasm": "x" }, told: ["module.twice modules/demo/CounterSM@1.wasm:1:1 "] },
  { name: "code that no sandbox takes", files: { ...PREBUILT, "prebuilt/demo/CounterSM@1.wasm": "x" }, told: ["module.refused prebuilt/demo/CounterSM@1.wasm:1:1 "], message: /^is neither WebAssembly nor/ },
  { name: "code of a pure module for a reducer", files: { ...PREBUILT, "prebuilt/demo/CounterSM@1.wasm": RUNS }, told: ["module.entry prebuilt/demo/CounterSM@1.wasm:1:1 "], message: /exports no "step"$/ },
  { name: "code that is not here", files: { ...PREBUILT, "air/module.air.json": OTHER_CODE }, told: ["module.missing prebuilt/demo/CounterSM@1.wasm:1:1 "], message: /sha256:1{64}, is not here$/ },
  { name: "a source of a pure module for a reducer", files: { "reducer/counter.ts": 'import { pure } from "@agentos/kernel/sdk";\nexport default pure(() => 1);\n' }, told: ["module.entry reducer/counter.ts:1:1 "], message: /is defined as a reducer, and the default export is a pure module$/ },
  { name: "a source that does not parse", files: { "reducer/counter.ts": "export default function (\n" }, told: ["build.syntax reducer/counter.ts:2:1 "] },
  { name: "a module older than its source", files: { "reducer/counter.ts": 'import { reduce } from "@agentos/kernel/sdk";\nexport default reduce((state) => ({ state }));\n' }, told: ["module.stale modules/demo/CounterSM@1.js.cbor:1:1 "] },
];

describe("aos check --json", { concurrency: 4 }, () => {
  for (const { name, files, told, message } of ROWS) {
    test(`aos check --json: ${name}: one object of {ok, diagnostics}, exit 0 or 2`, async (t) => {
      const folder = await temporaryFolder(t);
      await cp(prepared, folder, { recursive: true });
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), content);
      }
      const { code, stdout, stderr } = await aos(["check", "--json"], { cwd: folder });
      assert.equal(stderr, "");
      assert.match(stdout, /^[^\n]+\n$/, "one line and nothing after it");
      const answer = JSON.parse(stdout) as { readonly ok: boolean; readonly diagnostics: readonly Readonly<Record<string, unknown>>[] };
      assert.deepEqual(Object.keys(answer), ["ok", "diagnostics"]);
      for (const diagnostic of answer.diagnostics) {
        const { hint, ...rest } = diagnostic;
        assert.deepEqual(Object.keys(rest), FIELDS);
        assert.ok(hint === undefined || typeof hint === "string");
      }
      assert.deepEqual(answer.diagnostics.map(({ code: kind, file, line, column, pointer }) => `${String(kind)} ${String(file)}:${String(line)}:${String(column)} ${String(pointer)}`), told);
      for (const { code: kind } of answer.diagnostics) assert.ok(CHECK_RULES.has(String(kind)) || RULES.has(String(kind)), `${String(kind)} is explained`);
      if (message !== undefined) assert.match(String(answer.diagnostics[0]?.["message"]), message);
      const errors = answer.diagnostics.filter(({ severity }) => severity === "error").length;
      assert.equal(answer.ok, errors === 0);
      assert.equal(code, errors === 0 ? 0 : 2);
      const text = await aos(["check"], { cwd: folder });
      assert.equal(text.code, code);
      for (const line of told) assert.ok(text.stdout.includes(`${line.split(" ")[1] ?? ""}: `), `${line} in ${text.stdout}`);
    });
  }

  test("aos check --json: no world: not a question of files: the one error object", async (t) => {
    const folder = await temporaryFolder(t);
    const { code, stdout } = await aos(["check", "--json"], { cwd: folder });
    assert.equal(code, 2);
    assert.match(stdout, /^\{"error":\{"code":"world\.missing"/);
  });
});
