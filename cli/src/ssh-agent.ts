// Keys that a person's ssh-agent holds (draft-miller-ssh-agent, sections 4.4 and 4.5): the secret stays there, and is asked to sign.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { AosError } from "@agentos/kernel";
import { decodePublicKey, decodeSignature, encodePublicKey, readFields, verifyEd25519, wireString, wireU32, type SigningKey } from "@agentos/controller";
import { callAgent } from "./ssh-agent-call.ts";

const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;
const LIST_TIMEOUT_MS = 10_000;
/** Some agents ask their person. */
const SIGN_TIMEOUT_MS = 120_000;
const CALL = fileURLToPath(new URL("./ssh-agent-call.js", import.meta.url));

/** The Ed25519 keys that an agent offers. @throws AosError `key.agent` (outside) where it does not answer */
export async function agentKeys(socket: string): Promise<readonly Uint8Array[]> {
  const answer = await callAgent(socket, Uint8Array.of(REQUEST_IDENTITIES), LIST_TIMEOUT_MS).catch((cause: unknown) => {
    throw silent(socket, cause instanceof Error ? cause.message : String(cause));
  });
  const head = readFields(answer.subarray(1), ["u32"]);
  if (answer[0] !== IDENTITIES_ANSWER || head === undefined) throw silent(socket, "its list of keys cannot be read");
  const keys: Uint8Array[] = [];
  let { rest } = head;
  for (let read = readFields(rest, ["string", "string"]); read !== undefined; read = readFields(rest, ["string", "string"])) {
    const key = decodePublicKey(read.fields[0]);
    if (key !== undefined) keys.push(Uint8Array.from(key));
    ({ rest } = read);
  }
  return keys;
}

/**
 * A key of the agent, to sign with as with one in hand.
 *
 * @param place - what the person named it by, for errors
 */
export function agentKey(socket: string, { publicKey, comment, place }: { readonly publicKey: Uint8Array; readonly comment: string; readonly place: string }): SigningKey {
  return { publicKey, comment, sign: (message) => signByAgent(socket, { publicKey, place }, message) };
}

/** @throws AosError `key.agent` (outside) when the agent does not sign: its person said no, or it is locked */
function signByAgent(socket: string, { publicKey, place }: { readonly publicKey: Uint8Array; readonly place: string }, message: Uint8Array): Uint8Array {
  const question = Buffer.concat([Buffer.of(SIGN_REQUEST), wireString(encodePublicKey(publicKey)), wireString(message), wireU32(0)]);
  // Who signs waits for the signature alone, and an agent is asked over a socket: the child waits for it.
  const { status, stdout, stderr } = spawnSync(process.execPath, [CALL, socket, String(SIGN_TIMEOUT_MS)], { input: question, stdio: ["pipe", "pipe", "pipe"] });
  if (status !== 0) throw silent(socket, stderr.toString("utf8").split("\n")[0] ?? "");
  const signed = stdout[0] === SIGN_RESPONSE ? readFields(stdout.subarray(1), ["string"]) : undefined;
  const signature = signed === undefined ? undefined : decodeSignature(signed.fields[0]);
  if (signature === undefined) throw new AosError("key.agent", `${place}: the ssh-agent did not sign`, { class: "outside", hint: "is it locked, or did it ask and nobody said yes? ssh-add -l" });
  if (!verifyEd25519(publicKey, message, signature)) throw new AosError("key.agent", `${place}: what the ssh-agent signed does not hold`, { class: "unverified", hint: "what listens on SSH_AUTH_SOCK?" });
  return Uint8Array.from(signature);
}

function silent(socket: string, why: string): AosError {
  return new AosError("key.agent", `ssh-agent (${socket}): ${why}`, { class: "outside", hint: "is it running? SSH_AUTH_SOCK names its socket" });
}
