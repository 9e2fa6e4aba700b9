// Opens a repository for the local forge.

import type { Oid } from "../git/objects.ts";
import { byBytes, listRefs, readRef } from "../git/refs.ts";
import { openRepo } from "../git/repo.ts";
import { openStore } from "../git/store.ts";
import type { Local, RefView } from "./forge.ts";

/**
 * @param options.env - inside a server hook: quarantine(), to see the objects of the push
 * @param options.moved - refs as they shall be seen, instead of as they are (null: gone): those that a push would move
 * @throws AosError `git.norepo`
 */
export async function openLocal(
  path: string,
  options: { readonly env?: Readonly<Record<string, string>>; readonly moved?: ReadonlyMap<string, Oid | null> } = {},
): Promise<Local & { close(): Promise<void> }> {
  const env = options.env ?? {};
  const repo = await openRepo(path, { env });
  const store = openStore(repo.gitDir, { env });
  return { repo, store, refs: refView(repo.gitDir, options.moved ?? new Map()), close: () => store.close() };
}

/** Refs on disk, but for those in `moved`. */
export function refView(gitDir: string, moved: ReadonlyMap<string, Oid | null>): RefView {
  return {
    async read(ref) {
      const at = moved.get(ref);
      return at === undefined ? readRef(gitDir, ref) : (at ?? undefined);
    },
    async list(prefix) {
      const found = new Map(await listRefs(gitDir, prefix));
      for (const [ref, at] of moved) {
        if (!ref.startsWith(prefix)) continue;
        if (at === null) found.delete(ref);
        else found.set(ref, at);
      }
      return new Map([...found].sort(([a], [b]) => byBytes(a, b)));
    },
  };
}
