// Which files of a folder are left out: .gitignore files from the repository's top down, and the sync map's patterns, which win.

import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ignore from "ignore";
import { DRAFT_PREFIX } from "./drafts.ts";

/**
 * What rules say of a path itself, whose folders they do not leave out; undefined: nothing. A folder has a slash at its end.
 */
type Rules = (path: string) => boolean | undefined;

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

/** Never synced: git's own, and drafts of files that are being written. */
export function isAlwaysIgnored(name: string): boolean {
  return (name.length === 4 && name.toLowerCase() === ".git") || name.startsWith(DRAFT_PREFIX);
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
  const own = rulesOf(patterns);
  const top: Place = { path: start, ignored: false, settled: false, closed: false, levels: levelsAbove(root, start) };
  const below = (path: string): string => (start === "" ? path : path.slice(start.length + 1));
  const places = new Map<string, Place>([["", top]]);

  function byGit({ ignored, settled, levels }: Place, path: string): boolean {
    let out = ignored;
    if (!settled) for (const { base, rules } of levels) out = rules(base === "" ? path : path.slice(base.length + 1)) ?? out;
    return out;
  }

  function byMap({ closed }: Place, path: string): boolean | undefined {
    return closed || own === undefined ? undefined : own(below(path));
  }

  function judge(place: Place, path: string): Pick<Place, "ignored" | "settled" | "closed"> {
    const [gits, maps] = [byGit(place, path), byMap(place, path)];
    return { ignored: maps ?? gits, settled: place.settled || gits, closed: place.closed || maps === true };
  }

  function isOut(place: Place, path: string): boolean {
    return byMap(place, path) ?? byGit(place, path);
  }

  /** Is nothing said of what is inside that is not said of the folder? */
  const isSilent = (place: Place): boolean => (place.settled || place.levels.length === 0) && (place.closed || own === undefined);

  const rules: IgnoreRules = {
    top,
    reopens: patterns.some((pattern) => pattern.startsWith("!")),
    enter(place, name) {
      const path = joined(place.path, name);
      if (isAlwaysIgnored(name)) return { path, ignored: true, settled: true, closed: true, levels: [] };
      return { path, ...judge(place, `${path}/`), levels: [...place.levels, ...levelAt(root, path)] };
    },
    isIgnored: (place, file) => isAlwaysIgnored(file) || (isSilent(place) ? place.ignored : isOut(place, joined(place.path, file))),
    covers(path) {
      const cut = path.lastIndexOf("/");
      return rules.isIgnored(placeOf(path.slice(0, Math.max(0, cut))), path.slice(cut + 1));
    },
  };

  function placeOf(folder: string): Place {
    const known = places.get(folder);
    if (known !== undefined) return known;
    const cut = folder.lastIndexOf("/");
    const place = rules.enter(placeOf(folder.slice(0, Math.max(0, cut))), folder.slice(cut + 1));
    places.set(folder, place);
    return place;
  }

  return rules;
}

/** A pattern that is a name, or the end of a name, for files and folders or (with a slash) for folders alone. */
const NAME_PATTERN = /^(\*?)([A-Za-z0-9._-]+)(\/?)$/;

/** The rules of these lines, as git reads them wherever they are read; undefined: there is none. */
function rulesOf(lines: readonly string[]): Rules | undefined {
  const patterns = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (patterns.length === 0) return undefined;
  const names = patterns.map((pattern) => NAME_PATTERN.exec(pattern));
  if (names.every((found) => found !== null)) return nameRules(names.map(([, star, name = "", slash]) => ({ name, part: star === "" ? "all" : "end", of: slash === "" ? "any" : "folder" })));
  const rules = ignore({ ignorecase: false }).add(patterns);
  return (path) => {
    const { ignored, unignored } = rules.test(path);
    return ignored ? true : unignored ? false : undefined;
  };
}

interface NamePattern {
  readonly name: string;
  readonly part: "all" | "end";
  readonly of: "any" | "folder";
}

/** Most rules are as simple as that, and there are many files. */
function nameRules(patterns: readonly NamePattern[]): Rules {
  const rulesFor = (kind: "file" | "folder"): ((name: string) => boolean) => {
    const own = patterns.filter((pattern) => pattern.of === "any" || kind === "folder");
    const [whole, ends] = [new Set(own.filter(({ part }) => part === "all").map(({ name }) => name)), own.filter(({ part }) => part === "end").map(({ name }) => name)];
    return (name) => whole.has(name) || ends.some((end) => name.endsWith(end));
  };
  const [file, folder] = [rulesFor("file"), rulesFor("folder")];
  return (path) => {
    const isFolder = path.endsWith("/");
    const name = path.slice(path.lastIndexOf("/", path.length - 2) + 1, isFolder ? -1 : undefined);
    return (isFolder ? folder : file)(name) ? true : undefined;
  };
}

/** The rules of the synced folder and of those above it, but for those that leave the folder out as a whole. */
function levelsAbove(root: string, start: string): readonly Level[] {
  const names = start === "" ? [] : start.split("/");
  const found: Level[] = [];
  for (let depth = 0; depth <= names.length; depth++) found.push(...levelAt(root, names.slice(0, depth).join("/")));
  return found.filter(({ base, rules }) => {
    const path = base === "" ? start : start.slice(base.length + 1);
    return path === "" || rules(`${path}/`) !== true;
  });
}

function levelAt(root: string, path: string): readonly Level[] {
  const file = join(root, path, ".gitignore");
  try {
    // Most folders have none, and an error is dear.
    if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return [];
    const rules = rulesOf(readFileSync(file, "utf8").split(/\r?\n/));
    return rules === undefined ? [] : [{ base: path, rules }];
  } catch (error) {
    if (error instanceof Error && "code" in error && ["ENOENT", "ENOTDIR", "EISDIR"].includes(String(error.code))) return [];
    throw error;
  }
}

function joined(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}
