import { test } from "node:test";
import assert from "node:assert/strict";
import { code, fenced, middle, prose, thousands, visible } from "./markdown-text.ts";

const rows: readonly (readonly [string, (text: string) => string, string, string])[] = [
  ["code: plain name: a code span", code, "demo/Counter@1", "`demo/Counter@1`"],
  ["code: HTML: nothing to escape inside a span", code, "<b>x</b>&amp;", "`<b>x</b>&amp;`"],
  ["code: backtick: an element, so that no span ends early", code, "a`b", "<code>a&#96;b</code>"],
  ["code: pipe: does not end a table cell", code, "a|b", "<code>a&#124;b</code>"],
  ["code: backslash before a pipe: does not free the pipe", code, "a\\|b", "<code>a&#92;&#124;b</code>"],
  ["code: element: markup inside is text", code, "`<img>*@a", "<code>&#96;&#60;img&#62;&#42;&#64;a</code>"],
  ["code: blank at the edge: kept", code, " a", "<code> a</code>"],
  ["code: nothing: said", code, "", "(empty)"],
  ["code: line break: shown", code, "a\nb", "<code>a&#92;nb</code>"],
  ["code: turned around: shown", code, "a\u202eb", "<code>a&#92;u&#123;202e&#125;b</code>"],
  ["prose: names in backticks: code, the rest text", prose, "step `a|b` added", "step <code>a&#124;b</code> added"],
  ["prose: code side by side: stays two", prose, "`a``b`", "`a`&#8203;`b`"],
  ["prose: HTML and emphasis: text", prose, "<b>*x*</b>", "&#60;b&#62;&#42;x&#42;&#60;/b&#62;"],
  ["prose: mention and issue: nobody is called", prose, "@someone #12", "@&#8203;someone #&#8203;12"],
  ["prose: entity: not resolved", prose, "&#64;x", "&#38;#&#8203;64;x"],
  ["prose: links: text", prose, "[a](https://x) www.x.y", "&#91;a&#93;(https&#58;//x) www&#46;x.y"],
  ["prose: underscore: kept inside a word, a mark outside", prose, "a_b _c_", "a_b &#95;c&#95;"],
  ["prose: unfinished backtick: code to the end", prose, "a `b|", "a <code>b&#124;</code>"],
  ["prose: line break: shown, no new line", prose, "a\n# b", "a&#92;n#&#8203; b"],
  ["visible: tab, zero width, line separator, tag: shown", visible, "\t\u200b\u2028\u{e0041}", "\\t\\u{200b}\\u{2028}\\u{e0041}"],
  ["visible: letters of all scripts: as they are", visible, "ñ 漢 🙂", "ñ 漢 🙂"],
];
for (const [name, write, text, expected] of rows) test(`markdown ${name}`, () => assert.equal(write(text), expected));
test("markdown: the table has its rows", () => assert.equal(rows.length, 21));

test("markdown middle: longer than allowed: both ends and the length, no half characters", () => {
  assert.equal(middle("abcdef", 6), "abcdef");
  assert.equal(middle(`${"a".repeat(1000)}z`, 9), `aaaaaa…(1,001 characters)…aaz`);
  assert.equal(middle("🙂".repeat(4), 5), "🙂🙂…(8 characters)…");
});

test("markdown thousands: grouped by three", () => {
  assert.deepEqual([0, 999, 1000, 1234567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
});

test("markdown fenced: longer than any run of backticks inside", () => {
  assert.equal(fenced("diff", ["a", "````"]), "`````diff\na\n````\n`````");
  assert.equal(fenced("", ["a"]), "```\na\n```");
});
