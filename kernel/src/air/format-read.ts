// JSON with comments as its author wrote it: every key, string, number and comment verbatim, only blanks forgotten.

import { AosError } from "./error.ts";
import { readJson } from "./json.ts";

/** A comment with its marks. A block comment may have several lines. */
type Comment = string;

/** A value with the comments around it: on the lines before it, and behind it on its own line. */
export interface Piece {
  readonly before: readonly Comment[];
  readonly value: Written;
  readonly behind: readonly Comment[];
}
export interface Member extends Piece {
  /** As written, quotes included. */
  readonly key: string;
  /** What the key says. */
  readonly name: string;
}
/** `end` holds comments that nothing in the container follows. */
export type Written =
  | { readonly kind: "atom"; readonly text: string }
  | { readonly kind: "object"; readonly members: readonly Member[]; readonly end: readonly Comment[] }
  | { readonly kind: "list"; readonly items: readonly Piece[]; readonly end: readonly Comment[] };
export interface WrittenDocument extends Piece {
  /** Comments after the document. */
  readonly after: readonly Comment[];
}

/**
 * Reads a document whose comments are kept. A comment behind a value, or behind the comma after it where a new line follows,
 * belongs to that value; any other to what comes next.
 *
 * @throws AosError `json.syntax` as `readJson`, and for a block comment that never ends
 */
export function readWritten(text: string, file: string): WrittenDocument {
  const { tokens, bare } = scan(text, file);
  readJson(bare, file);
  const reader: Reader = { tokens, at: 0 };
  const before = lead(reader);
  const value = readValue(reader);
  const [behind, after] = split(next(reader));
  return { before, value, behind, after };
}

/**
 * The text with every comment blanked out: strict JSON where the rest is, each value at the line and column it had.
 *
 * @throws AosError `json.syntax` for a block comment that never ends
 */
export function withoutComments(text: string, file: string): string {
  return /\/[/*]/.test(text) ? blanked(text, commentsIn(text, file)) : text;
}

// --- tokens; everything is read once, from the front

/** `line` is where it begins, `endLine` where it ends. */
interface Scanned { readonly text: string; readonly line: number; readonly endLine: number }
interface Token {
  readonly text: string;
  readonly line: number;
  /** What stands between this token and the one before. */
  readonly comments: readonly Scanned[];
  /** Where the token before ends. */
  readonly lastLine: number;
}
/** Offsets of a comment: the first character, and the one behind the last. */
interface Span { readonly from: number; readonly to: number }

/** Where a string or a comment may begin, and where a string may end. */
const MARK = /["/]/g;
const STRING_MARK = /["\\]/g;
/** What JSON does not know is a token too, and refused by the JSON reader. */
const WORD = /[^ \t\n\r{}[\],:"/]+|[^]/y;

function indexOfMark(mark: RegExp, text: string, from: number): number {
  mark.lastIndex = from;
  return mark.exec(text)?.index ?? text.length;
}

/** Offset behind the string that begins at `at`; the end of the text for one that never ends. */
function stringEnd(text: string, at: number): number {
  let end = indexOfMark(STRING_MARK, text, at + 1);
  while (text[end] === "\\") end = indexOfMark(STRING_MARK, text, end + 2);
  return Math.min(end + 1, text.length);
}

function commentsIn(text: string, file: string): readonly Span[] {
  const spans: Span[] = [];
  for (let at = indexOfMark(MARK, text, 0); at < text.length; ) {
    let to = at + 1;
    if (text[at] === '"') to = stringEnd(text, at);
    else if (text[to] === "/") to = endOr(text.indexOf("\n", at), text.length);
    else if (text[to] === "*") to = endOr(text.indexOf("*/", at + 2), -2) + 2;
    if (to === 0) throw neverEnds(text, at, file);
    if (text[at] === "/" && to > at + 1) spans.push({ from: at, to });
    at = indexOfMark(MARK, text, to);
  }
  return spans;
}

function endOr(found: number, none: number): number {
  return found < 0 ? none : found;
}

function neverEnds(text: string, at: number, file: string): AosError {
  const [line, column] = [linesIn(text.slice(0, at)) + 1, at - text.lastIndexOf("\n", at - 1)];
  return new AosError("json.syntax", `${file}:${line}:${column}: a comment that never ends`, { at: { file, line, column } });
}

function blanked(text: string, comments: readonly Span[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const { from, to } of comments) {
    parts.push(text.slice(at, from), text.slice(from, to).replace(/[^\n]/g, " "));
    at = to;
  }
  return parts.join("") + text.slice(at);
}

/** Line breaks in a text. */
function linesIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count++;
  return count;
}

function scan(text: string, file: string): { readonly tokens: Token[]; readonly bare: string } {
  const spans = commentsIn(text, file);
  const tokens: Token[] = [];
  let comments: Scanned[] = [];
  let [at, line, lastLine, passed] = [0, 1, 1, 0];
  while (at < text.length) {
    const character = text[at] as string;
    const span = spans[passed];
    if (character === "\n") line++;
    if (character === " " || character === "\n" || character === "\t" || character === "\r") at++;
    else if (span?.from === at) {
      const comment = text.slice(at, span.to);
      const endLine = line + linesIn(comment);
      comments.push({ text: comment, line, endLine });
      [at, line] = [span.to, endLine];
      passed++;
    } else {
      const end = tokenEnd(text, at);
      tokens.push({ text: text.slice(at, end), line, comments, lastLine });
      [comments, lastLine, at] = [[], line, end];
    }
  }
  tokens.push({ text: "", line, comments, lastLine });
  return { tokens, bare: blanked(text, spans) };
}

/** No token that JSON knows goes over the end of its line. */
function tokenEnd(text: string, at: number): number {
  if (text[at] === '"') return stringEnd(text, at);
  WORD.lastIndex = at;
  return at + (WORD.exec(text)?.[0].length ?? 1);
}

// --- the tree; the JSON reader has said that the tokens are one document

interface Reader { readonly tokens: Token[]; at: number }

function next(reader: Reader): Token {
  return reader.tokens[reader.at] as Token;
}

function clean(comments: readonly Scanned[]): readonly Comment[] {
  return comments.map(({ text }) => text.replaceAll("\r", "").trimEnd());
}

/** The comments before the next token. */
function lead(reader: Reader): readonly Comment[] {
  return clean(next(reader).comments);
}

/** Comments in front of a token that ends a value: those on the line of the value are behind it. */
function split({ comments, lastLine }: Token): readonly [behind: readonly Comment[], rest: readonly Comment[]] {
  let count = 0;
  while (count < comments.length && comments[count]?.line === lastLine && comments[count]?.endLine === lastLine) count++;
  return [clean(comments.slice(0, count)), clean(comments.slice(count))];
}

function readValue(reader: Reader): Written {
  const { text } = next(reader);
  reader.at++;
  if (text === "{") return readMembers(reader);
  if (text === "[") return readItems(reader);
  return { kind: "atom", text };
}

function readMembers(reader: Reader): Written {
  const members: Member[] = [];
  let pending: readonly Comment[] = [];
  while (next(reader).text !== "}") {
    const before = [...pending, ...lead(reader)];
    const { text: key } = next(reader);
    reader.at++;
    before.push(...lead(reader));
    reader.at++;
    before.push(...lead(reader));
    const value = readValue(reader);
    const { behind, rest } = readEnd(reader);
    members.push({ before, key, name: JSON.parse(key) as string, value, behind });
    pending = rest;
  }
  const end = [...pending, ...(members.length === 0 ? lead(reader) : [])];
  reader.at++;
  return { kind: "object", members, end };
}

function readItems(reader: Reader): Written {
  const items: Piece[] = [];
  let pending: readonly Comment[] = [];
  while (next(reader).text !== "]") {
    const before = [...pending, ...lead(reader)];
    const value = readValue(reader);
    const { behind, rest } = readEnd(reader);
    items.push({ before, value, behind });
    pending = rest;
  }
  const end = [...pending, ...(items.length === 0 ? lead(reader) : [])];
  reader.at++;
  return { kind: "list", items, end };
}

/**
 * Reads over the comma after a value, if there is one. `rest` comes before whatever follows; after a comma it is only what stood
 * before the comma, for the following token still has its own comments.
 */
function readEnd(reader: Reader): { readonly behind: readonly Comment[]; readonly rest: readonly Comment[] } {
  const [behind, rest] = split(next(reader));
  if (next(reader).text !== ",") return { behind, rest };
  reader.at++;
  const following = next(reader);
  if (rest.length > 0) return { behind, rest };
  const [same] = split(following);
  const last = following.comments[same.length - 1];
  if (same.length === 0 || last === undefined || (following.comments.length === same.length && following.line === last.endLine)) return { behind, rest };
  reader.tokens[reader.at] = { ...following, comments: following.comments.slice(same.length) };
  return { behind: [...behind, ...same], rest };
}
