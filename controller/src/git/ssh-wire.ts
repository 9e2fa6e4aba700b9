// The SSH wire format (RFC 4251, section 5) as far as keys and signatures need it: u32 and length-prefixed strings.

/** A 32-bit unsigned integer, big-endian. */
export function wireU32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
}

/** `u32 length | bytes`; a text goes as UTF-8. */
export function wireString(value: Uint8Array | string): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value, "utf8") : value;
  return Buffer.concat([wireU32(bytes.length), bytes]);
}

type FieldKind = "u32" | "string";
type Fields<S extends readonly FieldKind[]> = { readonly [K in keyof S]: S[K] extends "u32" ? number : Uint8Array };

/**
 * Reads fields in the order of `shape` from the start of `bytes`.
 *
 * @returns the fields (views into `bytes`) and what follows them, or undefined when the bytes end too early
 */
export function readFields<const S extends readonly FieldKind[]>(
  bytes: Uint8Array,
  shape: S,
): { readonly fields: Fields<S>; readonly rest: Uint8Array } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields: (number | Uint8Array)[] = [];
  let at = 0;
  for (const kind of shape) {
    if (at + 4 > bytes.length) return undefined;
    const value = view.getUint32(at);
    at += 4;
    if (kind === "u32") {
      fields.push(value);
      continue;
    }
    if (at + value > bytes.length) return undefined;
    fields.push(bytes.subarray(at, at + value));
    at += value;
  }
  return { fields: fields as unknown as Fields<S>, rest: bytes.subarray(at) };
}

const KEY_TYPE = "ssh-ed25519";

/** A public key as SSH writes it: `string "ssh-ed25519" | string key`. */
export function encodePublicKey(publicKey: Uint8Array): Buffer {
  return Buffer.concat([wireString(KEY_TYPE), wireString(publicKey)]);
}

/** @returns the 32 bytes of an Ed25519 public key, or undefined for anything else */
export function decodePublicKey(blob: Uint8Array): Uint8Array | undefined {
  return decodeTagged(blob, 32);
}

/** A signature as SSH writes it: `string "ssh-ed25519" | string signature`. */
export function encodeSignature(signature: Uint8Array): Buffer {
  return Buffer.concat([wireString(KEY_TYPE), wireString(signature)]);
}

/** @returns the 64 bytes of an Ed25519 signature, or undefined for anything else */
export function decodeSignature(blob: Uint8Array): Uint8Array | undefined {
  return decodeTagged(blob, 64);
}

function decodeTagged(blob: Uint8Array, size: number): Uint8Array | undefined {
  const read = readFields(blob, ["string", "string"]);
  if (read === undefined || read.rest.length > 0) return undefined;
  const [type, value] = read.fields;
  return Buffer.from(type).toString("latin1") === KEY_TYPE && value.length === size ? value : undefined;
}
