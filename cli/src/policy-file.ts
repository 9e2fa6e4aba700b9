// Policy and trust files in a folder, as a person names them.

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { AosError } from "@agentos/kernel";
import { parsePolicy, parseTrust, POLICY_PATH, TRUST_PATH, type Policy, type Trust } from "@agentos/controller";
import type { Context } from "./context.ts";
import { worldFolder } from "./world.ts";

interface PolicyFile {
  /** As errors name it. */
  readonly file: string;
  readonly policy: Policy;
  /** Is there no such file, so that the default holds? */
  readonly absent: boolean;
}

/** The policy that `typed` names, else the one of the world's folder. @throws AosError `cli.file`; as parsePolicy */
export async function readPolicyFile(cx: Context, typed: string | undefined): Promise<PolicyFile> {
  const path = typed === undefined ? join(await worldFolder(cx), POLICY_PATH) : resolve(cx.cwd, typed);
  const file = typed ?? POLICY_PATH;
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" && typed === undefined) return undefined;
    throw new AosError("cli.file", `${file}: cannot be read (${error.code ?? "unknown"})`, { at: { file: path }, hint: `name a file such as ${POLICY_PATH}` });
  });
  return { file, policy: parsePolicy(bytes, file), absent: bytes === undefined };
}

/** The trust file of the world's folder. @throws AosError `trust.missing`; as parseTrust */
export async function readTrustFile(cx: Context): Promise<Trust> {
  const path = join(await worldFolder(cx), TRUST_PATH);
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) throw new AosError("trust.missing", `${path}: not there, so nobody's key counts`, { at: { file: path }, hint: "a world begins with a trust file; `aos init DIR` makes one" });
  return parseTrust(bytes);
}
