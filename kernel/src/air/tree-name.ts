// File names between disk and workspace: any UTF-8 name has one spelling in a workspace, and every spelling one name.

import { fromUtf8, hex, isWellFormed, unhex, utf8 } from "./bytes.ts";
import { AosError } from "./error.ts";

const PLAIN = /^[A-Za-z0-9._-][A-Za-z0-9._~-]*$/;

/**
 * The name a workspace has for one name on disk: the same where it is made of letters, digits and `. _ ~ -` and does not begin
 * with `~`; else `~` and the upper-case hex of its UTF-8.
 *
 * @throws AosError `tree.name` for an empty name, `.`, `..`, one with a slash or a zero byte, or one that has no UTF-8
 */
export function encodeName(name: string): string {
  if (!isFileName(name)) throw new AosError("tree.name", `file name: ${JSON.stringify(name)} cannot be a name in a workspace`);
  return PLAIN.test(name) ? name : `~${hex(utf8(name)).toUpperCase()}`;
}

/**
 * The name on disk that a workspace name stands for.
 *
 * @throws AosError `tree.name` for anything `encodeName` does not write: no two workspace names stand for one name on disk, and none
 *   for a way out of the folder
 */
export function decodeName(name: string): string {
  const decoded = name.startsWith("~") ? textOf(name) : name;
  if (decoded === undefined || !isFileName(decoded) || encodeName(decoded) !== name) {
    throw new AosError("tree.name", `workspace name: ${JSON.stringify(name)} stands for no file name`, {
      hint: "a name is letters, digits and . _ ~ -, or ~ and the upper-case hex of its UTF-8 bytes",
    });
  }
  return decoded;
}

/** A relative path on disk, `/` between its names, as a workspace path. @throws as `encodeName`; an empty path has no names */
export function encodePath(path: string): string {
  return path.split("/").map(encodeName).join("/");
}

/** A workspace path as a relative path on disk. @throws as `decodeName` */
export function decodePath(path: string): string {
  return path.split("/").map(decodeName).join("/");
}

function isFileName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name) && isWellFormed(name);
}

function textOf(name: string): string | undefined {
  try {
    return fromUtf8(unhex(name.slice(1)));
  } catch (error) {
    if (error instanceof AosError) return undefined;
    throw error;
  }
}
