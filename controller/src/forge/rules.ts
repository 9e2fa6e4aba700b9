// The rules in force at a commit: its trust file and its policy.

import { AosError } from "@agentos/kernel";
import type { Hash } from "@agentos/kernel";
import type { Oid } from "../git/objects.ts";
import type { ObjectStore } from "../git/store.ts";
import { POLICY_PATH, parsePolicy } from "../governance/policy.ts";
import type { Policy } from "../governance/policy.ts";
import { TRUST_PATH, parseTrust, trustHash } from "../governance/trust.ts";
import type { Trust } from "../governance/trust.ts";

export interface Rules {
  readonly trust: Trust;
  readonly trustHash: Hash;
  readonly policy: Policy;
}

/**
 * Reads the rules of a commit or tree.
 *
 * @throws AosError `trust.missing`; `trust.invalid`, `policy.invalid`, `json.syntax`
 */
export async function readRules(store: ObjectStore, commitOrTree: Oid): Promise<Rules> {
  const bytes = await store.readPath(commitOrTree, TRUST_PATH);
  if (bytes === undefined)
    throw new AosError("trust.missing", `commit ${commitOrTree.slice(0, 12)}: there is no ${TRUST_PATH}, so nobody's key counts`, {
      hint: "a world begins with a trust file on main",
    });
  return { trust: parseTrust(bytes), trustHash: trustHash(bytes), policy: parsePolicy(await store.readPath(commitOrTree, POLICY_PATH)) };
}
