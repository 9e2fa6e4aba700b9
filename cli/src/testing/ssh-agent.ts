// An ssh-agent for tests, after its published description (draft-miller-ssh-agent), and the real one where it is installed.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { encodePublicKey, encodeSignature, readFields, wireString, wireU32, type SigningKey } from "@agentos/controller";
import { atEnd } from "@agentos/controller/testing";
import { isProgram } from "../openssh.ts";
import { eventually } from "./aos.ts";

/** What it answers to a list and to a signature; `as it should` unless told. */
export interface Manners {
  readonly list?: Uint8Array;
  readonly sign?: (key: SigningKey, data: Uint8Array) => Uint8Array;
  /** Bytes to write in place of any answer, with the length before it; `hang up`: none. */
  readonly raw?: Uint8Array | "hang up";
}

const [LIST, LISTED, SIGN, SIGNED, FAILURE] = [11, 12, 13, 14, 5];
export const REFUSAL = Uint8Array.of(FAILURE);

/** Listens on a socket of that folder with these keys. @returns the socket */
export async function agentDouble(t: TestContext, folder: string, keys: readonly SigningKey[], manners: Manners = {}): Promise<string> {
  const socket = join(folder, "agent.sock");
  const server = createServer((link) => {
    let read: Buffer = Buffer.alloc(0);
    link.on("error", () => undefined);
    link.on("data", (part) => {
      read = Buffer.concat([read, part]);
      const question = readFields(read, ["string"])?.fields[0];
      if (question === undefined) return;
      if (manners.raw === "hang up") link.end();
      else link.write(manners.raw ?? wireString(answer(question)));
    });
  });
  function answer(question: Uint8Array): Uint8Array {
    if (question[0] === LIST) return manners.list ?? Buffer.concat([Buffer.of(LISTED), wireU32(keys.length), ...keys.flatMap(({ publicKey, comment }) => [wireString(encodePublicKey(publicKey)), wireString(comment)])]);
    const [blob, data] = question[0] === SIGN ? (readFields(question.subarray(1), ["string", "string", "u32"])?.fields ?? []) : [];
    const key = blob === undefined ? undefined : keys.find(({ publicKey }) => encodePublicKey(publicKey).equals(blob));
    if (key === undefined || data === undefined) return REFUSAL;
    return manners.sign?.(key, data) ?? Buffer.concat([Buffer.of(SIGNED), wireString(encodeSignature(key.sign(data)))]);
  }
  server.listen(socket);
  await once(server, "listening");
  atEnd(t, () => new Promise<void>((resolve) => server.close(() => resolve())));
  return socket;
}

/** A signature as an agent gives it. */
export function signedAnswer(signature: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.of(SIGNED), wireString(encodeSignature(signature))]);
}

/** OpenSSH's own agent, with the private key of a file; undefined where it is not installed. */
export async function realAgent(t: TestContext, folder: string, keyFile: string): Promise<string | undefined> {
  if (!isProgram("ssh-agent") || !isProgram("ssh-add")) return undefined;
  const socket = join(folder, "openssh.sock");
  const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
  atEnd(t, async () => {
    agent.kill();
    if (agent.exitCode === null && agent.signalCode === null) await once(agent, "exit");
  });
  const add = (): true | undefined => (spawnSync("ssh-add", ["-q", keyFile], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: "ignore" }).status === 0 ? true : undefined);
  await eventually(add, "the agent takes the key");
  return socket;
}
