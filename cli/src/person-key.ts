// The key that a person signs with: a private key in clear, or one that their ssh-agent has, named by its public half or by the file
// that a passphrase protects.

import { readFile } from "node:fs/promises";
import { AosError } from "@agentos/kernel";
import { parsePublicKeyLine, publicPartOf, readPrivateKey, type SigningKey } from "@agentos/controller";
import { agentKey, agentKeys } from "./ssh-agent.ts";

interface Named {
  readonly publicKey: Uint8Array;
  readonly comment: string;
  /** As the person named it. */
  readonly place: string;
}

/**
 * @param path - of a private key, or of a public one (`….pub`)
 * @throws AosError as readPrivateKey; `key.encrypted` and `key.agent` where no agent has it
 */
export async function readPersonKey(path: string): Promise<SigningKey> {
  const line = path.endsWith(".pub") ? await readFile(path, "utf8").catch(() => undefined) : undefined;
  if (line !== undefined) return fromAgent({ ...parsePublicKeyLine(line), place: path }, { code: "key.agent", what: "only its public half is named" });
  try {
    return await readPrivateKey(path);
  } catch (error) {
    const text = error instanceof AosError && error.code === "key.encrypted" ? await readFile(path, "utf8") : undefined;
    const publicKey = text === undefined ? undefined : publicPartOf(text);
    if (publicKey === undefined) throw error;
    return fromAgent({ publicKey, comment: "", place: path }, { code: "key.encrypted", what: "the private key has a passphrase" });
  }
}

/** A public key as it stands in git's configuration, `key::ssh-ed25519 AAAA…` or without `key::`. @throws as readPersonKey */
export async function namedInline(text: string): Promise<SigningKey> {
  const line = text.replace(/^key::/, "");
  return fromAgent({ ...parsePublicKeyLine(line), place: line.split(" ").slice(0, 2).join(" ") }, { code: "key.agent", what: "only its public half is named" });
}

async function fromAgent(named: Named, why: { readonly code: string; readonly what: string }): Promise<SigningKey> {
  const { publicKey, place } = named;
  const socket = process.env["SSH_AUTH_SOCK"] ?? "";
  const hint = `ssh-add ${place.endsWith(".pub") ? place.slice(0, -".pub".length) : place}; or sign with a key of its own without a passphrase: aos keys new`;
  if (socket === "") throw new AosError(why.code, `${place}: ${why.what}, and there is no ssh-agent that has it (SSH_AUTH_SOCK)`, { hint: `eval "$(ssh-agent)" && ${hint}` });
  const keys = await agentKeys(socket);
  if (keys.some((key) => Buffer.from(key).equals(publicKey))) return agentKey(socket, named);
  throw new AosError(why.code, `${place}: ${why.what}, and the ssh-agent does not have it`, { hint });
}
