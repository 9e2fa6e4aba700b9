// Our own reports, which are Markdown, at a terminal: headings stand out, tables are columns, entities are characters again.

import { columns, shown, type Style } from "./style.ts";

/** In a file the Markdown stays as it is. */
export function markdownLines(markdown: string, options: { readonly style: Style; readonly for: "terminal" | "file" }): readonly string[] {
  const source = markdown.trimEnd().split("\n");
  if (options.for === "file") return source;
  const out: string[] = [];
  for (let at = 0; at < source.length; ) {
    const line = source[at] ?? "";
    const block = line.startsWith("|") ? tableFrom(source, at) : /^`{3,}/.test(line) ? fenceFrom(source, at) : undefined;
    if (block === undefined) out.push(...textLines(line, options.style));
    else out.push(...(line.startsWith("|") ? tableLines(block.lines, options.style) : block.lines.map((one) => diffLine(one, options.style))));
    at = block?.end ?? at + 1;
  }
  return out;
}

interface Block {
  readonly lines: readonly string[];
  /** Index of the first line after it. */
  readonly end: number;
}

function tableFrom(source: readonly string[], start: number): Block {
  let end = start;
  while (source[end]?.startsWith("|") === true) end++;
  return { lines: source.slice(start, end), end };
}

/** What stands between a fence and the next one that is as long. */
function fenceFrom(source: readonly string[], start: number): Block {
  const fence = /^`+/.exec(source[start] ?? "")?.[0] ?? "```";
  const close = source.indexOf(fence, start + 1);
  const end = close === -1 ? source.length : close;
  return { lines: source.slice(start + 1, end), end: end + 1 };
}

function diffLine(line: string, style: Style): string {
  const text = `  ${shown(line)}`;
  return line.startsWith("+") ? style.green(text) : line.startsWith("-") ? style.red(text) : text;
}

/** One line of running text, more where it breaks by itself. */
function textLines(line: string, style: Style): readonly string[] {
  const heading = /^#+ (.*)$/.exec(line);
  if (heading !== null) return [style.bold(plain(heading[1] ?? ""))];
  if (line.startsWith("<sub>")) return line.split("<br>").map((part) => style.dim(plain(part)));
  return line.split("<br>").map(plain);
}

/** The row of dashes below a table's head says nothing at a terminal. */
function tableLines(rows: readonly string[], style: Style): readonly string[] {
  const cells = rows.filter((row) => !/^\|[\s:|-]+\|$/.test(row)).map((row) => row.replace(/^\| ?/, "").replace(/ ?\|$/, "").split(" | ").map(plain));
  return columns(cells).map((line, index) => (index === 0 ? style.dim(line) : line));
}

/** Text without the marks that Markdown reads. */
function plain(text: string): string {
  const bare = text.replaceAll("**", "").replaceAll(/<\/?(?:code|details|sub|summary)>/g, "").replaceAll("`", "");
  return shown(bare.replaceAll(/&#(\d+);/g, (_, point: string) => (point === "8203" ? "" : String.fromCodePoint(Number(point)))));
}
