// Reads and writes the byte level of the WebAssembly binary format: LEB128 numbers, names, sections.

import { AosError } from "../air/error.ts";
import { Type, isReference } from "./wasm-ops.ts";

/** Refuses a module; every refusal names the byte and the reason. */
export function refuse(offset: number, reason: string): never {
  throw new AosError("module.refused", `module: byte 0x${offset.toString(16)}: ${reason}`, { data: { offset } });
}

/** A cursor over the bytes of a module, or of a part of it; `pos` is always an offset into the whole module. */
export class Reader {
  readonly bytes: Uint8Array;
  pos: number;
  end: number;
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.pos = start;
    this.end = end;
  }

  byte(): number {
    if (this.pos >= this.end) refuse(this.pos, "ends too early");
    return this.bytes[this.pos++] as number;
  }

  /** Unsigned LEB128 of at most 32 bits. */
  u32(): number {
    const first = this.bytes[this.pos];
    if (first !== undefined && first < 0x80 && this.pos < this.end) {
      this.pos++;
      return first;
    }
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    return refuse(this.pos, "a number of more than 32 bits");
  }

  /** Signed LEB128 of at most 33 bits (a block type), or 32 (an i32 constant). */
  s33(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return byte & 0x40 ? value - 2 ** (shift + 7) : value;
    }
    return refuse(this.pos, "a number of more than 33 bits");
  }

  /** Steps over a LEB128 number of at most `bytesMax` bytes. */
  skipLeb(bytesMax: number): void {
    for (let i = 0; i < bytesMax; i++) if (this.byte() < 0x80) return;
    refuse(this.pos, "a number that is too long");
  }

  skip(count: number): void {
    if (count > this.end - this.pos) refuse(this.pos, "ends too early");
    this.pos += count;
  }

  name(): string {
    const size = this.u32();
    const start = this.pos;
    this.skip(size);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.bytes.subarray(start, this.pos));
    } catch {
      return refuse(start, "a name that is not UTF-8");
    }
  }
}

/** A value type that is admitted: numbers and plain references. */
export function readValueType(reader: Reader): number {
  const at = reader.pos;
  const type = reader.byte();
  if ((type >= Type.f64 && type <= Type.i32) || isReference(type)) return type;
  return refuse(at, type === 0x7b ? "SIMD is not admitted (a v128 type)" : `a value type that is not admitted (0x${type.toString(16)})`);
}

/** Grows as bytes are put into it. */
export class Writer {
  #bytes = new Uint8Array(1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The bytes so far; a view that the next write may outdate. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  clear(): void {
    this.#size = 0;
  }

  #room(count: number): void {
    if (this.#size + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#size + count));
    grown.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = grown;
  }

  byte(value: number): void {
    if (this.#size === this.#bytes.length) this.#room(1);
    this.#bytes[this.#size++] = value;
  }

  raw(source: Uint8Array, start = 0, end = source.length): void {
    const count = end - start;
    this.#room(count);
    if (count < 24) for (let i = 0; i < count; i++) this.#bytes[this.#size + i] = source[start + i] as number;
    else this.#bytes.set(source.subarray(start, end), this.#size);
    this.#size += count;
  }

  u32(value: number): void {
    if (value < 0x80) return this.byte(value);
    let rest = value;
    while (rest > 0x7f) {
      this.byte((rest % 128) | 0x80);
      rest = Math.floor(rest / 128);
    }
    this.byte(rest);
  }

  /** Signed LEB128 of an integer that is safe as a number. */
  s32(value: number): void {
    if (value >= 0 && value < 0x40) return this.byte(value);
    let rest = value;
    for (;;) {
      const low = ((rest % 128) + 128) % 128;
      rest = Math.floor(rest / 128);
      if ((rest === 0 && low < 0x40) || (rest === -1 && low >= 0x40)) {
        this.byte(low);
        return;
      }
      this.byte(low | 0x80);
    }
  }

  name(text: string): void {
    const utf8 = new TextEncoder().encode(text);
    this.u32(utf8.length);
    this.raw(utf8);
  }

  /** One section: its id, its size, its bytes. */
  section(id: number, body: Writer): void {
    this.byte(id);
    this.u32(body.size);
    this.raw(body.bytes());
  }
}

/** A module without the sections of these ids. */
export function withoutSections(bytes: Uint8Array, ids: readonly number[]): Uint8Array {
  const reader = new Reader(bytes, 8);
  const out = new Writer();
  out.raw(bytes, 0, 8);
  while (reader.pos < bytes.length) {
    const start = reader.pos;
    const id = reader.byte();
    reader.skip(reader.u32());
    if (!ids.includes(id)) out.raw(bytes, start, reader.pos);
  }
  return out.bytes().slice();
}
