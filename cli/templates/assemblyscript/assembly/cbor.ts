// As much CBOR as a small module needs: finds fields of a map where it lies, and writes values into a buffer that grows.

/** A place in memory where values are read one after the other. Malformed input ends in a trap, as every error of a module does. */
export class Reader {
  constructor(
    private at: usize,
    private readonly end: usize,
  ) {}

  /** Another reader of the same place: reading moves a reader on. */
  copy(): Reader {
    return new Reader(this.at, this.end);
  }

  /** The major type of what comes next, 0 to 7; the tag that says "this is CBOR" is passed over. */
  major(): u8 {
    this.need(1);
    while (load<u8>(this.at) >> 5 == 6) this.head();
    return load<u8>(this.at) >> 5;
  }

  isNull(): bool {
    this.need(1);
    return load<u8>(this.at) == 0xf6;
  }

  uint(): u64 {
    this.expect(0);
    return this.head();
  }

  text(): string {
    this.expect(3);
    const length = this.length();
    const start = this.at;
    this.skipBytes(length);
    return String.UTF8.decodeUnsafe(start, length);
  }

  /** A reader of what a byte string holds. */
  bytes(): Reader {
    this.expect(2);
    const length = this.length();
    const start = this.at;
    this.skipBytes(length);
    return new Reader(start, start + length);
  }

  /**
   * Reads a map with text keys and goes to the value of one.
   * @returns a reader of that value; null when the map does not have the key
   */
  field(name: string): Reader | null {
    this.expect(5);
    const fields = this.head();
    let found: Reader | null = null;
    for (let index: u64 = 0; index < fields; index++) {
      const key = this.text();
      if (key == name) found = new Reader(this.at, this.end);
      this.skip();
    }
    return found;
  }

  /** Passes over one value, whatever it is. */
  skip(): void {
    const major = this.major();
    const simple = major == 7 ? load<u8>(this.at) & 31 : 0;
    const count = this.head();
    assert(major != 7 || simple < 28, "no values of unknown length");
    if (major == 2 || major == 3) this.skipBytes(<usize>count);
    for (let index: u64 = 0; major == 4 && index < count; index++) this.skip();
    for (let index: u64 = 0; major == 5 && index < 2 * count; index++) this.skip();
  }

  private expect(major: u8): void {
    assert(this.major() == major, "a value of another kind");
  }

  private length(): usize {
    const length = this.head();
    assert(length <= <u64>(this.end - this.at), "a text or byte string beyond the end");
    return <usize>length;
  }

  /** The argument of the next head. */
  private head(): u64 {
    this.need(1);
    const info = load<u8>(this.at) & 31;
    this.at++;
    if (info < 24) return info;
    assert(info < 28, "no lengths that are not said");
    const bytes: usize = 1 << (info - 24);
    this.need(bytes);
    let value: u64 = 0;
    for (let index: usize = 0; index < bytes; index++) value = (value << 8) | load<u8>(this.at + index);
    this.at += bytes;
    return value;
  }

  private skipBytes(count: usize): void {
    this.need(count);
    this.at += count;
  }

  private need(count: usize): void {
    assert(count <= this.end - this.at, "the input ends early");
  }
}

/** Writes values one after the other. Maps are written in the order given: the host brings a state into canonical order. */
export class Writer {
  private readonly out: Array<u8> = [];

  get length(): i32 {
    return this.out.length;
  }

  /** Where the bytes lie, for as long as nothing more is written. */
  get start(): usize {
    return this.out.dataStart;
  }

  uint(value: u64): Writer {
    return this.head(0, value);
  }

  text(value: string): Writer {
    const bytes = String.UTF8.encode(value);
    this.head(3, bytes.byteLength);
    return this.raw(changetype<usize>(bytes), bytes.byteLength);
  }

  bytes(value: Writer): Writer {
    this.head(2, value.length);
    return this.raw(value.start, value.length);
  }

  null(): Writer {
    this.out.push(0xf6);
    return this;
  }

  list(count: i32): Writer {
    return this.head(4, count);
  }

  map(count: i32): Writer {
    return this.head(5, count);
  }

  private head(major: u8, value: u64): Writer {
    const kind = major << 5;
    if (value < 24) {
      this.out.push(kind | <u8>value);
      return this;
    }
    const size = value < 0x100 ? 0 : value < 0x10000 ? 1 : value < 0x100000000 ? 2 : 3;
    this.out.push(kind | <u8>(24 + size));
    for (let shift = (8 << size) - 8; shift >= 0; shift -= 8) this.out.push(<u8>(value >> shift));
    return this;
  }

  private raw(start: usize, length: i32): Writer {
    for (let index = 0; index < length; index++) this.out.push(load<u8>(start + index));
    return this;
  }
}
