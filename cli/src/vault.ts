// The vault of a world, for commands that look into it or change it, whether the world runs or not.

import { AosError, type Vault, type VaultVersion } from "@agentos/kernel";
import { stateFolder, stateFolderAt, worldVault } from "@agentos/controller";
import type { Context } from "./context.ts";
import { worldRepo } from "./world.ts";

export interface VaultRow {
  readonly name: string;
  /** The version that `vault:NAME` is. */
  readonly current: number;
  readonly versions: readonly VaultVersion[];
}

/** @param how - to `write`, the folder of the world's local state is made where there is none */
export async function vaultOf(cx: Context, how: "read" | "write"): Promise<Vault> {
  const repo = await worldRepo(cx);
  return worldVault((how === "read" ? stateFolderAt(repo) : await stateFolder(repo)).path);
}

/** @throws AosError `vault.unknown` */
export async function vaultRow(vault: Vault, name: string): Promise<VaultRow> {
  const row = (await vault.list()).find((one) => one.name === name);
  if (row === undefined) throw new AosError("vault.unknown", `${JSON.stringify(name)}: the vault has no such name`, { hint: "`aos vault ls` lists those it has" });
  return row;
}
