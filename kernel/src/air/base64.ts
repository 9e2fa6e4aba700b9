// Standard base64, strictly: padded, no whitespace, spare bits zero, so that one byte string has one spelling.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const DIGIT_OF = new Map([...ALPHABET].map((letter, digit) => [letter.charCodeAt(0), digit]));
const PAD = "=".charCodeAt(0);

/** @returns the bytes, or undefined when the text is not exactly what `encodeBase64` would write */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  let padding = 0;
  while (padding < 2 && text.charCodeAt(text.length - 1 - padding) === PAD) padding += 1;
  const digitCount = text.length - padding;
  const bytes = new Uint8Array(Math.floor((digitCount * 6) / 8));
  let bits = 0;
  let bitCount = 0;
  let at = 0;
  for (let index = 0; index < digitCount; index += 1) {
    const digit = DIGIT_OF.get(text.charCodeAt(index));
    if (digit === undefined) return undefined;
    bits = ((bits << 6) | digit) & 0xffff;
    bitCount += 6;
    if (bitCount >= 8) {
      bitCount -= 8;
      bytes[at] = (bits >> bitCount) & 0xff;
      at += 1;
    }
  }
  const spare = bits & ((1 << bitCount) - 1);
  return spare === 0 ? bytes : undefined;
}

/** Padded standard base64; the empty text for no bytes. */
export function encodeBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(at, at + 3);
    const bits = (a << 16) | (b << 8) | c;
    const left = bytes.length - at;
    text += letter(bits >> 18) + letter(bits >> 12) + (left > 1 ? letter(bits >> 6) : "=") + (left > 2 ? letter(bits) : "=");
  }
  return text;
}

function letter(bits: number): string {
  return ALPHABET.charAt(bits & 63);
}
