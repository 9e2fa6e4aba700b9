import { test } from "node:test";
import assert from "node:assert/strict";
import { hashValue } from "./air/hash.ts";
import { httpReceipt } from "./testing/stub-adapter.ts";
import { notesWorld, rehearsal, scenarioOf, shadowBench, START_EVENT, V2 } from "./testing/shadow-world.ts";
import { consequencesHash, consequencesOf, reportHash, type EffectRow, type ShadowReport } from "./core/shadow-report.ts";
import { renderReport, summaryOf } from "./report-markdown.ts";

const HASH = hashValue("x");
const EMPTY: ShadowReport = {
  version: 1, base: { commit: "b1", manifest: HASH, seq: 7, state_root: HASH }, head: { commit: "c1", manifest: HASH },
  runs: { baseline: "complete", candidate: "complete" }, scenarios: [{ file: "shadow/a.json", events: 1 }], definitions: [], sections: [], authority: [],
  misfits: [], effects: [], removed: [], denied: [], plans: [], cells: [], failures: [], rejected: [], fuel: 0,
};
const EFFECT: EffectRow = { effect: "http.request", cap: "http", target: "GET https://a.example", intent: HASH, by: "demo/fetch@1", step: "get", answered_by: "schema", status: "ok", in_baseline: true };
const CELL = { reducer: "demo/Counter@1", change: "changed", before: new Map([["n", 1]]), after: new Map([["n", 2]]) } as const;
const DENIED = { effect: "http.request", cap: "http", target: "GET https://example.org", stage: "policy", code: "policy.denied", message: "no", by: "demo/fetch@1", in_baseline: false } as const;

const summaries: readonly (readonly [string, Partial<ShadowReport>])[] = [
  ["no effects predicted", {}],
  ["2 effects predicted (1 new), 1 capability widened, 1 cell changes", {
    effects: [EFFECT, { ...EFFECT, in_baseline: false }], authority: [{ effect: "widening", subject: "grant `http`", text: "more" }], cells: [CELL],
  }],
  ["1 effect predicted (none new), 1 effect gone, 1 effect newly denied", { effects: [EFFECT], removed: [EFFECT], denied: [DENIED, { ...DENIED, in_baseline: true }] }],
  ["2 cells do not fit, not run, 2 capabilities narrowed", {
    misfits: [{ reducer: "a", reason: "" }, { reducer: "b", reason: "" }], runs: { baseline: "skipped", candidate: "skipped" },
    authority: [{ effect: "narrowing", subject: "", text: "" }, { effect: "narrowing", subject: "", text: "" }, { effect: "neutral", subject: "", text: "" }],
  }],
  ["no effects predicted, 2 cells change, 1 step fails, 1 event not let in", {
    cells: [CELL, CELL], failures: [{ by: "a", code: "b", message: "c" }], rejected: [{ file: "f", event: 0, schema: "s", code: "c", message: "m" }],
  }],
];
for (const [expected, part] of summaries) {
  test(`report: title: ${expected}`, () => {
    assert.equal(summaryOf({ ...EMPTY, ...part }), expected);
    assert.equal(renderReport({ ...EMPTY, ...part }).split("\n")[0], `## Shadow run: ${expected}`);
  });
}
test("report: titles: the table has its rows", () => assert.equal(summaries.length, 5));

test("report: a run from end to end: the widest consequences first, hashes last", async () => {
  const bench = await shadowBench();
  const recorded = bench.boot(bench.control(notesWorld())).send(START_EVENT.schema, START_EVENT.value, { payload: httpReceipt(200) });
  const scenario = scenarioOf({ name: "a start", events: [START_EVENT], answers: [{ effect: "http.request", match: { method: "POST" }, payload: httpReceipt(201) }] });
  const report = rehearsal(bench, recorded, { next: bench.control(notesWorld(V2)), scenarios: [scenario] });
  const lines = renderReport(report).split("\n");
  assert.equal(lines[0], "## Shadow run: 2 effects predicted (1 new), 1 capability widened, 1 cell changes");
  assert.deepEqual(lines.filter((line) => line.startsWith("### ")), ["### What it may do", "### Effects", "### State", "### Definitions", "### Manifest", "### Plans"]);
  assert.ok(lines.includes("| **new** | `http.request` | `POST https://api.example.net:8443` | `http` | `demo/fetch@1` `post` | the scenario |"));
  assert.ok(lines.includes("| as before | `http.request` | `GET https://example.com` | `http` | `demo/fetch@1` `get` | the recorded receipt of this call |"));
  const diff = lines.slice(lines.indexOf("```diff"), lines.indexOf("```") + 1);
  assert.deepEqual(diff, ["```diff", "  {", '    "last": 200,', '-   "starts": 1', '+   "starts": 2', "  }", "```"]);
  const small = lines.find((line) => line.startsWith("<sub>")) ?? "";
  for (const fact of [report.base.state_root, reportHash(report), consequencesHash(consequencesOf(report)), `seq ${report.base.seq},`, "(a start) 1 event"]) assert.ok(small.includes(fact), fact);
  assert.equal(renderReport(report), lines.join("\n"));
});

test("report: equal effects: one row that says how many", () => {
  const rows = renderReport({ ...EMPTY, effects: [EFFECT, EFFECT, EFFECT] }).split("\n").filter((line) => line.includes("a.example"));
  assert.deepEqual(rows, ["| as before ×3 | `http.request` | `GET https://a.example` | `http` | `demo/fetch@1` `get` | a made-up value |"]);
});

test("report: state diff: lines far from a change are left out, a comma alone is no change", () => {
  const list = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);
  const text = renderReport({ ...EMPTY, cells: [{ ...CELL, key: "k", before: list(30), after: list(31) }] });
  const diff = text.slice(text.indexOf("```diff"));
  assert.deepEqual(diff.split("\n").slice(0, 8), ["```diff", "  …", "    27,", "    28,", "    29,", "+   30", "  ]", "```"]);
  assert.match(text, /`demo\/Counter@1` `"k"` changed/);
});

const NOTES: readonly (readonly [string, Partial<ShadowReport>, RegExp])[] = [
  ["cut", { runs: { baseline: "cut", candidate: "cut" } }, /what follows is not everything[^]*may say too much/],
  ["first control plane", { runs: { baseline: "none", candidate: "complete" } }, /No control plane is in force yet/],
  ["no scenario", { scenarios: [] }, /No scenario was fed in/],
  ["nothing of the control plane changes", {}, /^> The control plane is the one in force: the proposal changes nothing of what follows\.$/m],
  ["misfits", { misfits: [{ reducer: "demo/A@1", key: 5, reason: "$.n: missing" }] }, /refused until a migration[^]*`demo\/A@1` `5`: &#36;\.n: missing/],
];
for (const [name, part, expected] of NOTES) test(`report: note: ${name}`, () => assert.match(renderReport({ ...EMPTY, ...part }), expected));
test("report: notes: the table has its rows", () => assert.equal(NOTES.length, 5));

/** Everything that Markdown could take for its own, in every place of a report that holds text of the world. */
function hostile(text: string): ShadowReport {
  const effect = { ...EFFECT, effect: text, cap: text, target: text, by: text, step: text, code: text, in_baseline: false };
  return {
    ...EMPTY,
    base: { ...EMPTY.base, commit: text }, head: { ...EMPTY.head, commit: text },
    scenarios: [{ file: text, name: text, events: 1 }],
    definitions: [{ kind: "defplan", name: text, change: "added", after: HASH, details: [text, `step \`${text}\` added`] }],
    sections: [{ section: "routing", details: [text] }],
    authority: [{ effect: "widening", subject: text, text: `\`${text}\` ${text}` }],
    misfits: [{ reducer: text, key: text, reason: text }],
    effects: [effect], removed: [{ effect: text, cap: text, target: text, intent: HASH, by: text }],
    denied: [{ ...DENIED, effect: text, cap: text, code: text, message: text, by: text, step: text }],
    plans: [{ plan: text, instance: 1, status: "error", code: text, message: text, step: text }, { plan: text, instance: 2, status: "waiting", waits: [text] }],
    cells: [{ reducer: text, key: text, change: "added", after: new Map([[text, text]]) }],
    failures: [{ by: text, code: text, message: text }],
    rejected: [{ file: text, event: 0, schema: text, code: text, message: text }],
  };
}

const HOSTILE: readonly string[] = [
  "a|b|c", "\\|", "`", "``` ", "a`b``c", "</code></sub><script>alert(1)</script>", "<!-- ", "\n\n# head\n\n| a |", "```\n\n@everyone",
  "@someone", "[x](javascript:alert(1))", "![x](https://e.example/t.png)", "https://e.example www.e.example", "\u202egnp.exe", "~~~", "$$x$$", "&lt;", "#1", "", " ",
];
for (const text of HOSTILE) {
  test(`report: hostile text ${JSON.stringify(text)}: tables, fences and tags stay ours, nobody is called`, () => {
    const lines = renderReport(hostile(text)).split("\n");
    assert.deepEqual(lines.filter((line) => line.startsWith("#")).length, 11, "no heading but ours");
    const opening = lines.findIndex((line) => /^`{3,}diff$/.test(line));
    const fence = lines[opening]?.slice(0, -"diff".length);
    const closing = lines.indexOf(fence ?? "", opening);
    assert.ok(opening > 0 && closing > opening, "one fenced block");
    assert.ok(lines.slice(opening + 1, closing).every((line) => /^[-+ ] /.test(line) && !line.trimStart().startsWith("```")), "nothing inside ends it");
    const outside = [...lines.slice(0, opening), ...lines.slice(closing + 1)];
    let cells = 0;
    for (const line of outside) {
      const bare = line.replace(/`[^`]*`/g, "code");
      assert.doesNotMatch(bare, /`|@[\w-]|[^&]#\d|\]\(|https?:|www\./, "no mark, mention or link outside of code");
      assert.deepEqual([...bare.matchAll(/<[^>]*>?/g)].map(([tag]) => tag).filter((tag) => !["<code>", "</code>", "<sub>", "</sub>", "<br>", "<details>", "</details>", "<summary>", "</summary>"].includes(tag)), []);
      assert.doesNotMatch(line, /[\u202a-\u202e\u200b]/);
      if (!line.startsWith("|")) continue;
      cells++;
      assert.doesNotMatch(line, /\\\|/);
      assert.ok([5, 6, 7].includes(line.split("|").length - 1), line);
    }
    assert.ok(cells >= 9, `${cells} table rows seen`);
  });
}
test("report: hostile texts: there are some", () => assert.equal(HOSTILE.length, 20));

test("report: very much of everything: below 65,000 characters, and what has no room is counted", () => {
  const many = <T>(item: (index: number) => T): T[] => Array.from({ length: 500 }, (_, index) => item(index));
  const state = { before: Array.from({ length: 1500 }, (_, at) => `${at}`), after: Array.from({ length: 1500 }, (_, at) => `${at} ${"y".repeat(500)}`) };
  const one = hostile("<&>".repeat(2000));
  const report: ShadowReport = {
    ...EMPTY,
    scenarios: many((index) => ({ file: `shadow/${index}.json`, events: 1 })), definitions: many(() => ({ kind: "defplan", name: "a", change: "added", details: many(() => "field `a` added") })),
    sections: many(() => ({ section: "routing", details: ["x".repeat(500)] })), authority: many((index) => ({ effect: "widening", subject: `grant ${index}`, text: "x".repeat(1000) })),
    misfits: many((index) => ({ reducer: "a", key: index, reason: "x".repeat(500) })), effects: many((index) => ({ ...EFFECT, step: `step ${index}` })),
    removed: many((index) => ({ ...EFFECT, step: `step ${index}` })), denied: many((index) => ({ ...DENIED, step: `step ${index}` })),
    plans: many((index) => ({ plan: `p${index}`, instance: index, status: "ok" })), failures: many((index) => ({ by: `${index}`, code: "c", message: "x".repeat(500) })),
    rejected: many((index) => ({ file: "f", event: index, schema: "s", code: "c", message: "x".repeat(500) })),
    cells: many((index) => ({ ...CELL, key: index, ...(index === 0 ? state : {}) })),
  };
  for (const [name, big] of [["many", report], ["long", one]] as const) {
    const text = renderReport(big);
    assert.ok(text.length < 65_000, `${name}: ${text.length} characters`);
    assert.ok(text.length > 5_000, `${name}: ${text.length} characters`);
  }
  const text = renderReport(report);
  assert.match(text, /… and \d{3} more rows/);
  assert.match(text, /… 2,9\d\d more lines/);
});
