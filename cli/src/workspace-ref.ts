// What a person calls a place in a workspace: `NAME[@VERSION][/PATH]`.

import { AosError, encodeName, isSegment, parsePath, parseWorkspaceName } from "@agentos/kernel";

export interface WorkspacePlace {
  readonly workspace: string;
  /** Undefined: the head. */
  readonly version: number | undefined;
  /** Undefined: the root. */
  readonly path: string | undefined;
}

/**
 * Reads a place. A slash at its end says nothing; a name with letters that a workspace has not, such as `café au lait.txt`,
 * is put into the spelling it has there.
 *
 * @throws AosError `cli.ref`, `tree.workspace_name`, `tree.path`, `tree.name`
 */
export function parsePlace(typed: string): WorkspacePlace {
  const text = typed.replace(/\/+$/, "");
  const [head = "", ...names] = text.split("/");
  const at = head.indexOf("@");
  const [name, digits] = at < 0 ? [head, undefined] : [head.slice(0, at), head.slice(at + 1)];
  if (name === "") throw new AosError("cli.ref", `${JSON.stringify(typed)}: the name of a workspace is missing`, { hint: HINT });
  if (digits !== undefined && !/^\d{1,15}$/.test(digits)) throw new AosError("cli.ref", `${typed}: ${JSON.stringify(digits)} is no version`, { hint: HINT });
  const path = names.length === 0 ? undefined : names.map((segment) => (segment === "" || isSegment(segment) ? segment : encodeName(segment))).join("/");
  parsePath(path);
  return { workspace: parseWorkspaceName(name), version: digits === undefined ? undefined : Number(digits), path };
}

const HINT = "a place is NAME[@VERSION][/PATH], such as notes, notes@3 or notes/src/main.ts";

/** A place whose path is wanted. @throws AosError `cli.ref` without one */
export function parseFilePlace(typed: string): WorkspacePlace & { readonly path: string } {
  const { path, ...place } = parsePlace(typed);
  if (path === undefined) throw new AosError("cli.ref", `${typed}: the path of a file in the workspace is missing`, { hint: HINT });
  return { ...place, path };
}

/** A workspace and nothing else. @throws AosError `cli.ref` */
export function parseName(typed: string): string {
  const { workspace, version, path } = parsePlace(typed);
  if (version !== undefined || path !== undefined) throw new AosError("cli.ref", `${typed}: expected the name of a workspace alone`, { hint: `such as ${workspace}` });
  return workspace;
}
