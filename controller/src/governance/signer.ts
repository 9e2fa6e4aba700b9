// Who says what: signatures to principals, by a trust file as far as decisions need it.

import type { Hash } from "@agentos/kernel";
import type { Oid } from "../git/objects.ts";
import type { Review } from "./review.ts";
import type { KeyId } from "./ssh-key.ts";
import type { PrincipalKind, RetiredKey, Role, Trust } from "./trust.ts";

/** A trust file as far as decisions need it. */
export interface TrustInput {
  readonly hash: Hash;
  readonly principals: readonly { readonly name: string; readonly kind: PrincipalKind; readonly keys: readonly KeyId[]; readonly github?: number }[];
  readonly retired: readonly RetiredKey[];
  /** Left out where the trust file names none. */
  readonly roles?: readonly Role[];
  readonly merges?: "forge";
}
/** A review as it was found. A null key is a signature that is absent or does not hold. */
export interface ReviewInput {
  readonly review: Review;
  readonly key: KeyId | null;
  /** Base64 of the SSHSIG blob. */
  readonly sig: string;
  /** The principal in whose notes the review stands; of one that a forge took, the principal whom the witness names. */
  readonly notes: string;
  /** The commit that put it there, and who signed that. */
  readonly commit: Oid;
  readonly commitKey: KeyId | null;
}
/** A trust file as an input of decisions. */
export function trustInput(trust: Trust, hash: Hash): TrustInput {
  return {
    hash,
    principals: trust.principals.map(({ name, kind, keys, github }) => ({ name, kind, keys: keys.map(({ id }) => id), ...(github === undefined ? {} : { github }) })),
    retired: trust.retired.map(({ key, principal, fromSeq }) => ({ key, principal, fromSeq })),
    ...(trust.roles.length === 0 ? {} : { roles: trust.roles }),
    ...(trust.merges === undefined ? {} : { merges: trust.merges }),
  };
}

export type Signer =
  | { readonly known: true; readonly name: string; readonly kind: PrincipalKind }
  | { readonly known: false; readonly name: string; readonly why: string };

/** Whose key this is, or why it is nobody's. */
export function signerOf(trust: TrustInput, key: KeyId | null): Signer {
  if (key === null) return { known: false, name: "nobody", why: "its signature does not hold" };
  const retired = trust.retired.find((entry) => entry.key === key);
  if (retired !== undefined) return { known: false, name: retired.principal, why: `it is signed by a retired key of ${retired.principal} (${key})` };
  const owner = trust.principals.find(({ keys }) => keys.includes(key));
  if (owner === undefined) return { known: false, name: key, why: `it is signed by a key that nobody here has (${key})` };
  return { known: true, name: owner.name, kind: owner.kind };
}

/**
 * Who gave a review: the principal in whose notes it stands, provided that they signed it and put it there themselves; or the
 * principal whose account on a forge gave it, provided that a controller witnessed it and put it there.
 *
 * @returns the principal, or why nobody gave it
 */
export function attribute(trust: TrustInput, { review, notes, key, commit, commitKey }: ReviewInput): { readonly principal: string; readonly kind: PrincipalKind } | { readonly why: string } {
  const signer = signerOf(trust, key);
  if (!signer.known) return { why: `the review does not count: ${signer.why}` };
  if (review.via !== undefined) return witnessed(trust, { via: review.via, notes, signer, commit, writer: signerOf(trust, commitKey) });
  if (signer.name !== notes) return { why: `the review is signed by ${signer.name}, but stands in the notes of ${notes}` };
  const writer = signerOf(trust, commitKey);
  if (!writer.known || writer.name !== notes) return { why: `the review was put there by commit ${short(commit)}, which ${notes} did not sign` };
  return { principal: notes, kind: signer.kind };
}

interface Witnessed {
  readonly via: NonNullable<Review["via"]>;
  readonly notes: string;
  readonly signer: Extract<Signer, { known: true }>;
  readonly commit: Oid;
  readonly writer: Signer;
}

function witnessed(trust: TrustInput, { via, notes, signer, commit, writer }: Witnessed): ReturnType<typeof attribute> {
  if (signer.kind !== "controller") return { why: `the review on GitHub is witnessed by ${signer.name}, ${article(signer.kind)}: only a controller witnesses` };
  if (!writer.known || writer.name !== signer.name) return { why: `the review was put there by commit ${short(commit)}, which ${signer.name} did not sign` };
  const principal = trust.principals.find(({ github }) => github === via.user);
  if (principal === undefined) return { why: `account ${via.user} of GitHub is no principal of this world` };
  if (principal.name !== notes || via.principal !== notes) return { why: `the review is of account ${via.user} of GitHub, which is ${principal.name}'s, not ${notes}'s` };
  return { principal: principal.name, kind: principal.kind };
}

const ARTICLES: Readonly<Record<PrincipalKind, string>> = { person: "a person", agent: "an agent", ci: "a CI", controller: "a controller" };

/** A kind with its article, for sentences. */
export function article(kind: PrincipalKind): string {
  return ARTICLES[kind];
}

/** An object id for people. */
export function short(oid: Oid): string {
  return oid.slice(0, 12);
}
