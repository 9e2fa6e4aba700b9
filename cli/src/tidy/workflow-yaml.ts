// Reads the YAML that our workflow files are written in: maps, lists, plain and quoted text, blocks of lines. Anything else is refused.

export type Yaml = string | readonly Yaml[] | YamlMap;
export interface YamlMap {
  readonly [key: string]: Yaml;
}
interface Line {
  readonly number: number;
  readonly indent: number;
  readonly text: string;
}

/** @throws Error with the line that is not of this kind of YAML */
export function readYaml(text: string): Yaml {
  const raw = text.split("\n");
  const lines = raw.map((line, index) => ({ number: index + 1, indent: line.length - line.trimStart().length, text: uncommented(line).trim() }));
  const [value, end] = readBlock(lines, skip(lines, 0), { raw });
  if (skip(lines, end) < lines.length) throw wrong(lines[skip(lines, end)], "does not belong here");
  return value;
}

export function isYamlMap(value: Yaml | undefined): value is YamlMap {
  return typeof value === "object" && !Array.isArray(value);
}

function uncommented(line: string): string {
  const cut = /(?:^|\s)#(?=(?:[^"']|"[^"]*"|'[^']*')*$)/.exec(line);
  return cut === null ? line : line.slice(0, cut.index);
}

function skip(lines: readonly Line[], at: number): number {
  let next = at;
  while (next < lines.length && lines[next]?.text === "") next++;
  return next;
}

interface Source {
  readonly raw: readonly string[];
}

function readBlock(lines: readonly Line[], start: number, source: Source): readonly [Yaml, number] {
  const first = lines[start];
  if (first === undefined) throw new Error("empty");
  return first.text.startsWith("- ") ? readList(lines, start, source) : readMap(lines, start, source);
}

function readList(lines: readonly Line[], start: number, source: Source): readonly [readonly Yaml[], number] {
  const indent = lines[start]?.indent ?? 0;
  const items: Yaml[] = [];
  let at = start;
  for (let line = lines[at]; line !== undefined && line.indent === indent && line.text.startsWith("- "); line = lines[at]) {
    const inner = line.text.slice(2).trim();
    if (!/^[\w-]+:(?:\s|$)/.test(inner)) {
      items.push(readScalar(line, inner));
      at = skip(lines, at + 1);
      continue;
    }
    const shifted = lines.map((each, index) => (index === at ? { ...line, indent: indent + 2, text: inner } : each));
    const [value, end] = readMap(shifted, at, source);
    items.push(value);
    at = end;
  }
  return [items, at];
}

function readMap(lines: readonly Line[], start: number, source: Source): readonly [YamlMap, number] {
  const indent = lines[start]?.indent ?? 0;
  const entries: [string, Yaml][] = [];
  let at = start;
  for (let line = lines[at]; line !== undefined && line.indent === indent && !line.text.startsWith("- "); line = lines[at]) {
    const [, key, rest = ""] = /^([\w.-]+):(?:\s+(.*))?$/.exec(line.text) ?? [];
    if (key === undefined) throw wrong(line, "no key");
    if (entries.some(([known]) => known === key)) throw wrong(line, "the key stands twice");
    const next = skip(lines, at + 1);
    if (rest === "|") {
      const end = endOfText(lines, at + 1, indent);
      const body = source.raw.slice(at + 1, end);
      const margin = Math.min(...body.filter((each) => each.trim() !== "").map((each) => each.length - each.trimStart().length));
      entries.push([key, `${body.map((each) => each.slice(margin)).join("\n").trimEnd()}\n`]);
      at = skip(lines, end);
    } else if (rest !== "") {
      entries.push([key, readScalar(line, rest)]);
      at = next;
    } else if ((lines[next]?.indent ?? -1) > indent || (lines[next]?.indent === indent && lines[next]?.text.startsWith("- ") === true)) {
      const [value, end] = readBlock(lines, next, source);
      entries.push([key, value]);
      at = skip(lines, end);
    } else {
      entries.push([key, ""]);
      at = next;
    }
  }
  return [Object.fromEntries(entries), at];
}

function endOfText(lines: readonly Line[], start: number, indent: number): number {
  let end = start;
  while (end < lines.length && (lines[end]?.text === "" || (lines[end]?.indent ?? 0) > indent)) end++;
  return end;
}

function readScalar(line: Line, text: string): Yaml {
  const quoted = /^"([^"\\]*)"$|^'([^']*)'$/.exec(text);
  if (quoted !== null) return quoted[1] ?? quoted[2] ?? "";
  if (text === "{}") return {};
  if (text.startsWith("[")) {
    if (!text.endsWith("]")) throw wrong(line, "a list that does not end on its line");
    return text.slice(1, -1).split(",").map((item) => readScalar(line, item.trim()));
  }
  if (/^[{&*!>|%@`"']/.test(text)) throw wrong(line, "a form of YAML that is not read");
  return text;
}

function wrong(line: Line | undefined, what: string): Error {
  return new Error(`line ${line?.number ?? 0}: ${what}: ${line?.text ?? ""}`);
}
