// Files by path, told as what differs from others: what is the same costs nothing, however many there are.

/** @param changes - by path: the file as it is, undefined where it is gone */
export interface FilesOver<T> extends ReadonlyMap<string, T> {
  readonly over: { readonly base: ReadonlyMap<string, T>; readonly changes: ReadonlyMap<string, T | undefined> };
}

const NONE: ReadonlyMap<string, undefined> = new Map();

/** `base` with these changes; those of `base` come first, and new ones after them. */
export function filesOver<T>(base: ReadonlyMap<string, T>, changes: ReadonlyMap<string, T | undefined>): ReadonlyMap<string, T> {
  if (changes.size === 0) return base;
  if (base.size === 0) return new Map([...changes].filter((change): change is [string, T] => change[1] !== undefined));
  const inner = overOf(base);
  if (inner.changes.size > 0) return filesOver(inner.base, new Map([...inner.changes, ...changes]));
  let size = base.size;
  for (const [path, file] of changes) size += Number(file !== undefined) - Number(base.has(path));

  function* entries(): MapIterator<[string, T]> {
    for (const [path, file] of base) {
      const now = changes.has(path) ? changes.get(path) : file;
      if (now !== undefined) yield [path, now];
    }
    for (const [path, file] of changes) if (file !== undefined && !base.has(path)) yield [path, file];
    return undefined;
  }
  function* mapped<R>(of: (path: string, file: T) => R): MapIterator<R> {
    for (const [path, file] of entries()) yield of(path, file);
    return undefined;
  }

  const files: FilesOver<T> = {
    over: { base, changes }, size,
    get: (path) => (changes.has(path) ? changes.get(path) : base.get(path)),
    has: (path) => (changes.has(path) ? changes.get(path) !== undefined : base.has(path)),
    forEach(call) {
      for (const [path, file] of entries()) call(file, path, files);
    },
    entries, keys: () => mapped((path) => path), values: () => mapped((_, file) => file), [Symbol.iterator]: entries,
  };
  return files;
}

function overOf<T>(files: ReadonlyMap<string, T>): FilesOver<T>["over"] {
  return "over" in files ? (files as FilesOver<T>).over : { base: files, changes: NONE };
}

/** Are they the same files, each by what `same` says of two? */
export function sameFiles<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>, same: (one: T | undefined, other: T | undefined) => boolean): boolean {
  if (a.size !== b.size) return false;
  const paths = overOf(a).base === overOf(b).base ? differingPaths(a, b) : a.keys();
  for (const path of paths) if (!same(a.get(path), b.get(path))) return false;
  return true;
}

/** Every path at which two may differ, each once; where both say what differs from the same, what they say of it. */
export function differingPaths<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>): ReadonlySet<string> {
  if (a === b) return new Set();
  const [first, second] = [overOf(a), overOf(b)];
  const [left, right] = first.base === second.base ? [first.changes, second.changes] : [a, b];
  const paths = new Set(left.keys());
  for (const path of right.keys()) paths.add(path);
  return paths;
}
