// Workspaces for people: listings as `ls` shows them, versions as `git log` does, and real file names throughout.

import { AosError, decodeName, type trees } from "@agentos/kernel";
import type { VersionRow, WorkspaceRow } from "@agentos/controller";
import { brief, columns, short, shown, type Style } from "./style.ts";
import { span } from "./ago.ts";

/** A path in a workspace under the names that its files really have, for a terminal. */
export function realPath(path: string): string {
  return shown(path.split("/").map(realName).join("/"));
}

function realName(name: string): string {
  try {
    return decodeName(name);
  } catch (error) {
    if (error instanceof AosError) return name;
    throw error;
  }
}

interface ListingView {
  readonly style: Style;
  readonly layout: "names" | "long";
  /** How wide the terminal is; undefined: one name a line. */
  readonly width: number | undefined;
}

/** Entries by their paths. */
export function listingLines(entries: readonly Omit<trees.TreeEntry & { readonly path: string }, "name">[], { style, layout, width }: ListingView): readonly string[] {
  const names = entries.map(({ path, kind, mode }) => {
    const name = realPath(path);
    return kind === "dir" ? `${style.bold(style.cyan(name))}/` : mode === 0o755 ? style.green(name) : name;
  });
  if (layout === "names") return width === undefined ? names : grid(names, entries.map(({ path, kind }) => [...realPath(path)].length + (kind === "dir" ? 1 : 0)), width);
  const sizes = entries.map(({ kind, size }) => (kind === "dir" ? "-" : String(size)));
  const widest = Math.max(0, ...sizes.map((size) => size.length));
  return columns(entries.map(({ kind, mode, hash }, at) => [`${kind === "dir" ? "d" : "-"}${mode === 0o755 ? "rwxr-xr-x" : "rw-r--r--"}`, (sizes[at] ?? "").padStart(widest), style.dim(short(hash).slice("sha256:".length)), names[at] ?? ""]));
}

/** As many columns as fit, filled downwards. */
function grid(cells: readonly string[], widths: readonly number[], width: number): readonly string[] {
  for (let columnCount = Math.min(cells.length, Math.floor((width + 2) / 3)); columnCount > 1; columnCount--) {
    const rows = Math.ceil(cells.length / columnCount);
    const starts = Array.from({ length: Math.ceil(cells.length / rows) }, (_, column) => column * rows);
    const wide = starts.map((start) => Math.max(...widths.slice(start, start + rows)));
    if (wide.reduce((sum, each) => sum + each + 2, -2) > width) continue;
    return Array.from({ length: rows }, (_, row) => starts.map((start, column) => {
      const at = start + row;
      const cell = cells[at] ?? "";
      return column === starts.length - 1 ? cell : cell + " ".repeat((wide[column] ?? 0) - (widths[at] ?? 0));
    }).join("  ").trimEnd());
  }
  return cells;
}

export function workspaceLines(rows: readonly WorkspaceRow[], { style, nowMs }: { readonly style: Style; readonly nowMs: number }): readonly string[] {
  if (rows.length === 0) return ["the world has no workspaces"];
  return columns(rows.map(({ workspace, version, owner, created }) => [style.bold(shown(workspace)), style.yellow(`@${version}`), brief(owner, 40), `${span(created, nowMs)} ago`]));
}

export interface LogRow extends VersionRow {
  readonly message: string | undefined;
}

/** Versions as `git log` prints commits. */
export function versionLines(workspace: string, rows: readonly LogRow[], style: Style): readonly string[] {
  return rows.flatMap(({ version, root, owner, created, message }, at) => [
    ...(at === 0 ? [] : [""]),
    style.yellow(`version ${shown(workspace)}@${version}`),
    `Root:   ${root}`,
    `Author: ${shown(owner)}`,
    `Date:   ${created}`,
    ...(message === undefined ? [] : ["", ...message.trimEnd().split("\n").map((line) => `    ${shown(line)}`)]),
  ]);
}

export function briefVersionLines(rows: readonly LogRow[], style: Style): readonly string[] {
  return columns(rows.map(({ version, created, owner, message, root }) => [style.yellow(`@${version}`), created.slice(0, 10), brief(owner, 30), message === undefined ? style.dim(short(root)) : brief(message.split("\n")[0] ?? "", 72)]));
}

/** A file, a directory or the root. */
export function statLines(row: { readonly place: string; readonly kind: string; readonly size: number; readonly mode: number; readonly hash: string; readonly annotations: readonly string[] }, style: Style): readonly string[] {
  return columns([
    [style.dim("place"), shown(row.place)], [style.dim("kind"), row.kind], ...(row.kind === "file" ? [[style.dim("size"), String(row.size)]] : []), [style.dim("mode"), row.mode.toString(8).padStart(4, "0")],
    [style.dim("hash"), row.hash], ...(row.annotations.length === 0 ? [] : [[style.dim("annotations"), row.annotations.map(shown).join(", ")]]),
  ]);
}
