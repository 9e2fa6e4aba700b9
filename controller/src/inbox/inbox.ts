// Takes in what was sent through Git: each letter once, whatever is cut off in between; answers it, and removes it.

import { AosError, decodeRecord, isInput, type Blobs, type Host, type Journal, type JournalRecord } from "@agentos/kernel";
import { recordJson } from "../control/record-json.ts";
import type { SigningKey } from "../git/ed25519.ts";
import { parseOid, type Oid } from "../git/objects.ts";
import { deleteRef, listRefs, readRef } from "../git/refs.ts";
import type { Repo } from "../git/repo.ts";
import { appendSigned } from "../git/signed-ref.ts";
import type { ObjectStore } from "../git/store.ts";
import { push } from "../git/transport.ts";
import { parseTrust, principalOfKey, TRUST_PATH } from "../governance/trust.ts";
import type { Log } from "../reconcile/log.ts";
import { answerFiles, INBOX_PREFIX, letterName, OUTBOX_PREFIX, readAnswer, readLetter, type LetterAnswer, type ReadLetter } from "./letter.ts";
import { removeOldAnswers } from "./old-answers.ts";

export interface InboxOptions {
  readonly repo: Repo;
  /** Where letters come from, and answers go; undefined: this repository. */
  readonly remote: string | undefined;
  readonly store: ObjectStore;
  readonly host: Pick<Host, "submit" | "world">;
  readonly journal: Pick<Journal, "read">;
  readonly blobs: Pick<Blobs, "put">;
  readonly key: SigningKey;
  readonly principal: string;
  readonly log: Log;
  /** Milliseconds since 1970; the system's clock unless told. */
  readonly now?: () => number;
}

export interface Inbox {
  /** Looks at the letters that are there. @returns how many were answered */
  deliver(): Promise<number>;
  /** Removes answers that are old, once an hour at most. What fails is logged, and left for the next time. */
  tidy(): Promise<void>;
}

const TIDY_MS = 3_600_000;

/** How a record names who sent its event: by the letter, so that one letter is one event for ever. */
function senderOf(principal: string, letter: Oid): string {
  return `inbox:${principal}/${letter}`;
}

export function createInbox(options: InboxOptions): Inbox {
  const { repo, remote, store, host, log, now = Date.now } = options;
  let tidiedMs = -Infinity;
  /** What letters came to, by sender; read from the journal when the first letter comes. */
  let known: Map<string, readonly JournalRecord[]> | undefined;

  async function take(principal: string, commit: Oid): Promise<LetterAnswer> {
    const sender = senderOf(principal, commit);
    known ??= await taken(options.journal);
    const before = known.get(sender);
    if (before !== undefined) return { kind: "taken", letter: commit, records: before.map(recordJson) };
    const letter = await readLetter(store, commit);
    await requireSender(principal, letter);
    for (const bytes of letter.blobs) await options.blobs.put(bytes);
    const records = await host.submit({ schema: letter.schema, value: letter.value, key: letter.key, sender });
    known.set(sender, records);
    log("info", "event from the inbox", { by: principal, schema: letter.schema, seq: records[0]?.seq ?? 0 });
    return { kind: "taken", letter: commit, records: records.map(recordJson) };
  }

  /** The signature must be that of the principal whose name is in the ref, by the trust file in force. */
  async function requireSender(principal: string, letter: ReadLetter): Promise<void> {
    const no = (what: string): AosError => new AosError("inbox.refused", what, { class: "refused" });
    const { commit, id } = host.world;
    if (letter.world !== id) throw no(`it is for the world ${letter.world}, and this is ${id}`);
    const bytes = commit === undefined ? undefined : await store.readPath(parseOid(commit), TRUST_PATH);
    if (bytes === undefined) throw no("no control plane is in force yet");
    const signer = letter.signer === undefined ? undefined : principalOfKey(parseTrust(bytes), letter.signer);
    if (signer === undefined) throw no("nobody in the trust file in force signed it");
    if (signer.name !== principal) throw no(`${signer.name} signed it, and it came as ${principal}'s`);
    if (signer.kind !== "person" && signer.kind !== "agent") throw no(`${signer.name} is neither a person nor an agent`);
  }

  async function answer(name: { readonly principal: string; readonly id: string }, commit: Oid): Promise<void> {
    const outbox = `${OUTBOX_PREFIX}${name.principal}/${name.id}`;
    const there = await readRef(repo.commonDir, outbox);
    if (there === undefined || (await readAnswer(store, there)).letter !== commit) {
      const said = await take(name.principal, commit).catch((error: unknown): LetterAnswer => {
        if (!(error instanceof AosError) || error.class === "outside") throw error;
        return { kind: "refused", letter: commit, code: error.code, message: error.message };
      });
      await appendSigned({
        store, ref: outbox, key: options.key, identity: { name: options.principal, email: `${options.principal}@aos` }, message: `Answer ${commit}\n`,
        timeSeconds: Math.floor(now() / 1000), changes: { files: answerFiles(said) },
      });
    }
    const inbox = `${INBOX_PREFIX}${name.principal}/${name.id}`;
    if (remote !== undefined) await push(repo, remote, [`${outbox}:${outbox}`, `:${inbox}`]);
    await deleteRef(repo.commonDir, inbox, commit);
  }

  return {
    async deliver() {
      let count = 0;
      for (const [ref, commit] of await listRefs(repo.commonDir, INBOX_PREFIX)) {
        const name = letterName(ref);
        if (name === undefined || host.world.control === undefined) continue;
        try {
          await answer(name, commit);
          count++;
        } catch (error) {
          if (!(error instanceof AosError)) throw error;
          log("warn", "a letter could not be answered", { ref, code: error.code, problem: error.message });
        }
      }
      return count;
    },
    async tidy() {
      if (now() - tidiedMs < TIDY_MS) return;
      tidiedMs = now();
      try {
        const count = await removeOldAnswers({ repo, store, remote }, Math.floor(now() / 1000));
        if (count > 0) log("info", "old answers to letters removed", { count });
      } catch (error) {
        if (!(error instanceof AosError)) throw error;
        log("warn", "old answers to letters could not be removed", { code: error.code, problem: error.message });
      }
    },
  };
}

/** The turns that letters made, by sender. */
async function taken(journal: Pick<Journal, "read">): Promise<Map<string, readonly JournalRecord[]>> {
  const found = new Map<string, readonly JournalRecord[]>();
  for await (const { records } of journal.read(0)) {
    const turn = records.map(decodeRecord);
    const [first] = turn;
    if (first !== undefined && isInput(first) && (first.kind === "event" || first.kind === "rejected") && first.sender.startsWith("inbox:")) found.set(first.sender, turn);
  }
  return found;
}
