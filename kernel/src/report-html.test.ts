import { test } from "node:test";
import assert from "node:assert/strict";
import { rehearsal, notesWorld, scenarioOf, shadowBench, START_EVENT, V2 } from "./testing/shadow-world.ts";
import { renderHtml } from "./report-html.ts";

const bench = await shadowBench();
const v1 = bench.control(notesWorld());
const v2 = bench.control(notesWorld(V2));
const HOSTILE = `</pre><script>alert("1")</script>"'\u202e&`;

test("report page: consequences, effects, state and both plans are on it, and it loads nothing", () => {
  const note = { schema: "demo/Note@1", value: { id: HOSTILE, body: HOSTILE } };
  const report = rehearsal(bench, bench.boot(v1), { next: v2, scenarios: [scenarioOf({ events: [START_EVENT, note] })] });
  const page = renderHtml(report, { before: v1, after: v2 });
  const at = ["<h2>What it may do", "<h2>Effects in time", "<h2>State", "<h2>Plans, before and after", "<h2>Definitions"].map((part) => page.indexOf(part));
  assert.ok(at.every((place, index) => place > (at[index - 1] ?? 0)), `in order: ${at.join(" ")}`);
  assert.equal([...page.matchAll(/<svg /g)].length, 3);
  assert.equal([...page.matchAll(/<g class="added">/g)].length, 2);
  assert.match(page, /api\.example\.net:8443/);
  assert.doesNotMatch(page, /<script|<img|<link|src=|href=|url\(|\u202e|token=secret/);
  assert.match(page, /default-src 'none'/);
  assert.equal(renderHtml(report, { before: v1, after: v2 }), page);
});

test("report page: what a reader must know first, as in the Markdown: no scenario, cut, nothing in force, nothing changes", () => {
  const report = rehearsal(bench, bench.boot(v1), { next: v1 });
  const page = (part: Partial<typeof report>): string => renderHtml({ ...report, ...part }, { before: v1, after: v1 });
  assert.match(page({ scenarios: [] }), /<p>The control plane is the one in force: .*<\/p><p>No scenario was fed in \(<code>shadow\/\*\.json<\/code>\), so no effects could be predicted\.<\/p><\/header>/);
  assert.match(page({ runs: { baseline: "none", candidate: "cut" } }), /<p>The run was cut at its limit of effects: .*<p>No control plane is in force yet: everything is new\.<\/p>/);
});

test("report page: tags are closed in the order in which they were opened", () => {
  const report = rehearsal(bench, bench.boot(), { next: v1 });
  const open: string[] = [];
  let seen = 0;
  for (const [, close, name = "", own] of renderHtml(report, { before: undefined, after: v1 }).matchAll(/<(\/?)([a-z0-9]+)[^>]*?(\/?)>/g)) {
    if (own === "/" || ["meta", "br", "tr", "th"].includes(name)) continue;
    seen++;
    if (close === "") open.push(name);
    else assert.equal(open.pop(), name);
  }
  assert.deepEqual(open, []);
  assert.ok(seen > 40);
});
