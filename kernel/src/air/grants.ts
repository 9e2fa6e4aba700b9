// Capability grants: the parameters an enforcer sees and a grant hash covers.

import { canonical } from "./cbor.ts";
import { AosError } from "./error.ts";
import { checkLiteral, literalToValue } from "./literal.ts";
import type { CapGrant, DefCap, DefSchema, Literal } from "./types.ts";

/**
 * The canonical bytes of a grant's parameters: the literal checked against the capability's schema, then normalised, so
 * sets are sorted and absent options are null (an empty grant of `sys/http.out@1` is five nulls).
 *
 * @throws AosError `grant.params` (not of the schema), `grant.secret` (a secret reference), or as `expandType`; the message
 *   starts with the grant's name
 */
export function grantParams(grant: CapGrant, cap: DefCap, schemas: ReadonlyMap<string, DefSchema>): Uint8Array {
  if (holdsSecret(grant.params)) {
    throw new AosError("grant.secret", `grant ${grant.name}: parameters hold a secret reference`, {
      hint: "parameters of a grant are public; pass secrets in effect parameters",
    });
  }
  try {
    checkLiteral(grant.params, cap.schema, schemas);
    return canonical(literalToValue(grant.params, cap.schema, schemas));
  } catch (cause) {
    if (!(cause instanceof AosError) || cause.code.startsWith("schema.")) throw cause;
    throw new AosError("grant.params", `grant ${grant.name} of ${cap.name}: ${cause.message}`, {
      cause, ...(cause.hint === undefined ? {} : { hint: cause.hint }),
    });
  }
}

function holdsSecret(literal: Literal): boolean {
  switch (literal.kind) {
    case "secret": return true;
    case "list": case "set": return literal.items.some(holdsSecret);
    case "map": return literal.entries.some(({ key, value }) => holdsSecret(key) || holdsSecret(value));
    case "record": return [...literal.fields.values()].some(holdsSecret);
    case "variant": return literal.value !== undefined && holdsSecret(literal.value);
    default: return false;
  }
}
