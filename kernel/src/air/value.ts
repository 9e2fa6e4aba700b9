// What an AIR value is in memory, and the brands that carry "already checked".

declare const brand: unique symbol;
export type Brand<T, B extends string> = T & { readonly [brand]: B };

/** SHA-256 of canonical bytes, written `sha256:` and 64 lower-case hex digits. */
export type Hash = Brand<string, "Hash">;
/** A definition's name and version, `namespace/name@version`, e.g. `demo/counter@1`. */
export type Name = Brand<string, "Name">;
/** Position of a record in one journal: 0 for the first, no gaps. */
export type Seq = Brand<number, "Seq">;

/** A number written with a fraction or exponent. No AIR type accepts it; raw documents may hold it. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/**
 * A decoded value. Integers are `number` while they are safe integers and `bigint` beyond (never both for one integer);
 * maps are `Map`, in any order: order exists in bytes only.
 */
export type Value = null | boolean | number | bigint | string | Uint8Array | Float | readonly Value[] | ValueMap;
export type ValueMap = ReadonlyMap<Value, Value>;

/** What the encoder takes: a Value, or plain objects for maps with text keys; a key whose value is `undefined` is left out. */
export type Encodable =
  | Value
  | readonly Encodable[]
  | ReadonlyMap<Encodable, Encodable>
  | { readonly [key: string]: Encodable | undefined };

/** The one spelling of an integer: `number` when safe, else `bigint`. */
export function integer(value: bigint): number | bigint {
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value;
}
