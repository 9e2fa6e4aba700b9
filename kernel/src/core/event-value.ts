// The one form an event's value has in a journal: normal for its schema, whole, and not too big.

import { canonicalLent } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import { expandName, type Expanded } from "../air/expand.ts";
import { normalizerFor, perSchema } from "../air/normalize.ts";
import type { DefSchema } from "../air/types.ts";
import type { Value, ValueMap } from "../air/value.ts";
import { LIMITS } from "./limits.ts";

/**
 * Canonical bytes of an event's value.
 *
 * The normaliser of AIR v1 lets an arm go without its value, and hashes depend on that; an event that reaches reducers and plans
 * so would fail in each of them, so it is refused at the door, unless the arm is a unit.
 *
 * @throws AosError `schema.missing`, `value.invalid`, `limit.event`
 */
export function normalEvent(schemas: ReadonlyMap<string, DefSchema>, schema: string, value: Value): Uint8Array {
  const { normalize, check } = gateFor(schemas, schema);
  const normal = normalize(value);
  const bare = check?.(normal);
  if (bare !== undefined) throw new AosError("value.invalid", `${schema}: arm ${bare} has no $value`, { hint: `write {"$tag": ${JSON.stringify(bare)}, "$value": …}` });
  const bytes = canonicalLent(normal);
  if (bytes.length > LIMITS.eventBytes) throw new AosError("limit.event", `${schema}: an event of ${bytes.length} bytes is over ${LIMITS.eventBytes}`);
  return bytes;
}

const gateFor = perSchema((schemas, schema) => ({ normalize: normalizerFor(schemas, schema), check: checkOf(expandName(schemas, schema)) }));

/** The first arm in a normal value that lacks its value; undefined when it is whole. */
type Check = (value: Value) => string | undefined;

/** Undefined for types that hold no arm with a value: their values are not looked at. */
const checks = new WeakMap<Expanded, { readonly check: Check | undefined }>();

function checkOf(type: Expanded): Check | undefined {
  let known = checks.get(type);
  if (known === undefined) {
    known = { check: build(type) };
    checks.set(type, known);
  }
  return known.check;
}

function build(type: Expanded): Check | undefined {
  switch (type.kind) {
    case "record": {
      const fields = [...type.fields].flatMap(([name, field]) => {
        const check = checkOf(field);
        return check === undefined ? [] : [{ name, check }];
      });
      return fields.length === 0 ? undefined : (value) => first(fields, ({ name, check }) => check((value as ValueMap).get(name) ?? null));
    }
    case "variant":
      return variant(type.arms);
    case "option": {
      const item = checkOf(type.item);
      return item === undefined ? undefined : (value) => (value === null ? undefined : item(value));
    }
    case "list":
    case "set": {
      const item = checkOf(type.item);
      return item === undefined ? undefined : (value) => first(value as readonly Value[], item);
    }
    case "map": {
      const item = checkOf(type.value);
      return item === undefined ? undefined : (value) => first((value as ValueMap).values(), item);
    }
    default:
      return undefined;
  }
}

function variant(types: ReadonlyMap<string, Expanded>): Check | undefined {
  const arms = new Map([...types].flatMap(([tag, type]) => (type.kind === "unit" ? [] : [[tag, checkOf(type)] as const])));
  if (arms.size === 0) return undefined;
  return (value) => {
    const tag = (value as ValueMap).get("$tag") as string;
    if (!arms.has(tag)) return undefined;
    const inner = (value as ValueMap).get("$value");
    return inner === undefined ? tag : arms.get(tag)?.(inner);
  };
}

function first<T>(items: Iterable<T>, check: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = check(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
