// aos vault rotate: another version that the vault keeps becomes the current one.

import { AosError } from "@agentos/kernel";
import { command } from "../command.ts";
import { countOf } from "../count.ts";
import { vaultOf, vaultRow } from "../vault.ts";

export default command({
  positionals: {
    name: { type: "string", demandOption: true, describe: "The name whose version it is" },
    number: { type: "number", demandOption: true, describe: "The version that is to be current" },
  },
  options: {},
  epilogue: "For going back to an earlier value: every version is kept. A new value is put with `aos vault put`.\nWith --json: {name, binding, version, alias, digest}.",
  async run(cx, { name, number }) {
    const version = countOf("NUMBER", number, { least: 1 });
    const vault = await vaultOf(cx, "read");
    const row = await vaultRow(vault, name);
    const found = row.versions.find((one) => one.version === version);
    if (found === undefined) throw new AosError("vault.version", `${name}: the vault keeps versions 1 to ${row.versions.length}, not ${version}`, { hint: "`aos vault ls` lists them" });
    const kept = await vault.rotate(name, { version, digest: found.digest });
    const binding = `vault:${name}`;
    cx.out.result({ name, binding, ...kept }, [`${binding} is now version ${kept.version}, as it was before (${kept.digest})`]);
  },
});
