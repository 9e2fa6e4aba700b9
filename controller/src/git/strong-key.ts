// Is a public key sound enough to stand for somebody? Pure, so that governance asks the same question as enrolment.

import { Point } from "@noble/ed25519";

/**
 * A canonical point of the prime-order group. Verifiers differ on others: such a key would be one person's word for some and
 * nobody's for the rest.
 */
export function isStrongKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false;
  let point: Point;
  try {
    point = Point.fromBytes(publicKey);
  } catch {
    return false; // The one thing fromBytes throws for: the bytes are no canonical point.
  }
  return !point.isSmallOrder() && point.isTorsionFree();
}
