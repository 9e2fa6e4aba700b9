// The report to show: one that this controller computed, in the words in which it wrote it down.

import { fromUtf8 } from "@agentos/kernel";
import type { Oid } from "../../git/objects.ts";
import { parseShadowNote } from "../../governance/shadow-claim.ts";
import { keyId } from "../../governance/ssh-key.ts";
import { readShadowNote, SHADOW_REF } from "../local-shadow.ts";
import { noteHistory } from "../note-history.ts";
import { commitSigner } from "../signatures.ts";
import type { Witness } from "./witness.ts";

/**
 * The Markdown of this controller's report on a merge result; undefined while there is none. A claim is signed and the words
 * above it are not: words count that came in a commit of this controller's, so that nobody's words stand above its claim.
 */
export async function ownReport({ local, key }: Pick<Witness, "key" | "local">, merge: { readonly base: Oid; readonly head: Oid; readonly tree: Oid | null }): Promise<string | undefined> {
  const own = keyId(key.publicKey);
  const tip = await local.refs.read(SHADOW_REF);
  if (tip === undefined) return undefined;
  const { entries } = await readShadowNote(local, merge.head);
  const wanted = entries.filter((entry) => entry.key === own && entry.claim.tree === merge.tree && entry.claim.base === merge.base).map(({ lines }) => lines);
  if (wanted.length === 0) return undefined;
  let found: string | undefined;
  // A commit of ours holds under our key what we wrote and nothing else: an entry of our key that others brought gives way to it.
  for (const { commit, blob } of await noteHistory(local.repo, tip, { target: merge.head })) {
    if ((await commitSigner(local.store, commit)) !== own) continue;
    const { entries: written } = parseShadowNote(fromUtf8(await local.store.readBlob(blob)), "note");
    found = written.map(({ lines }) => lines).findLast((lines) => wanted.includes(lines)) ?? found;
  }
  return found?.slice(0, found.lastIndexOf("\n\naos-shadow 1 "));
}
