// An object's id in git.

import { AosError, type Brand } from "@agentos/kernel";

/** An object's id: SHA-1 in 40 lower-case hex digits. */
export type Oid = Brand<string, "Oid">;

const OID = /^[0-9a-f]{40}$/;

export function isOid(text: string): text is Oid {
  return OID.test(text);
}

/** @throws AosError `git.oid` */
export function parseOid(text: string): Oid {
  if (!isOid(text)) throw new AosError("git.oid", `object id: expected 40 lower-case hex digits, got ${JSON.stringify(text)}`);
  return text;
}
