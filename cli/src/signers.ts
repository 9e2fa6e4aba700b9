// Who signed, by the trust file of a commit.

import { AosError } from "@agentos/kernel";
import { keyId, MERGERS, parseTrust, principalOfKey, TRUST_PATH, type ObjectStore, type Oid, type Principal, type SigningKey, type Trust } from "@agentos/controller";

/** The trust file of a commit; undefined when it has none. */
export async function readTrustOf(store: ObjectStore, commit: Oid): Promise<Trust | undefined> {
  const bytes = await store.readPath(commit, TRUST_PATH);
  return bytes === undefined ? undefined : parseTrust(bytes);
}

/** A name for people: the principal's, else what is known of the key. */
export function ownerOf(trust: Trust | undefined, publicKey: Uint8Array | undefined): string {
  if (publicKey === undefined) return "nobody (not signed)";
  const owner = trust === undefined ? undefined : principalOfKey(trust, publicKey);
  return owner?.name ?? `unknown key ${keyId(publicKey)}`;
}

/** The principal a private key speaks for. @throws AosError `trust.stranger` */
export function requirePrincipal(trust: Trust, key: SigningKey): Principal {
  const found = principalOfKey(trust, key.publicKey);
  if (found !== undefined) return found;
  throw new AosError("trust.stranger", `${keyId(key.publicKey)}: nobody on main has this key`, { hint: "use the key that .aos/trust.json names, with --key PATH, or propose a change of .aos/trust.json" });
}

/** The principal that what is pushed comes from. @throws AosError `trust.unknown_key` */
export function requireKnown(trust: Trust, key: SigningKey): Principal {
  const found = principalOfKey(trust, key.publicKey);
  if (found !== undefined) return found;
  throw new AosError("trust.unknown_key", "the key to sign with: nobody in .aos/trust.json has it", { hint: "name the right one with --key PATH or `git config aos.key PATH`" });
}

/** Who merges: agents and CI propose and report, they put nothing in force. @throws AosError `merge.kind`; as requirePrincipal */
export function requireMerger(trust: Trust, key: SigningKey): Principal {
  const principal = requirePrincipal(trust, key);
  if (MERGERS.includes(principal.kind)) return principal;
  throw new AosError("merge.kind", `${principal.name}: only persons and controllers merge, and its kind is ${principal.kind}`, { class: "refused", hint: "somebody else runs `aos merge`, or name another key with --key PATH" });
}
