// The order of names and ids, which are ASCII: by their bytes.

export function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
