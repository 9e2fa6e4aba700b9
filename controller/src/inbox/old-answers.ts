// Removes answers that nobody has fetched for days: whoever waited for one is gone, and the journal has what came of the letter.

import { AosError } from "@agentos/kernel";
import type { Oid } from "../git/objects.ts";
import { listRefs } from "../git/refs.ts";
import { gitIn, type Repo } from "../git/repo.ts";
import type { ObjectStore } from "../git/store.ts";
import { lsRemote, push } from "../git/transport.ts";
import { ANSWER_KEPT_SECONDS, OUTBOX_PREFIX } from "./letter.ts";

/** The clock of a guarded server, which judges by its own, may be behind by this much. */
const SLACK_SECONDS = 3_600;
/** Deleted in one push; a server takes no more refs than a thousand in one. */
const BATCH = 500;
const TIMEOUT_MS = 60_000;

interface OldAnswers {
  readonly repo: Repo;
  readonly store: ObjectStore;
  /** Where the answers went; undefined: they are in this repository alone. */
  readonly remote: string | undefined;
}

/**
 * Removes the answers that are older than they need to be, from the remote first. One that its reader has removed from the remote
 * is removed here too.
 *
 * @returns how many are gone
 * @throws AosError `git.*`: what is left is for the next time
 */
export async function removeOldAnswers({ repo, store, remote }: OldAnswers, nowSeconds: number): Promise<number> {
  const answers = await listRefs(repo.commonDir, OUTBOX_PREFIX);
  if (answers.size === 0) return 0;
  const there = remote === undefined ? answers : await lsRemote(repo, remote, { patterns: [`${OUTBOX_PREFIX}*`], timeoutMs: TIMEOUT_MS });
  const read = [...answers].filter(([ref]) => !there.has(ref));
  const old: (readonly [string, Oid])[] = [];
  for (const [ref, oid] of answers) if (there.get(ref) === oid && (await isOldAnswer(store, oid, nowSeconds - SLACK_SECONDS))) old.push([ref, oid]);
  await deleteHere(repo, read);
  for (let at = 0; at < old.length; at += BATCH) {
    const batch = old.slice(at, at + BATCH);
    if (remote !== undefined) await push(repo, remote, batch.map(([ref]) => `:${ref}`), { timeoutMs: TIMEOUT_MS });
    await deleteHere(repo, batch);
  }
  return read.length + old.length;
}

/** Has an answer been there for as long as it is kept? By the time that the controller signed it at. */
export async function isOldAnswer(store: ObjectStore, answer: Oid, nowSeconds: number): Promise<boolean> {
  try {
    return (await store.readCommit(answer)).committer.time + ANSWER_KEPT_SECONDS <= nowSeconds;
  } catch (error) {
    if (error instanceof AosError && error.class !== "outside") return false;
    throw error;
  }
}

async function deleteHere(repo: Repo, refs: readonly (readonly [string, Oid])[]): Promise<void> {
  if (refs.length === 0) return;
  await gitIn(repo, ["update-ref", "--no-deref", "--stdin"], { stdin: refs.map(([ref, oid]) => `delete ${ref} ${oid}\n`).join("") });
}
