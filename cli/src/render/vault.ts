// What a vault holds, without its values.

import type { VaultRow } from "../vault.ts";
import { columns, shown } from "./style.ts";

/** A line a version, the current one marked. */
export function vaultLines(names: readonly VaultRow[]): readonly string[] {
  if (names.length === 0) return ["the vault is empty"];
  return columns(
    names.flatMap(({ name, current, versions }) =>
      versions.map(({ version, alias, digest }, index) => [index === 0 ? shown(name) : "", `${version === current ? "*" : " "} ${version}`, digest, alias === name ? "" : shown(alias)]),
    ),
  );
}
