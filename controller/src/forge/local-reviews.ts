// Reviews kept in the repository: one signed line each, in the notes of the principal who gave it.

import { AosError, encodeBase64, fromUtf8, utf8 } from "@agentos/kernel";
import { parseCommit } from "../git/objects.ts";
import type { Oid } from "../git/objects.ts";
import type { SigningKey } from "../git/ed25519.ts";
import { noteFor } from "../git/notes.ts";
import { appendSigned } from "../git/signed-ref.ts";
import { sshsigSign } from "../git/sshsig.ts";
import { REVIEW_NAMESPACE, encodeReview, parseReview, reviewBytes, verifyReview } from "../governance/review.ts";
import type { Review, SignedReview } from "../governance/review.ts";
import type { ReviewInput } from "../governance/signer.ts";
import { isPrincipalName } from "../governance/trust.ts";
import type { Local, ReviewLines } from "./forge.ts";
import { noteHistory } from "./note-history.ts";
import type { NoteVersion } from "./note-history.ts";
import { commitSigner, keyIdOf, verifySignature } from "./signatures.ts";

export const REVIEWS_PREFIX = "refs/notes/aos-reviews-";
export const NOTE_BYTES_MAX = 8 << 20;

/**
 * Every line that was ever put into the notes of reviews and is wanted: by name of the principal, then in the order in which
 * commits brought them. A line that a later commit took out again is still there: one withdraws a review by a review.
 */
export async function readReviewLines(local: Local, query: { readonly target?: Oid; readonly wanted: (review: Review) => boolean }): Promise<ReviewLines> {
  const lines: ReviewInput[] = [];
  const faults: { readonly notes: string; readonly why: string }[] = [];
  const unreadable: { readonly notes: string; readonly why: string }[] = [];
  for (const [ref, tip] of await local.refs.list(REVIEWS_PREFIX)) {
    const notes = ref.slice(REVIEWS_PREFIX.length);
    if (!isPrincipalName(notes)) {
      faults.push({ notes, why: "no principal can be called so" });
      continue;
    }
    try {
      const versions = await noteHistory(local.repo, tip, query.target === undefined ? {} : { target: query.target });
      const read = await readVersions(local, versions, { notes, wanted: query.wanted });
      lines.push(...read.lines);
      faults.push(...read.faults.map((why) => ({ notes, why })));
    } catch (cause) {
      if (!isDamage(cause)) throw cause;
      unreadable.push({ notes, why: `their history is damaged (${cause.code})` });
    }
  }
  return { lines, faults, unreadable };
}

/** What is wrong with the repository's contents, not with git or the disk. */
function isDamage(cause: unknown): cause is AosError {
  return cause instanceof AosError && (cause.class === "unverified" || cause.code === "git.failed");
}

interface VersionsRead {
  readonly lines: readonly ReviewInput[];
  readonly faults: readonly string[];
}

async function readVersions(
  { store }: Local,
  versions: readonly NoteVersion[],
  query: { readonly notes: string; readonly wanted: (review: Review) => boolean },
): Promise<VersionsRead> {
  const lines: ReviewInput[] = [];
  const faults: string[] = [];
  const known = new Set<string>();
  const firstTime = (key: string): boolean => known.size !== known.add(key).size;
  for (const { commit, target, blob } of versions) {
    const fault = (what: string): void => {
      if (firstTime(`${target} ${what}`)) faults.push(`commit ${commit.slice(0, 12)}, note on ${target.slice(0, 12)}: ${what}`);
    };
    for (const text of textLines(await store.readBlob(blob), fault)) {
      const signed = readLine(text, fault);
      if (signed === undefined || !query.wanted(signed.review)) continue;
      if (signed.review.head !== target) {
        fault(`a review of ${signed.review.head.slice(0, 12)}`);
        continue;
      }
      // Nobody can spoil a person's line by writing it down first: until the line's own key brings it, each commit that does counts anew.
      if (known.has(`${target} ${text}`)) continue;
      const line = inputOf(signed, { notes: signed.review.via?.principal ?? query.notes, commit, commitKey: await commitSigner(store, commit) });
      if (line.key !== null && line.key === line.commitKey) known.add(`${target} ${text}`);
      if (firstTime(`${target} ${line.commitKey} ${text}`)) lines.push(line);
    }
  }
  return { lines, faults };
}

function textLines(bytes: Uint8Array, fault: (what: string) => void): readonly string[] {
  if (bytes.length > NOTE_BYTES_MAX) {
    fault(`${bytes.length} bytes are more than a note of reviews may have`);
    return [];
  }
  try {
    return fromUtf8(bytes).split("\n").filter((line) => line.trim() !== "");
  } catch (cause) {
    if (!(cause instanceof AosError)) throw cause;
    fault("it is not UTF-8");
    return [];
  }
}

function readLine(text: string, fault: (what: string) => void): SignedReview | undefined {
  try {
    return parseReview(text, "line");
  } catch (cause) {
    if (!(cause instanceof AosError)) throw cause;
    fault(cause.message);
    return undefined;
  }
}

function inputOf(signed: SignedReview, place: Pick<ReviewInput, "notes" | "commit" | "commitKey">): ReviewInput {
  return { review: signed.review, key: keyIdOf(verifyReview(signed, verifySignature)), sig: encodeBase64(signed.sig), ...place };
}

/** What a reviewer says, before it is signed. */
type ReviewDraft = Omit<Review, "v" | "time">;

interface ReviewWriter {
  readonly key: SigningKey;
  readonly principal: string;
  /** Seconds since 1970. A review is dated later where that is needed to follow the writer's last one. */
  readonly timeSeconds: number;
}

/** How often a review is written anew because the same person's other tool was quicker. */
const ATTEMPTS_MAX = 5;

/**
 * Signs a review and appends it to the writer's notes, in a signed commit.
 *
 * @throws AosError `review.raced` (class outside) when others keep moving the ref; as appendSigned
 */
export async function writeReview(local: Local, draft: ReviewDraft, writer: ReviewWriter): Promise<{ readonly review: SignedReview; readonly commit: Oid }> {
  const { store, refs } = local;
  const ref = `${REVIEWS_PREFIX}${writer.principal}`;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const tip = await refs.read(ref);
    const signed = sign({ v: 1, ...draft, time: await laterThanTip(local, tip, writer.timeSeconds) }, writer.key);
    const old = tip === undefined ? undefined : await noteFor(store, (await store.readCommit(tip)).tree, draft.head);
    const before = old === undefined ? "" : fromUtf8(await store.readBlob(old)).replace(/\n*$/, "\n");
    const appended = await appendSigned({
      store,
      ref,
      key: writer.key,
      identity: { name: writer.principal, email: `${writer.principal}@aos` },
      message: `${draft.verdict} ${draft.proposal} at ${draft.head.slice(0, 12)}\n`,
      timeSeconds: signed.review.time,
      changes: { notes: new Map([[draft.head, utf8(`${before}${encodeReview(signed)}\n`)]]), entries: new Map() },
      expected: tip ?? null,
    });
    if (appended.kind === "updated") return { review: signed, commit: appended.commit };
  }
  throw new AosError("review.raced", `${ref}: another process writes there all the time`, { class: "outside" });
}

/** The tip is dated no earlier than any review below it, since a review and its commit have one date. */
async function laterThanTip({ store }: Local, tip: Oid | undefined, timeSeconds: number): Promise<number> {
  const object = tip === undefined ? undefined : await store.read(tip);
  return object === undefined ? timeSeconds : Math.max(timeSeconds, parseCommit(object.bytes).committer.time + 1);
}

function sign(review: Review, key: SigningKey): SignedReview {
  const checked = parseReview(encodeReview({ review, sig: Uint8Array.of(0) }), "review").review;
  return { review: checked, sig: sshsigSign(key, REVIEW_NAMESPACE, reviewBytes(checked)) };
}
