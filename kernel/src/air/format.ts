// The one layout of AIR files: a diff of two versions shows what changed, and nothing else.

import type { Comment, Piece, Written } from "./format-read.ts";
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
  const { before, value, behind, after } = readWritten(text, file);
  const root = ordered(value);
  const body = root.kind === "atom" ? root.text : broken(root, "");
  return [...before, [body, ...behind].join(" "), ...after].join("\n") + "\n";
}

/** A container over several lines, the first without its indentation. */
function broken(value: Exclude<Written, { kind: "atom" }>, indent: string): string {
  const [open, close] = value.kind === "object" ? "{}" : "[]";
  const pieces: readonly (Piece & { readonly key?: string })[] = value.kind === "object" ? value.members : value.items;
  if (pieces.length === 0 && value.end.length === 0) return `${open}${close}`;
  const inner = indent + INDENT;
  const lines = pieces.map((piece, index) => member(piece, { indent: inner, comma: index < pieces.length - 1 ? "," : "" }));
  return [open, ...lines, ...value.end.map((comment) => inner + comment), `${indent}${close}`].join("\n");
}

function member(piece: Piece & { readonly key?: string }, { indent, comma }: { readonly indent: string; readonly comma: string }): string {
  const key = piece.key === undefined ? "" : `${piece.key}: `;
  const before = piece.before.map((comment) => `${indent}${comment}\n`).join("");
  const room = COLUMNS_MAX - indent.length - key.length - comma.length;
  const flat = flatText(piece.value);
  const value = piece.value.kind === "atom" || (flat !== undefined && flat.length <= room) ? flat : broken(piece.value, indent);
  return `${before}${indent}${key}${value}${comma}${behindText(piece.behind)}`;
}

function behindText(comments: readonly Comment[]): string {
  return comments.map((comment) => ` ${comment}`).join("");
}

/** The value on one line; undefined where a comment inside forbids it. */
function flatText(value: Written): string | undefined {
  if (value.kind === "atom") return value.text;
  if (value.end.length > 0) return undefined;
  const pieces: readonly (Piece & { readonly key?: string })[] = value.kind === "object" ? value.members : value.items;
  const parts: string[] = [];
  for (const { before, behind, key, value: inner } of pieces) {
    const text = before.length + behind.length > 0 ? undefined : flatText(inner);
    if (text === undefined) return undefined;
    parts.push(key === undefined ? text : `${key}: ${text}`);
  }
  if (parts.length === 0) return value.kind === "object" ? "{}" : "[]";
  return value.kind === "object" ? `{ ${parts.join(", ")} }` : `[${parts.join(", ")}]`;
}
