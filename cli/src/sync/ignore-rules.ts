// Which files of a folder are left out: .gitignore files from the repository's top down, and the sync map's patterns, which win.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import ignore from "ignore";

type Rules = ReturnType<typeof ignore>;

/** The rules of one .gitignore file. */
interface Level {
  /** Folder of the file, from the repository's top; empty: the top. */
  readonly base: string;
  readonly rules: Rules;
}

/** A folder on the way down, and what its files inherit. */
export interface Place {
  /** From the repository's top; empty: the top. */
  readonly path: string;
  readonly ignored: boolean;
  /** Above or here .gitignore files left a folder out: they say nothing more of what is inside. */
  readonly settled: boolean;
  /** The same of the sync map's patterns: nothing inside is taken in again. */
  readonly closed: boolean;
  readonly levels: readonly Level[];
}

export interface IgnoreRules {
  /** The folder that is synced. */
  readonly top: Place;
  /** A folder inside of a place. */
  enter(place: Place, name: string): Place;
  isIgnored(place: Place, file: string): boolean;
  /** May something inside of an ignored folder be taken in again? */
  readonly reopens: boolean;
  /** A file by its path below the synced folder, which need not be on disk. */
  covers(path: string): boolean;
}

/** Never synced: git's own, and drafts of files that a pull is writing. */
export const DRAFT_PREFIX = ".aos-draft-";
export function isAlwaysIgnored(name: string): boolean {
  return name === ".git" || name.startsWith(DRAFT_PREFIX);
}

/**
 * @param folder.root - the top of the repository
 * @param folder.dir - the synced folder below it; `.` is the top itself. What is said of this folder as a whole counts for nothing:
 *   naming it in the sync map takes it in
 * @param folder.patterns - relative to `dir`
 */
export function ignoreRules(folder: { readonly root: string; readonly dir: string; readonly patterns: readonly string[] }): IgnoreRules {
  const { root, patterns } = folder;
  const start = folder.dir === "." ? "" : folder.dir;
  const own = ignore().add(patterns);
  const top: Place = { path: start, ignored: false, settled: false, closed: false, levels: levelsAbove(root, start) };
  const below = (path: string): string => (start === "" ? path : path.slice(start.length + 1));
  const places = new Map<string, Place>([["", top]]);

  function judge(place: Place, path: string): Pick<Place, "ignored" | "settled" | "closed"> {
    let byGit = place.ignored;
    if (!place.settled) for (const { base, rules } of place.levels) byGit = opinion(rules, base === "" ? path : path.slice(base.length + 1)) ?? byGit;
    const byMap = place.closed ? undefined : opinion(own, below(path));
    return { ignored: byMap ?? byGit, settled: place.settled || byGit, closed: place.closed || byMap === true };
  }

  const rules: IgnoreRules = {
    top,
    reopens: patterns.some((pattern) => pattern.startsWith("!")),
    enter(place, name) {
      const path = joined(place.path, name);
      if (isAlwaysIgnored(name)) return { path, ignored: true, settled: true, closed: true, levels: [] };
      return { path, ...judge(place, `${path}/`), levels: [...place.levels, ...levelAt(root, path)] };
    },
    isIgnored: (place, file) => isAlwaysIgnored(file) || judge(place, joined(place.path, file)).ignored,
    covers(path) {
      const names = path.split("/");
      const file = names.pop() ?? "";
      let place = top;
      for (const [index, name] of names.entries()) {
        const at = names.slice(0, index + 1).join("/");
        const known: Place = places.get(at) ?? rules.enter(place, name);
        places.set(at, known);
        place = known;
      }
      return rules.isIgnored(place, file);
    },
  };
  return rules;
}

/** What rules say of a path itself; undefined: nothing. A folder has a slash at its end. */
function opinion(rules: Rules, path: string): boolean | undefined {
  const { ignored, unignored } = rules.test(path);
  return ignored ? true : unignored ? false : undefined;
}

/** The rules of the synced folder and of those above it, but for those that leave the folder out as a whole. */
function levelsAbove(root: string, start: string): readonly Level[] {
  const names = start === "" ? [] : start.split("/");
  const found: Level[] = [];
  for (let depth = 0; depth <= names.length; depth++) found.push(...levelAt(root, names.slice(0, depth).join("/")));
  return found.filter(({ base, rules }) => {
    const path = base === "" ? start : start.slice(base.length + 1);
    return path === "" || !rules.test(`${path}/`).ignored;
  });
}

function levelAt(root: string, path: string): readonly Level[] {
  try {
    return [{ base: path, rules: ignore().add(readFileSync(join(root, path, ".gitignore"), "utf8")) }];
  } catch (error) {
    if (error instanceof Error && "code" in error && ["ENOENT", "ENOTDIR", "EISDIR"].includes(String(error.code))) return [];
    throw error;
  }
}

function joined(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}
