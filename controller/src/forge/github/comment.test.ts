import assert from "node:assert/strict";
import { test } from "node:test";
import { hashValue } from "@agentos/kernel";
import type { Decision } from "../../governance/decision.ts";
import { BODY_MAX, commentBody, cutMiddle, escapeLine, marker, tameMarkdown } from "./comment.ts";

const WORLD = hashValue("world");
const decision = (text: string): Decision => ({ verdict: "refused", cid: null, authors: [], required: 1, reasons: [{ rule: "merge", holds: false, text }], counted: [], ignored: [] });

test("comment: text that wants to be more than text: stays text", () => {
  const rows = [
    "<img src=x onerror=alert(1)>", "[click](https://evil.test)", "![pixel](https://evil.test/p.png)", "@everyone look", "`code` **bold**", "a\n### Approved", "<!-- aos:decision v1 -->", "https://evil.test",
    "| a | b |", "x\u202Egnp.exe", "</details>", "#1", "&lt;b&gt;",
  ];
  for (const row of rows) {
    const safe = escapeLine(row);
    assert.ok(!/[<>`*[\]()|\n\u202e]/.test(safe) && !/@\w/.test(safe) && !/https?:/.test(safe) && !/&lt;/.test(safe), safe);
  }
  assert.equal(rows.length, 13);
});

test("comment: a report that holds hostile Markdown: keeps its form and loses what acts", () => {
  const rows: readonly (readonly [string, RegExp])[] = [
    ["<script>alert(1)</script>", /<script|<\/script/i], ["![p](https://evil.test/p.png)", /!\[p\]\(/], ["[x](javascript:alert(1))", /\]\(|javascript:/], ["[x][y]\n\n[y]: https://evil.test", /\]\[|\]:|https:/],
    ["<https://evil.test>", /<https|https:/], ["cc @somebody", /@somebody/], ["<!-- aos:decision v1 world=x -->", /<!--/], ["a\u200bb\u202ec", /[\u200b\u202e]/], ["<details open onclick=x>", /<details open/],
  ];
  for (const [hostile, gone] of rows) assert.ok(!gone.test(tameMarkdown(hostile)), tameMarkdown(hostile));
  assert.equal(rows.length, 9);
  const kept = "## Shadow run\n\n| a | b |\n| - | - |\n\n<details><summary>more</summary>\n\n```diff\n- x\n+ y\n```\n\n</details>";
  assert.equal(tameMarkdown(kept), kept);
});

test("comment: whatever its size: the verdict stands first and it is never too long", () => {
  const sizes = [0, 10, 60_000, 70_000, 2_000_000];
  for (const size of sizes) {
    const body = commentBody({ world: WORLD, decision: decision("x".repeat(size)), report: `# begin\n${"line of a report\n".repeat(size / 10)}# end`, faults: Array.from({ length: size / 10 }, (_, index) => `fault ${index}`) });
    assert.ok(body.length <= BODY_MAX, `${size}: ${body.length}`);
    assert.ok(body.startsWith(`${marker(WORLD)}\n### Refused\n`), "the verdict is first");
    assert.ok(body.includes("# end") && body.includes("# begin"), "both ends are there");
  }
  assert.equal(sizes.length, 5);
});

test("comment: a block of code that is cut open: is closed before the note and opened after it", () => {
  const cut = cutMiddle(`top\n\`\`\`diff\n${"+ line\n".repeat(5000)}\`\`\`\nend`, 1000);
  assert.ok(cut.length <= 1000);
  assert.match(cut, /\n```\n\n… \d+ characters left out …\n\n```\n/);
  assert.equal((cut.match(/^```/gm) ?? []).length % 2, 0);
});
