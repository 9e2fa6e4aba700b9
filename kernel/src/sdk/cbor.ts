// Reads CBOR inside a module: the byte fields of a context or a capability check hold encoded values.

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

/**
 * The value of CBOR bytes: integers as number or bigint, bytes as Uint8Array, maps with text keys as objects and others as Map.
 * Floats are refused, tags are skipped.
 * @throws TypeError when the bytes are not one such value
 */
export function decodeCbor(bytes: Uint8Array): unknown {
  const cursor = { bytes, at: 0 };
  const value = item(cursor);
  if (cursor.at !== bytes.length) throw new TypeError(`cbor: ${bytes.length - cursor.at} bytes after the value`);
  return value;
}

function byte(cursor: Cursor): number {
  const value = cursor.bytes[cursor.at++];
  if (value === undefined) throw new TypeError("cbor: ends too early");
  return value;
}

/** The number in a head: number while exact, else bigint. */
function argument(cursor: Cursor, info: number): number | bigint {
  if (info < 24) return info;
  if (info > 27) throw new TypeError("cbor: a head that is not supported");
  let value = 0n;
  for (let i = 1 << (info - 24); i > 0; i--) value = value * 256n + BigInt(byte(cursor));
  return exact(value);
}

function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function take(cursor: Cursor, length: number | bigint): Uint8Array {
  const end = cursor.at + Number(length);
  if (end > cursor.bytes.length) throw new TypeError("cbor: ends too early");
  const part = cursor.bytes.slice(cursor.at, end);
  cursor.at = end;
  return part;
}

function item(cursor: Cursor): unknown {
  const head = byte(cursor);
  const major = head >> 5;
  if (major === 7) return simple(head & 0x1f);
  const value = argument(cursor, head & 0x1f);
  switch (major) {
    case 0:
      return value;
    case 1:
      return exact(-1n - BigInt(value));
    case 2:
      return take(cursor, value);
    case 3:
      return text(take(cursor, value));
    case 4: {
      const items: unknown[] = [];
      for (let i = 0; i < value; i++) items.push(item(cursor));
      return items;
    }
    case 5: {
      const entries: [unknown, unknown][] = [];
      for (let i = 0; i < value; i++) entries.push([item(cursor), item(cursor)]);
      return entries.every(([key]) => typeof key === "string") ? Object.fromEntries(entries) : new Map(entries);
    }
    default:
      return item(cursor);
  }
}

function simple(info: number): unknown {
  if (info === 20) return false;
  if (info === 21) return true;
  if (info === 22 || info === 23) return null;
  throw new TypeError("cbor: floats and simple values are not supported");
}

/** UTF-8 by hand: modules have no TextDecoder. */
function text(bytes: Uint8Array): string {
  let result = "";
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at++] ?? 0;
    const more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    let point = more === 0 ? first : first & (0x3f >> more);
    for (let i = 0; i < more; i++) point = point * 64 + ((bytes[at++] ?? 0) & 0x3f);
    result += String.fromCodePoint(point);
  }
  return result;
}
