// What AIR asks of text: its order, its length, and how a hash is spelled inside a value.

/**
 * Orders text by its UTF-8 bytes, which is the order of code points; the language's own `<` orders by UTF-16 units.
 *
 * @returns negative, zero or positive
 */
export function compareText(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index += 1) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return orderUnit(left) - orderUnit(right);
  }
  return a.length - b.length;
}

/** Lifts surrogates above the rest of the basic plane, where their code points are. */
function orderUnit(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Number of Unicode scalar values in well-formed text. */
export function scalarCount(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit >= 0xdc00 && unit < 0xe000) count -= 1;
  }
  return count;
}

/**
 * Whether text is spelled as a hash: `sha256:` and 64 hex digits. Inside values either case is read and kept verbatim, so
 * this is wider than the brand `Hash`.
 */
export function isHashText(text: string): boolean {
  return /^sha256:[0-9a-fA-F]{64}$/.test(text);
}
