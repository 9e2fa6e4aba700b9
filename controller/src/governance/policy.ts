// `.aos/policy.json`: what a proposal needs before it may become part of the world.

import { fromUtf8, hashValue, jsonOf, readJson } from "@agentos/kernel";
import type { Hash, Json } from "@agentos/kernel";
import { document, listOf, maybe, oneOf, readDocument, record, text, truth, version, whole, yes } from "./shape.ts";
import type { Report, Shape } from "./shape.ts";
import { isPrincipalName } from "./trust.ts";

export const POLICY_PATH = ".aos/policy.json";

export interface Policy {
  readonly version: 1;
  /** How many persons other than the authors must approve. */
  readonly approvals: number;
  /** Whether a signed shadow report on the proposal's head is needed. */
  readonly shadow: "required" | "optional";
  /**
   * For proposals after which more is possible: those that change `.aos`, and those whose report says that authority widens.
   * Without it a change of `.aos` stands alone and needs one approval more, or all persons but the one who signed its head where
   * there are fewer; wider authority needs nothing more.
   */
  readonly widening?: Widening;
  /** When proposals may be merged and applied, in UTC; without it, always. */
  readonly windows?: readonly Window[];
  readonly rules?: readonly PolicyRule[];
}
interface Widening {
  readonly approvals: number;
  /** Whether it may come with nothing else. */
  readonly alone: boolean;
}
/** Every week, on these days, from a time of day up to another, UTC. */
interface Window {
  readonly days: readonly Day[];
  /** `HH:MM`. */
  readonly from: string;
  /** `HH:MM`, later than `from`; the minute itself is outside. `24:00` is the end of the day. */
  readonly to: string;
}
type Day = (typeof DAYS)[number];
type DefinitionKind = (typeof KINDS)[number];
/** All rules whose `when` holds apply together. */
export interface PolicyRule {
  /** Lower-case letters, digits and `-`. */
  readonly name: string;
  readonly when: When;
  readonly require?: Requirement;
  /** Why nothing of the kind is wanted: a sentence. */
  readonly deny?: string;
}
/** What a proposal is or brings. Every given field must hold; of a list one is enough. `*` in a pattern stands for any text. */
export interface When {
  /** Kinds of definitions that it changes. */
  readonly kinds?: readonly DefinitionKind[];
  /** Patterns of names of definitions that it changes. */
  readonly names?: readonly string[];
  readonly authority?: "widening" | "narrowing";
  /** Patterns of what may be done more: the report's words, `subject: text`. */
  readonly widens?: readonly string[];
  /** Patterns of `kind target`, such as `http.request GET https://*`. */
  readonly effects_added?: readonly string[];
  readonly effects_removed?: readonly string[];
  readonly effects_denied?: readonly string[];
  /** Cells must migrate. */
  readonly migrations?: true;
  /** `agent`: an agent signed one of its commits, or it stands under an agent's name. */
  readonly proposer?: "agent" | "person";
  /** It changes `.aos`. */
  readonly governance?: true;
  /** Patterns of paths of files that it changes. */
  readonly files?: readonly string[];
}
interface Requirement {
  readonly approvals?: number;
  readonly from?: readonly Group[];
  /** `clean`: a report of a run without failures, denials and cells that do not fit. */
  readonly shadow?: "required" | "clean";
}
/** So many approvals of these persons: listed, or those whom the trust file gives the role. */
export type Group =
  | { readonly principals: readonly string[]; readonly role?: never; readonly count: number }
  | { readonly role: string; readonly principals?: never; readonly count: number };

/** What holds where there is no policy file. */
export const DEFAULT_POLICY: Policy = { version: 1, approvals: 1, shadow: "required" };

export const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

const KINDS = ["defschema", "defmodule", "defplan", "defeffect", "defcap", "defpolicy", "defsecret"] as const;
const APPROVALS = whole(0, 100);
const NAME = text((name) => /^[a-z0-9][a-z0-9-]{0,63}$/.test(name), "a name (lower-case letters, digits and -, at most 64)");
const PATTERNS = some(text((pattern) => pattern.length > 0 && pattern.length <= 500, "a pattern of 1 to 500 characters"));
const WINDOW = record({
  days: some(oneOf(...DAYS)),
  from: text((time) => /^(?:[01]\d|2[0-3]):[0-5]\d$/.test(time), "a time of day in UTC, such as 08:00"),
  to: text((time) => /^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/.test(time), "a time of day in UTC, such as 17:00"),
});
const WHEN: Shape<When> = record({
  kinds: maybe(some(oneOf(...KINDS))),
  names: maybe(PATTERNS),
  authority: maybe(oneOf("widening", "narrowing")),
  widens: maybe(PATTERNS),
  effects_added: maybe(PATTERNS),
  effects_removed: maybe(PATTERNS),
  effects_denied: maybe(PATTERNS),
  migrations: maybe(yes),
  proposer: maybe(oneOf("agent", "person")),
  governance: maybe(yes),
  files: maybe(PATTERNS),
});
const COUNT = whole(1, 100);
const BY_ROLE = record({ role: NAME, count: COUNT });
const BY_NAME = record({ principals: some(text(isPrincipalName, "a principal's name")), count: COUNT });
const GROUP: Shape<Group> = (json, pointer, report) => (json instanceof Map && json.has("role") ? BY_ROLE : BY_NAME)(json, pointer, report);
const RULE: Shape<PolicyRule> = record({
  name: NAME,
  when: WHEN,
  require: maybe(record({ approvals: maybe(APPROVALS), from: maybe(some(GROUP)), shadow: maybe(oneOf("required", "clean")) })),
  deny: maybe(text((sentence) => sentence.trim() !== "" && sentence.length <= 500, "a sentence of at most 500 characters")),
});

export const POLICY_SHAPE: Shape<Policy> = record({
  version: version(1),
  approvals: APPROVALS,
  shadow: oneOf("required", "optional"),
  widening: maybe(record({ approvals: APPROVALS, alone: truth })),
  windows: maybe(some(WINDOW)),
  rules: maybe(listOf(RULE)),
});

/**
 * Reads a policy file; `undefined` bytes (no file) mean the default.
 *
 * @throws AosError `policy.invalid` with every problem in `data.problems`; `json.syntax`; `air.utf8`
 */
export function parsePolicy(bytes: Uint8Array | undefined, file: string = POLICY_PATH): Policy {
  if (bytes === undefined) return DEFAULT_POLICY;
  return readDocument(readJson(fromUtf8(bytes), file), document(POLICY_SHAPE), { code: "policy.invalid", file, check: checkPolicy });
}

function checkPolicy({ windows = [], rules = [] }: Policy, report: Report): void {
  for (const [index, { from, to }] of windows.entries()) if (from >= to) report(`/windows/${index}/to`, `it must be later than ${from}; a night takes two windows`);
  const names = new Set<string>();
  for (const [index, { name, require, deny }] of rules.entries()) {
    if (names.has(name)) report(`/rules/${index}/name`, "another rule is called so");
    names.add(name);
    if (deny === undefined && (require === undefined || Object.keys(require).length === 0)) report(`/rules/${index}`, "it asks for nothing: give it `require` or `deny`");
  }
}

/** A list of at least one. */
function some<T>(item: Shape<T>): Shape<readonly T[]> {
  const list = listOf(item);
  return (json, pointer, report) => {
    const found = list(json, pointer, report);
    if (found?.length === 0) report(pointer, "the list is empty; leave the field out where it does not matter");
    return found?.length === 0 ? undefined : found;
  };
}

/** The hash of what a policy says, however its file is written. */
export function policyHash(policy: Policy): Hash {
  return hashValue(policyJson(policy));
}

/** A policy as it would be written. */
function policyJson(policy: Policy): Json {
  return jsonOf(policy);
}
