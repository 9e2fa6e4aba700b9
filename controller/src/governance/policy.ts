// `.aos/policy.json`: what a proposal needs before it may become part of the world.

import { fromUtf8, hashValue, readJson } from "@agentos/kernel";
import type { Hash } from "@agentos/kernel";
import { document, oneOf, readDocument, record, version, whole } from "./shape.ts";

export const POLICY_PATH = ".aos/policy.json";

export interface Policy {
  readonly version: 1;
  /** How many persons other than the authors must approve. */
  readonly approvals: number;
  /** Whether a signed shadow report on the proposal's head is needed. */
  readonly shadow: "required" | "optional";
}

/** What holds where there is no policy file. */
export const DEFAULT_POLICY: Policy = { version: 1, approvals: 1, shadow: "required" };

export const POLICY_SHAPE = record({ version: version(1), approvals: whole(0, 100), shadow: oneOf("required", "optional") });

/**
 * Reads a policy file; `undefined` bytes (no file) mean the default.
 *
 * @throws AosError `policy.invalid` with every problem in `data.problems`; `json.syntax`; `air.utf8`
 */
export function parsePolicy(bytes: Uint8Array | undefined, file: string = POLICY_PATH): Policy {
  if (bytes === undefined) return DEFAULT_POLICY;
  return readDocument(readJson(fromUtf8(bytes), file), document(POLICY_SHAPE), { code: "policy.invalid", file, check: () => undefined });
}

/** The hash of what a policy says, however its file is written. */
export function policyHash({ version, approvals, shadow }: Policy): Hash {
  return hashValue({ version, approvals, shadow });
}
