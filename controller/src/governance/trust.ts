// `.aos/trust.json`: whose keys speak for whom. The hash of a world's first trust file is the world's id.

import { AosError, fromUtf8, hashBytes, readJson } from "@agentos/kernel";
import type { Hash } from "@agentos/kernel";
import { byName } from "./order.ts";
import { document as written, listOf, mapOf, maybe, oneOf, optional, readDocument, record, text, version, whole } from "./shape.ts";
import type { Report } from "./shape.ts";
import { isKeyId, keyId, readSshKey, renderSshKey } from "./ssh-key.ts";
import type { KeyId, SshKey } from "./ssh-key.ts";

export const TRUST_PATH = ".aos/trust.json";
export const ALLOWED_SIGNERS_PATH = ".aos/allowed_signers";

export type PrincipalKind = "person" | "agent" | "ci" | "controller";
/** Who merges: agents and CI propose and report; they put nothing in force. */
export const MERGERS: readonly PrincipalKind[] = ["person", "controller"];
export interface Principal {
  /** A lower-case letter, then lower-case letters, digits and `-`; at most 32 characters. */
  readonly name: string;
  readonly kind: PrincipalKind;
  readonly keys: readonly SshKey[];
  /** The account's id on GitHub, which never changes as its login may: what it reviews there, this principal reviews. */
  readonly github?: number;
}
/** A key that counts no more from a seq of the journal on; records before it stay believed. */
export interface RetiredKey {
  readonly key: KeyId;
  readonly principal: string;
  readonly fromSeq: number;
}
/** What a group of persons is called in policies. */
export interface Role {
  readonly role: string;
  /** Sorted. */
  readonly principals: readonly string[];
}
export interface Trust {
  readonly version: 1;
  /** What people call the world. */
  readonly world: string;
  /** 32 hex digits, random: two worlds of one name and the same people differ. */
  readonly id: string;
  /** Sorted by name. */
  readonly principals: readonly Principal[];
  /** Sorted by key. */
  readonly retired: readonly RetiredKey[];
  /** Sorted by role. */
  readonly roles: readonly Role[];
  /** `forge`: a merge need not be signed by a principal, since the forge makes it. It is decided on all the same. */
  readonly merges?: "forge";
}

export function isPrincipalName(name: string): boolean {
  return /^[a-z][a-z0-9-]{0,31}$/.test(name);
}

const principalName = text(isPrincipalName, "a principal's name (a letter, then letters, digits and -, at most 32, all lower case)");
const TRUST = record({
  version: version(1),
  world: text((name) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name), "a world's name (letters, digits, . _ -, at most 64)"),
  id: text((id) => /^[0-9a-f]{32}$/.test(id), "32 lower-case hex digits"),
  principals: mapOf(
    principalName,
    record({
      kind: oneOf("person", "agent", "ci", "controller"),
      keys: listOf(text((line) => line.length <= 1000, "a public key line")),
      github: maybe(whole(1, Number.MAX_SAFE_INTEGER)),
    }),
  ),
  retired: optional(
    listOf(
      record({
        key: text<KeyId>(isKeyId, "a key's fingerprint (SHA256:…, as ssh-keygen -l prints it)"),
        principal: principalName,
        fromSeq: whole(0, Number.MAX_SAFE_INTEGER),
      }),
    ),
    [],
  ),
  roles: optional(mapOf(text((role) => /^[a-z0-9][a-z0-9-]{0,63}$/.test(role), "a role's name (lower-case letters, digits and -, at most 64)"), listOf(principalName)), new Map<string, readonly string[]>()),
  merges: maybe(oneOf("forge")),
});

/**
 * Reads a trust file.
 *
 * @param file - the name that errors carry
 * @throws AosError `trust.invalid` with every problem in `data.problems`; `json.syntax`; `air.utf8`
 */
export function parseTrust(bytes: Uint8Array, file: string = TRUST_PATH): Trust {
  const document = readJson(fromUtf8(bytes), file);
  const keys = new Map<string, readonly SshKey[]>();
  const raw = readDocument(document, written(TRUST), {
    code: "trust.invalid",
    file,
    check(found, report) {
      for (const [name, { keys: lines }] of found.principals) keys.set(name, readKeys(lines, `/principals/${name}/keys`, report));
      checkOwners(keys, report);
      checkAccounts(found.principals, report);
      checkRetired(found.retired, keys, report);
      checkRoles(found, report);
      const retired = new Set(found.retired.map(({ key }) => key));
      for (const kind of ["person", "controller"] as const)
        if (![...found.principals].some(([name, principal]) => principal.kind === kind && keys.get(name)?.some(({ id }) => !retired.has(id)) === true))
          report("/principals", `no ${kind} with a key in force: a world needs at least one`);
    },
  });
  return {
    version: raw.version,
    world: raw.world,
    id: raw.id,
    principals: [...raw.principals]
      .map(([name, { kind, github }]) => ({ name, kind, keys: keys.get(name) ?? [], ...(github === undefined ? {} : { github }) }))
      .sort((a, b) => byName(a.name, b.name)),
    retired: [...raw.retired].sort((a, b) => byName(a.key, b.key)),
    roles: [...raw.roles].map(([role, names]) => ({ role, principals: [...names].sort(byName) })).sort((a, b) => byName(a.role, b.role)),
    ...(raw.merges === undefined ? {} : { merges: raw.merges }),
  };
}

function readKeys(lines: readonly string[], pointer: string, report: Report): readonly SshKey[] {
  return lines.flatMap((line, index) => {
    const read = readSshKey(line);
    if (!("problem" in read)) return [read];
    report(`${pointer}/${index}`, `not a key that can be trusted: ${read.problem}`);
    return [];
  });
}

function checkOwners(keys: ReadonlyMap<string, readonly SshKey[]>, report: Report): void {
  const owners = new Map<KeyId, string>();
  for (const [name, list] of keys)
    for (const [index, { id }] of list.entries()) {
      const owner = owners.get(id);
      if (owner !== undefined) report(`/principals/${name}/keys/${index}`, owner === name ? "this key is listed twice" : `this key belongs to ${owner} already`);
      else owners.set(id, name);
    }
}

function checkAccounts(principals: ReadonlyMap<string, { readonly github?: number }>, report: Report): void {
  const owners = new Map<number, string>();
  for (const [name, { github }] of principals) {
    if (github === undefined) continue;
    const owner = owners.get(github);
    if (owner === undefined) owners.set(github, name);
    else report(`/principals/${name}/github`, `this account is that of ${owner} already`);
  }
}

function checkRetired(retired: readonly RetiredKey[], keys: ReadonlyMap<string, readonly SshKey[]>, report: Report): void {
  const seen = new Set<KeyId>();
  for (const [index, { key, principal }] of retired.entries()) {
    if (seen.has(key)) report(`/retired/${index}/key`, "this key is retired twice");
    seen.add(key);
    if (!keys.has(principal)) report(`/retired/${index}/principal`, `there is no principal ${principal}`);
    const owner = [...keys].find(([name, list]) => name !== principal && list.some(({ id }) => id === key));
    if (owner !== undefined) report(`/retired/${index}/principal`, `this key belongs to ${owner[0]}`);
  }
}

/** Nothing but persons has a role: whatever else reviews weighs nothing, so it could never play one. */
function checkRoles(found: { readonly principals: ReadonlyMap<string, { readonly kind: PrincipalKind }>; readonly roles: ReadonlyMap<string, readonly string[]> }, report: Report): void {
  for (const [role, names] of found.roles)
    for (const [index, name] of names.entries()) {
      const kind = found.principals.get(name)?.kind;
      if (kind === undefined) report(`/roles/${role}/${index}`, `there is no principal ${name}`);
      else if (kind !== "person") report(`/roles/${role}/${index}`, `${name} is of kind ${kind}: only persons have roles`);
      if (names.indexOf(name) < index) report(`/roles/${role}/${index}`, `${name} is listed twice`);
    }
}

/** The hash of a trust file: of its bytes as they are. That of the first one is the world's id. */
export function trustHash(bytes: Uint8Array): Hash {
  return hashBytes(bytes);
}

/** Whose key this is; undefined for an unknown key and for a retired one. */
export function principalOfKey(trust: Trust, publicKey: Uint8Array): Principal | undefined {
  const id = keyId(publicKey);
  if (trust.retired.some(({ key }) => key === id)) return undefined;
  return trust.principals.find(({ keys }) => keys.some((key) => key.id === id));
}

/** What each kind of principal may sign, by SSHSIG namespace. */
const NAMESPACES: Readonly<Record<PrincipalKind, readonly string[]>> = {
  person: ["git", "aos-review", "aos-event", "aos-approval"],
  agent: ["git", "aos-review", "aos-event"],
  controller: ["git", "aos-receipt", "aos-shadow"],
  ci: ["git", "aos-shadow"],
};

/**
 * The text of `.aos/allowed_signers`, by which stock git and ssh-keygen believe the same keys. A retired key is left out:
 * stock tools know no seq. What it signed is checked with the file as it was then.
 */
export function renderTrustSigners(trust: Trust): string {
  const retired = new Set(trust.retired.map(({ key }) => key));
  return trust.principals
    .flatMap(({ name, kind, keys }) =>
      keys.filter(({ id }) => !retired.has(id)).map((key) => `${name} namespaces="${NAMESPACES[kind].join(",")}" ${renderSshKey(key)}\n`),
    )
    .join("");
}

/** Does a file of allowed signers say what this trust file says? */
export function saysSigners(file: Uint8Array | undefined, trust: Trust): boolean {
  return file !== undefined && Buffer.from(file).toString("utf8") === renderTrustSigners(trust);
}

/**
 * May a trust file follow another: same world, same id?
 *
 * @throws AosError `trust.world`
 */
export function assertSameWorld(trust: Trust, next: Trust): void {
  if (trust.world !== next.world || trust.id !== next.id)
    throw new AosError("trust.world", `${TRUST_PATH}: world and id never change: ${trust.world} ${trust.id} became ${next.world} ${next.id}`);
}
