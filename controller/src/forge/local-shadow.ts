// Shadow reports kept in the repository: a note on the proposal's head, readable, with signed claims.

import { AosError, fromUtf8, hashValue, jsonOf, utf8 } from "@agentos/kernel";
import type { Json } from "@agentos/kernel";
import type { Oid } from "../git/objects.ts";
import type { SigningKey } from "../git/ed25519.ts";
import { noteFor } from "../git/notes.ts";
import { appendSigned } from "../git/signed-ref.ts";
import { sshsigSign } from "../git/sshsig.ts";
import type { ShadowClaim } from "../governance/decision.ts";
import { SHADOW_NAMESPACE, encodeShadow, parseShadowNote, shadowClaimBytes, verifyShadowClaim } from "../governance/shadow-claim.ts";
import { keyId } from "../governance/ssh-key.ts";
import type { Local, ShadowsRead } from "./forge.ts";
import { NOTE_BYTES_MAX } from "./local-reviews.ts";
import { keyIdOf, verifySignature } from "./signatures.ts";

export const SHADOW_REF = "refs/notes/aos-shadow";

const NOTHING: ShadowsRead = { entries: [], faults: [] };

/** The reports on a head, as they stand in its note: the last one of each reporter, in the order in which they came. */
export async function readShadowNote(local: Local, head: Oid): Promise<ShadowsRead> {
  const tip = await local.refs.read(SHADOW_REF);
  return tip === undefined ? NOTHING : readNote(local, tip, head);
}

async function readNote({ store }: Local, tip: Oid, head: Oid): Promise<ShadowsRead> {
  const place = `shadow note on ${head.slice(0, 12)}`;
  const blob = await noteFor(store, (await store.readCommit(tip)).tree, head);
  if (blob === undefined) return NOTHING;
  const bytes = await store.readBlob(blob);
  if (bytes.length > NOTE_BYTES_MAX) return { entries: [], faults: [`${place}: ${bytes.length} bytes are more than it may have`] };
  let text: string;
  try {
    text = fromUtf8(bytes);
  } catch (cause) {
    if (!(cause instanceof AosError)) throw cause;
    return { entries: [], faults: [`${place}: it is not UTF-8`] };
  }
  const { entries, faults } = parseShadowNote(text, place);
  return { entries: entries.map((entry) => ({ ...entry, key: keyIdOf(verifyShadowClaim(entry, verifySignature)) })), faults };
}

interface ShadowDraft {
  /** Markdown for people. */
  readonly summary: string;
  readonly claim: Omit<ShadowClaim, "v">;
  /** The whole report as JSON; `claim.report` is the hash of it. */
  readonly report: Json;
}
interface ShadowWriter {
  readonly key: SigningKey;
  readonly principal: string;
  /** Seconds since 1970. */
  readonly timeSeconds: number;
}

const ATTEMPTS_MAX = 5;

/**
 * Signs a claim and puts it with its report into the note of its head, in place of this key's earlier one.
 *
 * @returns the commit, or undefined when the note says just that already
 * @throws AosError `shadow.hash` when the claim names another report; `shadow.size`; `shadow.raced` (class outside)
 */
export async function writeShadowNote(local: Local, draft: ShadowDraft, writer: ShadowWriter): Promise<Oid | undefined> {
  const { store } = local;
  const report = jsonOf(draft.report);
  const claim: ShadowClaim = { v: 1, ...draft.claim };
  if (hashValue(report) !== claim.report) throw new AosError("shadow.hash", "shadow report: it is not the one that the claim names by its hash");
  const entry = encodeShadow(draft.summary, { claim, sig: sshsigSign(writer.key, SHADOW_NAMESPACE, shadowClaimBytes(claim)), report });
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const tip = await local.refs.read(SHADOW_REF);
    const before = tip === undefined ? NOTHING : await readNote(local, tip, claim.head);
    if (before.entries.some(({ lines }) => lines === entry)) return undefined;
    const others = before.entries.filter(({ key }) => key !== keyId(writer.key.publicKey)).map(({ lines }) => lines);
    const note = utf8(`${[...others, entry].join("\n\n")}\n`);
    if (note.length > NOTE_BYTES_MAX) throw new AosError("shadow.size", `shadow report: ${note.length} bytes are more than a note may have (${NOTE_BYTES_MAX})`);
    const appended = await appendSigned({
      store,
      ref: SHADOW_REF,
      key: writer.key,
      identity: { name: writer.principal, email: `${writer.principal}@aos` },
      message: `shadow report on ${claim.head.slice(0, 12)}\n\nReport: ${claim.report}\nConsequences: ${claim.consequences}\n`,
      timeSeconds: writer.timeSeconds,
      changes: { notes: new Map([[claim.head, note]]), entries: new Map() },
      expected: tip ?? null,
    });
    if (appended.kind === "updated") return appended.commit;
  }
  throw new AosError("shadow.raced", `${SHADOW_REF}: another process writes there all the time`, { class: "outside" });
}
