// The key that a person signs with: a private key in clear, or one that their ssh-agent has, named by its public half or by the file
// that a passphrase protects.

import { readFile } from "node:fs/promises";
import { AosError, bytesEqual } from "@agentos/kernel";
import { parsePublicKeyLine, publicHalf, readPrivateKey, type SigningKey } from "@agentos/controller";
import { agentKey, agentKeys } from "./ssh-agent.ts";

interface Named {
  readonly publicKey: Uint8Array;
  readonly comment: string;
  /** As the person named it. */
  readonly place: string;
  /** The file to give to the agent, where it is known. */
  readonly file: string | undefined;
}

/**
 * @param path - of a private key, or of a public one (`….pub`)
 * @throws AosError as readPrivateKey; `key.encrypted` and `key.agent` where no agent has it
 */
export async function readPersonKey(path: string): Promise<SigningKey> {
  const line = path.endsWith(".pub") ? await readFile(path, "utf8").catch(() => undefined) : undefined;
  if (line !== undefined) return fromAgent({ ...publicKeyAt(line, path), place: path, file: path.slice(0, -".pub".length) }, { code: "key.agent", what: "only its public half is named" });
  try {
    return await readPrivateKey(path);
  } catch (error) {
    const publicKey = publicHalf(await readFile(path, "utf8").catch(() => ""), error);
    return fromAgent({ publicKey, comment: "", place: path, file: path }, { code: "key.encrypted", what: "the private key has a passphrase" });
  }
}

/** A public key as it stands in git's configuration, `key::ssh-ed25519 AAAA…` or without `key::`. @param place - the setting. @throws as readPersonKey */
export async function namedInline(text: string, place: string): Promise<SigningKey> {
  return fromAgent({ ...publicKeyAt(text.replace(/^key::/, ""), place), place, file: undefined }, { code: "key.agent", what: "only a public key is named" });
}

/** @throws AosError `key.line`, which names the place */
function publicKeyAt(line: string, place: string): { readonly publicKey: Uint8Array; readonly comment: string } {
  try {
    return parsePublicKeyLine(line);
  } catch (error) {
    throw error instanceof AosError ? error.retold(`${place}: ${error.message}`) : error;
  }
}

async function fromAgent(named: Named, why: { readonly code: string; readonly what: string }): Promise<SigningKey> {
  const { publicKey, place, file } = named;
  const socket = process.env["SSH_AUTH_SOCK"] ?? "";
  const hint = `ssh-add ${file ?? "FILE, the private key's"}; or sign with a key of its own without a passphrase: aos keys new`;
  if (socket === "") throw new AosError(why.code, `${place}: ${why.what}, and there is no ssh-agent that has it (SSH_AUTH_SOCK)`, { hint: `eval "$(ssh-agent)" && ${hint}` });
  const keys = await agentKeys(socket);
  if (keys.some((key) => bytesEqual(key, publicKey))) return agentKey(socket, named);
  throw new AosError(why.code, `${place}: ${why.what}, and the ssh-agent does not have it`, { hint });
}
