// Who signed: signatures of commits and of lines in notes, as the fingerprints that trust files list.

import { AosError } from "@agentos/kernel";
import { verifyCommit } from "../git/objects.ts";
import type { Oid } from "../git/objects.ts";
import { sshsigVerify } from "../git/sshsig.ts";
import type { ObjectStore } from "../git/store.ts";
import type { VerifySshsig } from "../governance/review.ts";
import { keyId } from "../governance/ssh-key.ts";
import type { KeyId } from "../governance/ssh-key.ts";

export const verifySignature: VerifySshsig = (blob, namespace, message) => sshsigVerify(blob, namespace, message)?.publicKey;

/** The fingerprint of the key, or null where there is none. */
export function keyIdOf(publicKey: Uint8Array | undefined): KeyId | null {
  return publicKey === undefined ? null : keyId(publicKey);
}

/**
 * The key that signed a commit, or null.
 *
 * @throws AosError `git.missing`, `git.object`
 */
export async function commitSigner(store: ObjectStore, commit: Oid): Promise<KeyId | null> {
  const object = await store.read(commit);
  if (object === undefined) throw new AosError("git.missing", `${store.gitDir}: commit ${commit} is not there`, { class: "unverified" });
  return object.type === "commit" ? keyIdOf(verifyCommit(object.bytes)?.publicKey) : null;
}
