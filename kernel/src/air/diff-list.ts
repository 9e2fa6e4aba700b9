// Differences of lists and maps: what came, what went, what stayed.

import { compareText } from "./text.ts";

/** Above this many comparisons the two middles count as exchanged: a diff that long is read by nobody. */
const COMPARISONS_MAX = 1_000_000;

/** What is only in the one list or only in the other, with the index there: all but a longest common subsequence. */
export function listDiff<T>(before: readonly T[], after: readonly T[], key: (item: T) => string): { readonly removed: readonly Indexed<T>[]; readonly added: readonly Indexed<T>[] } {
  const [a, b] = [before.map(key), after.map(key)];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let [i, j] = [a.length, b.length];
  while (i > start && j > start && a[i - 1] === b[j - 1]) [i, j] = [i - 1, j - 1];
  const kept = commonOf(a.slice(start, i), b.slice(start, j));
  return {
    removed: before.slice(start, i).flatMap((item, at) => (kept.before.has(at) ? [] : [{ item, index: start + at }])),
    added: after.slice(start, j).flatMap((item, at) => (kept.after.has(at) ? [] : [{ item, index: start + at }])),
  };
}

/** Indexes of a longest common subsequence in each list. */
function commonOf(a: readonly string[], b: readonly string[]): { readonly before: ReadonlySet<number>; readonly after: ReadonlySet<number> } {
  const kept = { before: new Set<number>(), after: new Set<number>() };
  if (a.length * b.length > COMPARISONS_MAX) return kept;
  const lengths = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      (lengths[i] as number[])[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      kept.before.add(i++);
      kept.after.add(j++);
    } else if (at(i + 1, j) >= at(i, j + 1)) {
      i++;
    } else {
      j++;
    }
  }
  return kept;
}
interface Indexed<T> {
  readonly item: T;
  readonly index: number;
}

/** Names in either map, sorted, with what each has of it. */
export function pairs<V>(before: ReadonlyMap<string, V> | undefined, after: ReadonlyMap<string, V> | undefined): readonly { readonly name: string; readonly before: V | undefined; readonly after: V | undefined }[] {
  const names = [...new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])])].sort(compareText);
  return names.map((name) => ({ name, before: before?.get(name), after: after?.get(name) }));
}

/** Members only in the one set or only in the other, sorted. */
export function setDiff(before: Iterable<string>, after: Iterable<string>): { readonly removed: readonly string[]; readonly added: readonly string[] } {
  const a = new Set(before);
  const b = new Set(after);
  return { removed: [...a].filter((item) => !b.has(item)).sort(compareText), added: [...b].filter((item) => !a.has(item)).sort(compareText) };
}

/** Names in code marks, with commas. */
export function names(list: readonly string[]): string {
  return list.map((name) => `\`${name}\``).join(", ");
}
