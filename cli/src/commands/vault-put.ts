// aos vault put: a value, typed or piped in, becomes the next version of a name.

import { command } from "../command.ts";
import { readSecret } from "../secret-input.ts";
import { vaultOf } from "../vault.ts";

export default command({
  positionals: { name: { type: "string", demandOption: true, describe: "Its name: letters, digits and . _ / -, at most 128" } },
  options: {
    alias: { type: "string", requiresArg: true, describe: "What it is for, told with the version [default: the name]" },
    exact: { type: "boolean", default: false, describe: "keep a line break at the end of what is piped in" },
  },
  epilogue:
    "The value is read from standard input, or asked for without being shown; it is never an argument. It goes into the world's encrypted\nvault and nowhere else: not into the journal, the blobs, or the log. Works whether the world runs or not; calls that come after it get\nthe new version.\nExamples: aos vault put llm/key            aos vault put llm/key < key.txt\nWith --json: {name, binding, version, alias, digest}.",
  async run(cx, { name, alias = name, exact }) {
    const vault = await vaultOf(cx, "write");
    const value = await readSecret(process.stdin, { question: `Value of ${JSON.stringify(name)}, not shown: `, say: (text) => void process.stderr.write(text), end: exact ? "exact" : "line" });
    const kept = await vault.put(name, { alias, value });
    const binding = `vault:${name}`;
    cx.out.result({ name, binding, ...kept }, [`${binding} is now version ${kept.version} (${kept.digest})`]);
  },
});
