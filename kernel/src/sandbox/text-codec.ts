// UTF-8 for scripts in the engine, which has no TextEncoder of its own: put in its place when the border of a baked module is built.

/** What `air/bytes.ts` uses of the standard class. Texts are well-formed. */
export class TextEncoder {
  encode(text: string): Uint8Array {
    const bytes = new Uint8Array(text.length * 3);
    return bytes.slice(0, this.encodeInto(text, bytes).written);
  }

  encodeInto(text: string, target: Uint8Array): { readonly written: number } {
    let at = 0;
    for (let i = 0; i < text.length; i++) {
      const point = text.codePointAt(i) as number;
      if (point < 0x80) {
        target[at++] = point;
        continue;
      }
      const more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
      if (more === 3) i++;
      target[at++] = ((0xff00 >> (more + 1)) & 0xff) | (point >> (6 * more));
      for (let shift = 6 * (more - 1); shift >= 0; shift -= 6) target[at++] = 0x80 | ((point >> shift) & 0x3f);
    }
    return { written: at };
  }
}

/** Fatal, and a byte order mark stays: the only way `air/bytes.ts` makes one. */
export class TextDecoder {
  decode(bytes: Uint8Array): string {
    let text = "";
    for (let at = 0; at < bytes.length; ) {
      const first = bytes[at++] as number;
      if (first < 0x80) {
        text += String.fromCharCode(first);
        continue;
      }
      const more = first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : invalid();
      let point = first & (0x3f >> more);
      for (let i = 0; i < more; i++) {
        const next = bytes[at++];
        if (next === undefined || next >> 6 !== 2) invalid();
        else point = (point << 6) | (next & 0x3f);
      }
      // Overlong forms, halves of surrogate pairs, and what lies beyond the last character.
      if ((more === 2 && point < 0x800) || (more === 3 && (point < 0x10000 || point > 0x10ffff)) || (point >= 0xd800 && point < 0xe000)) invalid();
      text += String.fromCodePoint(point);
    }
    return text;
  }
}

function invalid(): never {
  throw new TypeError("not UTF-8");
}
