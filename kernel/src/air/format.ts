// The one layout of AIR files: a diff of two versions shows what changed, and nothing else.

import type { Piece, Written, WrittenDocument } from "./format-read.ts";
import { readWritten } from "./format-read.ts";
import { ordered } from "./format-shape.ts";

const COLUMNS_MAX = 120;
const INDENT = "  ";

/**
 * Writes an AIR file in its stable form: keys in a fixed order a kind, two blanks a level, an object or list on one line where
 * it fits in 120 columns and holds no comment, the document itself always over several. Strings, numbers and the order of lists
 * stay as they are, so no hash changes; formatting twice changes nothing more. `//` and block comments stay with what they are
 * about, though no AIR file that holds one can be loaded.
 *
 * @param file - the name that errors carry
 * @returns the text, ending in one line break; of a blank file, nothing
 * @throws AosError `json.syntax`
 */
export function formatAir(text: string, file: string): string {
  if (text.trim() === "") return "";
  return formatWritten(readWritten(text, file));
}

/** Writes a document that was read, as {@link formatAir} does. */
export function formatWritten({ before, value, behind, after }: WrittenDocument): string {
  const root = ordered(value);
  const lines = [...before];
  if (root.kind === "atom") lines.push(root.text);
  else writeBroken(lines, root, { first: "", indent: "", last: "" });
  lines.push([lines.pop(), ...behind].join(" "), ...after);
  return `${lines.join("\n")}\n`;
}

/** `first` stands before the opening bracket, blanks included, `last` behind the closing one. */
interface Around {
  readonly first: string;
  readonly indent: string;
  readonly last: string;
}

/** A container over several lines. */
function writeBroken(lines: string[], value: Exclude<Written, { kind: "atom" }>, { first, indent, last }: Around): void {
  const [open, close] = value.kind === "object" ? "{}" : "[]";
  const pieces: readonly (Piece & { readonly key?: string })[] = value.kind === "object" ? value.members : value.items;
  if (pieces.length === 0 && value.end.length === 0) {
    lines.push(`${first}${open}${close}${last}`);
    return;
  }
  const inner = indent + INDENT;
  lines.push(first + open);
  for (const [index, piece] of pieces.entries()) writeMember(lines, piece, { indent: inner, comma: index < pieces.length - 1 ? "," : "" });
  for (const comment of value.end) lines.push(inner + comment);
  lines.push(`${indent}${close}${last}`);
}

function writeMember(lines: string[], piece: Piece & { readonly key?: string }, { indent, comma }: { readonly indent: string; readonly comma: string }): void {
  for (const comment of piece.before) lines.push(indent + comment);
  const first = `${indent}${piece.key === undefined ? "" : `${piece.key}: `}`;
  const last = `${comma}${piece.behind.map((comment) => ` ${comment}`).join("")}`;
  const flat = flatText(piece.value, COLUMNS_MAX - first.length - comma.length);
  if (flat !== undefined) lines.push(`${first}${flat}${last}`);
  else if (piece.value.kind !== "atom") writeBroken(lines, piece.value, { first, indent, last });
}

/** The value on one line; undefined where it has no room or a comment inside forbids it. Looks at no more than fits. An atom always fits. */
function flatText(value: Written, room: number): string | undefined {
  if (value.kind === "atom") return value.text;
  if (value.end.length > 0) return undefined;
  const pieces: readonly (Piece & { readonly key?: string })[] = value.kind === "object" ? value.members : value.items;
  if (pieces.length === 0) return value.kind === "object" ? "{}" : "[]";
  const [open, close] = value.kind === "object" ? ["{ ", " }"] : ["[", "]"];
  let text = open;
  for (const { before, behind, key, value: inner } of pieces) {
    if (before.length + behind.length > 0) return undefined;
    text += `${text.length > open.length ? ", " : ""}${key === undefined ? "" : `${key}: `}`;
    const flat = flatText(inner, room - text.length - close.length);
    if (flat === undefined || text.length + flat.length + close.length > room) return undefined;
    text += flat;
  }
  return text + close;
}
