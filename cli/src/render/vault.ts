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

/** A value of the vault that lies among the blobs as well. */
export interface ScrubRow {
  readonly name: string;
  readonly version: number;
  readonly digest: string;
  readonly outcome: "removed" | "clear" | "shared" | "published" | "absent";
}

const OUTCOMES: { readonly [Outcome in ScrubRow["outcome"]]: string } = {
  removed: "removed from the blobs", clear: "in clear among the blobs", shared: "stays: in a file with other blobs", published: "stays: it is published", absent: "gone already",
};

export function scrubLines(rows: readonly ScrubRow[]): readonly string[] {
  if (rows.length === 0) return ["no value of the vault is among the blobs"];
  return columns(rows.map(({ name, version, digest, outcome }) => [shown(name), String(version), digest, OUTCOMES[outcome]]));
}
