// aos keys show: a key's public line and fingerprint.

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { AosError } from "@agentos/kernel";
import { parsePrivateKey, parsePublicKeyLine, publicHalf, publicKeyLine } from "@agentos/controller";
import { command } from "../command.ts";
import { keyJson, keyLines } from "../render/key.ts";

export default command({
  positionals: { path: { type: "string", demandOption: true, describe: "A private key, or a public one (.pub)" } },
  options: {},
  async run(cx, { path }) {
    const file = resolve(cx.cwd, path);
    const text = await readFile(file, "utf8").catch((cause: unknown) => {
      throw new AosError("key.missing", `${file}: no key can be read there`, { at: { file }, cause, hint: "make one with `aos keys new`, or name another file" });
    });
    const key = text.startsWith("ssh-") ? parsePublicKeyLine(text) : shownOf(text, file);
    const line = publicKeyLine(key);
    cx.out.result(keyJson(file, key.publicKey, line), keyLines(file, key.publicKey, line, cx.out.style));
  },
});

/** What of a private key is shown: of one with a passphrase too, since its public half stands there in clear. @throws AosError as parsePrivateKey() */
function shownOf(text: string, file: string): { readonly publicKey: Uint8Array; readonly comment: string } {
  try {
    return parsePrivateKey(text, file);
  } catch (error) {
    return { publicKey: publicHalf(text, error), comment: "" };
  }
}
