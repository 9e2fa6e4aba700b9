// What CI says of a proposal, held against what the controllers computed: its signed note, or the file that a server's hook left beside the repository.

import { open } from "node:fs/promises";
import { join } from "node:path";
import { AosError, fromUtf8, hashValue, readJson, type Hash } from "@agentos/kernel";
import type { Oid } from "../git/objects.ts";
import type { Repo } from "../git/repo.ts";
import { judgeCiWord, stateIn, type ReportWord } from "../governance/ci-word.ts";
import { OID_SHAPE } from "../governance/review.ts";
import { anything, partial } from "../governance/shape.ts";
import { signerOf, type TrustInput } from "../governance/signer.ts";
import type { Local, ShadowFound } from "./forge.ts";
import { NOTE_BYTES_MAX } from "./local-reviews.ts";
import { consequencesHashOf } from "./report-facts.ts";

/** The merge that is spoken of. */
export interface Rehearsed {
  readonly world: Hash;
  readonly slug: string;
  readonly base: Oid;
  readonly head: Oid;
  readonly tree: Oid | null;
}

/** Where a server's hook leaves the report on a proposal, without `.json` or `.md`. */
export function hookReport({ commonDir }: Pick<Repo, "commonDir">, slug: string): string {
  return join(hookReports({ commonDir }), slug.replaceAll("/", "+"));
}

/** The folder of these. */
export function hookReports({ commonDir }: Pick<Repo, "commonDir">): string {
  return join(commonDir, "aos", "shadows", "reports");
}

/** A sentence for each CI whose report on this merge is not what controllers computed. Nothing while none of them has computed one. */
export async function ciFaults({ repo }: Pick<Local, "repo">, merge: Rehearsed, heard: { readonly trust: TrustInput; readonly entries: readonly ShadowFound[] }): Promise<readonly string[]> {
  const { own, ci } = wordsIn(merge, heard);
  if (own.length === 0) return [];
  const hook = await hookWord(repo, merge);
  return [...ci, ...(hook === undefined ? [] : [hook])].flatMap((word) => judgeCiWord(word, own) ?? []);
}

function wordsIn(merge: Rehearsed, { trust, entries }: { readonly trust: TrustInput; readonly entries: readonly ShadowFound[] }): { readonly own: readonly ReportWord[]; readonly ci: readonly ReportWord[] } {
  const own: ReportWord[] = [];
  const ci: ReportWord[] = [];
  for (const { key, claim, report } of entries) {
    const signer = signerOf(trust, key);
    if (!signer.known || claim.world !== merge.world || claim.head !== merge.head || claim.base !== merge.base || claim.tree !== merge.tree) continue;
    const word = { by: signer.name, report: claim.report, consequences: claim.consequences, state: stateIn(report) };
    if (signer.kind === "controller") own.push(word);
    else if (signer.kind === "ci") ci.push(word);
  }
  return { own, ci };
}

/** The words of controllers on a merge, the last one last. */
export function controllersWords(merge: Rehearsed, heard: { readonly trust: TrustInput; readonly entries: readonly ShadowFound[] }): readonly ReportWord[] {
  return wordsIn(merge, heard).own;
}

const FILE = partial({ base: OID_SHAPE, head: OID_SHAPE, report: anything });

/** What the hook says of this merge; undefined where it says nothing, or of another one. */
async function hookWord(repo: Pick<Repo, "commonDir">, { slug, base, head }: Rehearsed): Promise<ReportWord | undefined> {
  const file = `${hookReport(repo, slug)}.json`;
  const bytes = await readBounded(file);
  if (bytes === undefined) return undefined;
  try {
    const said = FILE(readJson(fromUtf8(bytes), file).json, "", () => undefined);
    if (said === undefined || said.base !== base || said.head !== head) return undefined;
    return { by: "the server's hook", report: hashValue(said.report), consequences: consequencesHashOf(said.report), state: stateIn(said.report) };
  } catch (cause) {
    if (cause instanceof AosError) return undefined;
    throw cause;
  }
}

async function readBounded(file: string): Promise<Uint8Array | undefined> {
  // Nothing hangs on it: a file that cannot be read says nothing.
  const handle = await open(file, "r").catch(() => undefined);
  try {
    return handle === undefined || (await handle.stat()).size > NOTE_BYTES_MAX ? undefined : await handle.readFile();
  } finally {
    await handle?.close();
  }
}
