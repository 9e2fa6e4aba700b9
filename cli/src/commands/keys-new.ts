// aos keys new: an Ed25519 key in OpenSSH's own files.

import { mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { AosError } from "@agentos/kernel";
import { generateKey, isPrincipalName, publicKeyLine, writeKey } from "@agentos/controller";
import { command } from "../command.ts";
import { keyJson, keyLines } from "../render/key.ts";

export default command({
  positionals: { name: { type: "string", default: "author", describe: "Whose key it is: a principal's name" } },
  options: { out: { type: "string", requiresArg: true, describe: "Where to write it; the public half goes to the same path with .pub [default: ~/.aos/keys/NAME]" } },
  epilogue: "The key has no passphrase: keep it readable by yourself only.\nExample: aos keys new reviewer --out ./reviewer",
  async run(cx, { name, out }) {
    if (!isPrincipalName(name)) throw new AosError("key.name", `${name}: not a principal's name`, { hint: "a lower-case letter, then lower-case letters, digits and -, at most 32" });
    const path = out === undefined ? join(homedir(), ".aos", "keys", name) : resolve(cx.cwd, out);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const generated = generateKey(name);
    await writeKey(path, generated);
    const line = publicKeyLine(generated.key);
    cx.out.result(keyJson(path, generated.key.publicKey, line), [
      ...keyLines(path, generated.key.publicKey, line, cx.out.style),
      "",
      "Next, to let it speak for somebody:",
      `  in a new world:      aos init DIR --person ${name}=${path}.pub`,
      "  in a world there is: add the line to .aos/trust.json on a branch of its own, then aos keys signers --write, and aos propose",
    ]);
  },
});
