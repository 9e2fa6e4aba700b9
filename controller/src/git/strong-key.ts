// Is a public key sound enough to stand for somebody? Pure, so that governance asks the same question as enrolment.

import { Point } from "@noble/ed25519";

/** Keys found sound, as Latin-1 text. The check costs milliseconds, and the keys of a trust file are asked about again and again. */
const sound = new Set<string>();
const SOUND_MAX = 1000;

/**
 * A canonical point of the prime-order group. Verifiers differ on others: such a key would be one person's word for some and
 * nobody's for the rest.
 */
export function isStrongKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false;
  const known = String.fromCharCode(...publicKey);
  if (sound.has(known)) return true;
  let point: Point;
  try {
    point = Point.fromBytes(publicKey);
  } catch {
    return false; // The one thing fromBytes throws for: the bytes are no canonical point.
  }
  if (point.isSmallOrder() || !point.isTorsionFree()) return false;
  if (sound.size >= SOUND_MAX) sound.clear();
  sound.add(known);
  return true;
}
