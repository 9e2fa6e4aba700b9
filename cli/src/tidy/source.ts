// The repository's sources as the tidy checks see them: text, code without comments and literals, imports.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";
import { fileURLToPath } from "node:url";

export interface Import {
  readonly specifier: string;
  /** `type` when the whole statement is erased; `value` when the module is loaded. */
  readonly kind: "type" | "value";
  readonly line: number;
}
export interface Source {
  /** From the root of the repository, with slashes: `kernel/src/host.ts`. */
  readonly path: string;
  readonly text: string;
  /** The text with comments and the insides of string, template and regular expression literals blanked, position for position. */
  readonly code: string;
  readonly imports: readonly Import[];
}

const REPOSITORY = fileURLToPath(new URL("../../../", import.meta.url));

/** Reads every source and script below these folders of the repository, in the order of their paths. */
export function readSources(folders: readonly string[]): readonly Source[] {
  return folders.flatMap((folder) => filesBelow(join(REPOSITORY, folder))).sort().map((file) => source(relative(REPOSITORY, file).split("\\").join("/"), readFileSync(file, "utf8")));
}

export function source(path: string, text: string): Source {
  const code = blank(text);
  return { path, text, code, imports: importsOf(text, code) };
}

/** A test, or a part of what tests are made with: a kit in a folder `testing`, fixtures, a program `child-…` that a test starts. */
export function isTest(path: string): boolean {
  return /\.test\.ts$|\/src\/testing\/|\/fixtures?[-./]|\/child-/.test(path);
}

/** The file a relative import names, from the root of the repository. */
export function target(from: string, specifier: string): string {
  return posix.join(dirname(from), specifier);
}

/** Line of an offset, from 1. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && /\.(ts|mjs|js)$/.test(entry.name)).map((entry) => join(entry.parentPath, entry.name));
}

const STATEMENT = /(?:^|[;}\n])[ \t]*(?:(?:import|export)\b(?<type>[ \t]+type\b(?!\s*(?:,|from\b)))?[^;"'`()=]*?\bfrom\s*|import[ \t]*)(?<quote>["'])/g;
const CALL = /\bimport\s*\(\s*(?<quote>["'`])/g;

function importsOf(text: string, code: string): readonly Import[] {
  return [...code.matchAll(STATEMENT), ...code.matchAll(CALL)].map((match) => {
    const start = match.index + match[0].length;
    const end = code.indexOf(match.groups?.["quote"] as string, start);
    return { specifier: text.slice(start, end), kind: match.groups?.["type"] === undefined ? "value" : "type", line: lineAt(text, start) } as const;
  });
}

const REGEX_MAY_FOLLOW = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|=>|\b(?:return|typeof|case|in|of|do|else|void|delete|throw|new|await|yield))$/;

/** Blanks what is not code. Quotes, backquotes and the slashes of regular expressions stay, so that one sees where a literal was. */
function blank(text: string): string {
  const out = text.split("");
  const templates: number[] = [];
  let depth = 0;
  let at = 0;
  let before = "";
  const erase = (from: number, to: number): void => {
    for (let i = from; i < to; i++) if (out[i] !== "\n") out[i] = " ";
  };
  /** From the backquote or the closing brace of a placeholder up to the end of this stretch of template text. */
  const template = (): void => {
    const start = at + 1;
    let end = start;
    while (end < text.length && text[end] !== "`" && !(text[end] === "$" && text[end + 1] === "{")) end += text[end] === "\\" ? 2 : 1;
    erase(start, end);
    if (text[end] === "$") {
      templates.push(depth++);
      at = end + 2;
      before = "{";
    } else {
      at = end + 1;
      before = "`";
    }
  };
  while (at < text.length) {
    const char = text[at] as string;
    if (char === "/" && (text[at + 1] === "/" || text[at + 1] === "*")) {
      const close = text[at + 1] === "/" ? text.indexOf("\n", at) : text.indexOf("*/", at + 2) + 2;
      const end = close < at + 2 ? text.length : close;
      erase(at, end);
      at = end;
    } else if (char === "\"" || char === "'" || (char === "/" && REGEX_MAY_FOLLOW.test(before))) {
      const end = literalEnd(text, at);
      erase(at + 1, end);
      before = "\"";
      at = end + 1;
    } else if (char === "`") {
      template();
    } else if (char === "}" && templates.at(-1) === depth - 1) {
      depth = templates.pop() as number;
      template();
    } else {
      if (char === "{") depth++;
      if (char === "}") depth--;
      if (!/\s/.test(char)) before = /[\w$]/.test(char) && /[\w$]/.test(text[at - 1] ?? "") ? (before + char).slice(-10) : char;
      at++;
    }
  }
  return out.join("");
}

/** Index of the closing quote, or slash, of the literal that opens at `at`. */
function literalEnd(text: string, at: number): number {
  const close = text[at];
  let inClass = false;
  for (let end = at + 1; end < text.length; end++) {
    const char = text[end];
    if (char === "\\") end++;
    else if (close === "/" && char === "[") inClass = true;
    else if (close === "/" && char === "]") inClass = false;
    else if (char === close && !inClass) return end;
    else if (char === "\n") return end;
  }
  return text.length;
}
