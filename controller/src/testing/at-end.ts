// What is to be done at the end of a test, in the right order.

/** Where ends are registered: a test's context is one. */
export interface AtEnd {
  after(end: () => Promise<void>): void;
}

const ends = new WeakMap<AtEnd, (() => unknown)[]>();

/** At the end of a test, the last first, unlike hooks of node:test: what works in a folder is stopped before the folder goes. */
export function atEnd(t: AtEnd, act: () => unknown): void {
  const known = ends.get(t);
  if (known !== undefined) {
    known.push(act);
    return;
  }
  const acts = [act];
  ends.set(t, acts);
  t.after(async () => {
    for (const one of acts.reverse()) await one();
  });
}
