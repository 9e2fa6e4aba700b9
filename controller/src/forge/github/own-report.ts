// The report to show: one that a controller computed, in the words in which it wrote it down.

import { fromUtf8 } from "@agentos/kernel";
import type { Oid } from "../../git/objects.ts";
import { parseShadowNote } from "../../governance/shadow-claim.ts";
import type { KeyId } from "../../governance/ssh-key.ts";
import { readShadowNote, SHADOW_REF } from "../local-shadow.ts";
import { noteHistory } from "../note-history.ts";
import { commitSigner } from "../signatures.ts";
import type { Local } from "../forge.ts";

/**
 * The Markdown of a controller's report on a merge result; undefined while there is none. A claim is signed and the words above
 * it are not: words count that came in a commit of the same key, so that nobody else's words stand above a controller's claim.
 */
export async function ownReport(local: Local, key: KeyId, merge: { readonly base: Oid; readonly head: Oid; readonly tree: Oid | null }): Promise<string | undefined> {
  const tip = await local.refs.read(SHADOW_REF);
  if (tip === undefined) return undefined;
  const { entries } = await readShadowNote(local, merge.head);
  const wanted = entries.filter((entry) => entry.key === key && entry.claim.tree === merge.tree && entry.claim.base === merge.base).map(({ lines }) => lines);
  if (wanted.length === 0) return undefined;
  let found: string | undefined;
  // A controller's own commit holds under its key what it wrote and nothing else: an entry of its key that others brought gives way.
  for (const { commit, blob } of await noteHistory(local.repo, tip, { target: merge.head })) {
    if ((await commitSigner(local.store, commit)) !== key) continue;
    const { entries: written } = parseShadowNote(fromUtf8(await local.store.readBlob(blob)), "note");
    found = written.map(({ lines }) => lines).findLast((lines) => wanted.includes(lines)) ?? found;
  }
  return found?.slice(0, found.lastIndexOf("\n\naos-shadow 1 "));
}
