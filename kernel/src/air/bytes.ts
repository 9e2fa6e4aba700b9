// Bytes: their order, and their text forms UTF-8 and hex.

import { AosError } from "./error.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * UTF-8 of a text, nothing normalised.
 * @throws AosError `air.value` when the text holds a lone surrogate
 */
export function utf8(text: string): Uint8Array {
  if (!isWellFormed(text)) throw new AosError("air.value", "text: a lone surrogate has no UTF-8 form");
  return encoder.encode(text);
}

/** Whether a text has a UTF-8 form, that is, holds no lone surrogate. */
export function isWellFormed(text: string): boolean {
  return !LONE_SURROGATE.test(text);
}

/**
 * Writes the UTF-8 of a text; three bytes a UTF-16 unit are always enough room. Returns the bytes written: as many as the text has
 * units where it is ASCII, more otherwise, a lone surrogate being the three of U+FFFD.
 */
export function utf8Into(text: string, target: Uint8Array): number {
  return encoder.encodeInto(text, target).written;
}

/**
 * The text of UTF-8 bytes; a byte order mark stays in it.
 * @throws AosError `air.utf8` when the bytes are not UTF-8
 */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new AosError("air.utf8", "bytes: not valid UTF-8", { cause });
  }
}

/** Whether two byte strings are the same. */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Lexicographic byte order: negative when `a` comes first, 0 only when equal. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
/** The character codes of a hash's digits: made into one flat text at once, hashes being what is written most. */
const digits: number[] = Array.from({ length: 64 }, () => 0);

/** Lower-case hex, two digits a byte. */
export function hex(bytes: Uint8Array): string {
  if (bytes.length !== 32) return hexOfAny(bytes);
  for (let i = 0; i < 32; i++) {
    const byte = bytes[i] as number;
    digits[2 * i] = digitCode(byte >> 4);
    digits[2 * i + 1] = digitCode(byte & 15);
  }
  return String.fromCharCode.apply(null, digits);
}

function hexOfAny(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i] as number];
  return text;
}

function digitCode(nibble: number): number {
  return nibble < 10 ? 0x30 + nibble : 0x57 + nibble;
}

/**
 * Bytes of a hex text, either case.
 * @throws AosError `air.hex`
 */
export function unhex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) throw new AosError("air.hex", "hex: expected pairs of hex digits");
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (digit(text.charCodeAt(2 * i)) << 4) | digit(text.charCodeAt(2 * i + 1));
  return bytes;
}

function digit(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57;
}
