// A world before its first commit, as values: the files it begins with and who may speak in it.

import { readdir, readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { AosError, utf8 } from "@agentos/kernel";
import {
  ALLOWED_SIGNERS_PATH, DEFAULT_POLICY, fingerprint, isPrincipalName, parsePublicKeyLine, parseTrust, POLICY_PATH, publicKeyLine, renderTrustSigners, TRUST_PATH,
} from "@agentos/controller";

export const TEMPLATES = ["counter", "assemblyscript", "empty"] as const;
export type Template = (typeof TEMPLATES)[number];

export interface GenesisPrincipal {
  readonly name: string;
  readonly kind: "person" | "controller";
  readonly publicKey: Uint8Array;
  readonly fingerprint: string;
}

/** Modules are binary to git, and no line ending is ever changed in what is hashed. */
const ATTRIBUTES = "* -text\n*.cbor binary\n*.wasm binary\n";
const IGNORED = "node_modules/\n.DS_Store\n";

/** The files of the template, by path with `/` between segments. */
export async function templateFiles(template: Template): Promise<ReadonlyMap<string, Uint8Array>> {
  const folder = fileURLToPath(new URL(`../templates/${template}`, import.meta.url));
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort();
  const files = await Promise.all(paths.map(async (path) => [path.split(sep).join("/"), new Uint8Array(await readFile(join(folder, path)))] as const));
  return new Map(files);
}

/**
 * The files that say whose word counts, and what git is told about the rest.
 *
 * @param id - 32 random hex digits
 * @throws AosError `trust.invalid` for a world's name that cannot be one, or two principals with one key
 */
export function governanceFiles(world: { readonly name: string; readonly id: string; readonly principals: readonly GenesisPrincipal[] }): ReadonlyMap<string, Uint8Array> {
  const principals = Object.fromEntries(world.principals.map(({ name, kind, publicKey }) => [name, { kind, keys: [publicKeyLine({ publicKey, comment: name })] }]));
  const trust = utf8(`${JSON.stringify({ version: 1, world: world.name, id: world.id, principals }, null, 2)}\n`);
  return new Map([
    [TRUST_PATH, trust],
    [ALLOWED_SIGNERS_PATH, utf8(renderTrustSigners(parseTrust(trust)))],
    [POLICY_PATH, utf8(`${JSON.stringify(DEFAULT_POLICY, null, 2)}\n`)],
    [".gitattributes", utf8(ATTRIBUTES)],
    [".gitignore", utf8(IGNORED)],
  ]);
}

export function principal(name: string, kind: GenesisPrincipal["kind"], publicKey: Uint8Array): GenesisPrincipal {
  return { name, kind, publicKey, fingerprint: fingerprint(publicKey) };
}

/** Reads `NAME=PUBKEYFILE`. @throws AosError `cli.person`, `key.missing`, `key.line` */
export async function readPerson(text: string): Promise<GenesisPrincipal> {
  const [, name = "", path = ""] = /^([^=]*)=(.+)$/.exec(text) ?? [];
  if (!isPrincipalName(name) || path === "") throw new AosError("cli.person", `--person ${text}: expected NAME=PUBKEYFILE, the name in lower case`, { hint: "such as --person ada=ada.pub" });
  const line = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new AosError("key.missing", `${path}: no public key can be read there`, { at: { file: path }, cause, hint: "make one with `aos keys new`" });
  });
  try {
    return principal(name, "person", parsePublicKeyLine(line).publicKey);
  } catch (cause) {
    if (!(cause instanceof AosError)) throw cause;
    throw new AosError(cause.code, `${path}: ${cause.message.replace(/^public key line: /, "")}`, { at: { file: path }, cause, hint: "name the public half of the key, the file that ends in .pub" });
  }
}
