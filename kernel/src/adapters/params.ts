// The params of an effect, read field by field: canonical bytes in, checked values out.

import { canonical, decode } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import { parseHash } from "../air/hash.ts";
import { isMap } from "../air/value-path.ts";
import type { Encodable, Hash, Value, ValueMap } from "../air/value.ts";
import type { AdapterCall, AdapterResult } from "../ports.ts";

/** Each reader throws AosError `effect.params` for a value of another kind; `maybe` readers give undefined for null and absent ones. */
export interface Params {
  text(field: string): string;
  maybeText(field: string): string | undefined;
  /** @throws AosError `air.hash` too, for a text that is no hash */
  hash(field: string): Hash;
  bytes(field: string): Uint8Array;
  maybeBytes(field: string): Uint8Array | undefined;
  nat(field: string): bigint;
  maybeNat(field: string): bigint | undefined;
  pairs(field: string): ValueMap;
  maybeRecord(field: string): Params | undefined;
}

/**
 * Answers a call that costs nothing: what `run` makes is the payload; an AosError is an `error` without payload, its code the
 * receipt's.
 */
export async function answerCall(call: AdapterCall, run: (params: Params) => Encodable | Promise<Encodable>): Promise<AdapterResult> {
  try {
    return { status: "ok", payload: canonical(await run(readParams(call.effect, call.params))), costCents: 0 };
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return { status: "error", payload: canonical(null), code: error.code };
  }
}

/** @throws AosError `effect.params` when the bytes are no record */
function readParams(effect: string, encoded: Uint8Array): Params {
  return paramsOf(effect, decode(encoded));
}

function paramsOf(place: string, value: Value): Params {
  if (!isMap(value)) throw new AosError("effect.params", `${place}: not a record`);
  const wrong = (field: string, expected: string): never => {
    throw new AosError("effect.params", `${place}: ${field} is not ${expected}`);
  };
  const maybe = <T>(field: string, read: (field: string) => T): T | undefined => ((value.get(field) ?? null) === null ? undefined : read(field));
  const at = (field: string): Value => value.get(field) ?? null;
  const text = (field: string): string => {
    const found = at(field);
    return typeof found === "string" ? found : wrong(field, "text");
  };
  const bytes = (field: string): Uint8Array => {
    const found = at(field);
    return found instanceof Uint8Array ? found : wrong(field, "bytes");
  };
  const nat = (field: string): bigint => {
    const found = at(field);
    return (typeof found === "number" && Number.isSafeInteger(found)) || typeof found === "bigint" ? BigInt(found) : wrong(field, "a nat");
  };
  return {
    text, bytes, nat,
    hash: (field) => parseHash(text(field)),
    maybeText: (field) => maybe(field, text),
    maybeBytes: (field) => maybe(field, bytes),
    maybeNat: (field) => maybe(field, nat),
    pairs(field) {
      const found = at(field);
      return isMap(found) ? found : wrong(field, "a map");
    },
    maybeRecord: (field) => maybe(field, () => paramsOf(`${place}.${field}`, at(field))),
  };
}
