// aos vault ls: the names of a world's vault and their versions; never a value.

import { command } from "../command.ts";
import { vaultLines } from "../render/vault.ts";
import { vaultOf } from "../vault.ts";

export default command({
  positionals: {},
  options: {},
  epilogue: "Values are never shown: what a world needs of them it gets through a secret bound to `vault:NAME`.\nWith --json: {names: [{name, current, versions: [{version, alias, digest}]}]}; a digest is the SHA-256 of the value.",
  async run(cx) {
    const names = await (await vaultOf(cx, "read")).list();
    cx.out.result({ names }, vaultLines(names));
  },
});
