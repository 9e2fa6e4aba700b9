// A review: what one principal says about one head of a proposal, signed; and how many reviews become one opinion a person.

import { AosError, canonical, decodeBase64, encodeBase64, isHash, readJson } from "@agentos/kernel";
import type { Hash } from "@agentos/kernel";
import type { Oid } from "../git/objects.ts";
import { byName } from "./order.ts";
import { maybe, oneOf, readDocument, record, text, version, whole } from "./shape.ts";
import type { Shape } from "./shape.ts";

/** The SSHSIG namespace of reviews. */
export const REVIEW_NAMESPACE = "aos-review";
const REVIEW_MESSAGE_MAX = 4000;
const LINE_LENGTH_MAX = 65_536;

export type ReviewVerdict = "approve" | "request-changes" | "comment" | "dismiss";
export interface Review {
  readonly v: 1;
  readonly world: Hash;
  /** The proposal's slug: its branch without `refs/heads/proposals/`. */
  readonly proposal: string;
  /** The proposal's head as the reviewer saw it. */
  readonly head: Oid;
  readonly verdict: ReviewVerdict;
  /** What the review binds to, whatever commit carries it: cidOf what the reviewer saw. */
  readonly cid: Hash;
  /** At most 4,000 characters. */
  readonly message: string;
  /** Seconds since 1970, by the reviewer's clock; later ones of the same principal are greater. */
  readonly time: number;
  /** Of a review that a forge took: who gave it there, as the controller that signs this line saw it. Left out of a principal's own. */
  readonly via?: Via;
}
/** A review on a forge. */
interface Via {
  readonly forge: "github";
  /** Immutable id of the account. */
  readonly user: number;
  /** The forge's id of the review. */
  readonly review: number;
  /** Whose account it is, by the trust file. */
  readonly principal: string;
}
export interface SignedReview {
  readonly review: Review;
  /** SSHSIG blob over reviewBytes. */
  readonly sig: Uint8Array;
}

/** Checks a signature; returns the raw public key that made it, or undefined when it does not hold. */
export type VerifySshsig = (blob: Uint8Array, namespace: string, message: Uint8Array) => Uint8Array | undefined;

/** `raise-limit`, or for an agent's proposal `agent/<principal>/raise-limit`. */
export function isSlug(slug: string): boolean {
  return slug !== "agent" && /^(?:agent\/[a-z][a-z0-9-]{0,31}\/)?[a-z0-9][a-z0-9-]{0,63}$/.test(slug);
}

export const HASH_SHAPE: Shape<Hash> = text<Hash>(isHash, "sha256: and 64 lower-case hex digits");
export const OID_SHAPE: Shape<Oid> = text<Oid>((oid) => /^[0-9a-f]{40}$/.test(oid), "an object id (40 lower-case hex digits)");
export const SLUG_SHAPE = text(isSlug, "a proposal's name (lower-case letters, digits and -)");

const REVIEW_FIELDS = {
  v: version(1),
  world: HASH_SHAPE,
  proposal: SLUG_SHAPE,
  head: OID_SHAPE,
  verdict: oneOf("approve", "request-changes", "comment", "dismiss"),
  cid: HASH_SHAPE,
  message: text((message) => [...message].length <= REVIEW_MESSAGE_MAX, `at most ${REVIEW_MESSAGE_MAX} characters`),
  time: whole(0, Number.MAX_SAFE_INTEGER),
  via: maybe(
    record({
      forge: oneOf("github"),
      user: whole(1, Number.MAX_SAFE_INTEGER),
      review: whole(1, Number.MAX_SAFE_INTEGER),
      principal: text((name) => /^[a-z][a-z0-9-]{0,31}$/.test(name), "a principal's name"),
    }),
  ),
} as const;
export const REVIEW_SHAPE: Shape<Review> = record(REVIEW_FIELDS);
const SIGNED_SHAPE = record({ ...REVIEW_FIELDS, sig: text((sig) => sig !== "" && decodeBase64(sig) !== undefined, "base64") });

/** What a reviewer signs: the canonical CBOR of the review. */
export function reviewBytes({ v, world, proposal, head, verdict, cid, message, time, via }: Review): Uint8Array {
  return canonical({ v, world, proposal, head, verdict, cid, message, time, ...(via === undefined ? {} : { via: { ...via } }) });
}

/** One line of a note, without newline. */
export function encodeReview({ review, sig }: SignedReview): string {
  const { v, world, proposal, head, verdict, cid, message, time, via } = review;
  return JSON.stringify({ v, world, proposal, head, verdict, cid, message, time, ...(via === undefined ? {} : { via }), sig: encodeBase64(sig) });
}

/**
 * Reads one line of a note. The signature is not checked here.
 *
 * @param place - where the line is from, for errors
 * @throws AosError `review.invalid`, `json.syntax`
 */
export function parseReview(line: string, place: string): SignedReview {
  if (line.length > LINE_LENGTH_MAX) throw new AosError("review.invalid", `${place}: a line of ${line.length} characters is no review`);
  const found = readDocument(readJson(line, place), SIGNED_SHAPE, { code: "review.invalid", file: place, check: () => undefined });
  const { sig, ...review } = found;
  return { review, sig: decodeBase64(sig) ?? new Uint8Array() };
}

/** @returns the raw public key that signed the review, or undefined when the signature does not hold */
export function verifyReview({ review, sig }: SignedReview, verifySshsig: VerifySshsig): Uint8Array | undefined {
  return verifySshsig(sig, REVIEW_NAMESPACE, reviewBytes(review));
}

/** A review and the person who gave it. */
export interface Attributed {
  readonly principal: string;
  readonly review: Review;
}
/** A person's one opinion: the review that made it, and what came of it. */
export interface Opinion {
  readonly principal: string;
  /** `none`: only comments so far, or the last word was a dismissal. */
  readonly kind: "approve" | "request-changes" | "none";
  readonly review: Review;
}

/**
 * One opinion a person, sorted by name: the last approve, request-changes or dismiss, by time and then by position in the
 * list. A comment changes nothing. A dismissal is no opinion, and what it dismissed does not come back.
 */
export function collapseReviews(reviews: readonly Attributed[]): readonly Opinion[] {
  const ordered = reviews
    .map((entry, position) => ({ ...entry, position }))
    .sort((a, b) => a.review.time - b.review.time || a.position - b.position);
  const opinions = new Map<string, Opinion>();
  for (const { principal, review } of ordered) {
    const before = opinions.get(principal);
    if (review.verdict === "comment") {
      if (before === undefined) opinions.set(principal, { principal, kind: "none", review });
    } else {
      opinions.set(principal, { principal, kind: review.verdict === "dismiss" ? "none" : review.verdict, review });
    }
  }
  return [...opinions.values()].sort((a, b) => byName(a.principal, b.principal));
}
