// Rules of migrations: which module carries the cells of which reducer over to a new state schema.

import { MANIFEST, unresolved, type Draft, type Report } from "./findings.ts";

/** Both ends are listed modules, one a reducer and one pure, and a reducer has one migration. */
export function validateMigrations(draft: Draft, report: Report): void {
  const seen = new Map<string, number>();
  for (const [index, migration] of (draft.manifest.migrations ?? []).entries()) {
    const at = `/migrations/${index}`;
    const first = seen.get(migration.reducer);
    if (first !== undefined) report(MANIFEST, { code: "migration.duplicate", pointer: `${at}/reducer`, message: `reducer \`${migration.reducer}\` has migration ${first} already` });
    else seen.set(migration.reducer, index);
    for (const [role, kind, code] of ROLES) checkModule(draft, { name: migration[role], kind, code, pointer: `${at}/${role}` }, report);
  }
}

const ROLES = [["reducer", "reducer", "migration.reducer"], ["module", "pure", "migration.module"]] as const;

interface Wanted {
  readonly name: string;
  readonly kind: "reducer" | "pure";
  readonly code: string;
  readonly pointer: string;
}

function checkModule(draft: Draft, { name, kind, code, pointer }: Wanted, report: Report): void {
  const module = draft.modules.get(name);
  if (module === undefined) {
    const among = [...draft.modules.values()].filter((other) => other.module_kind === kind).map((other) => other.name);
    const problem = unresolved(draft, { kind: "defmodule", name, what: kind === "pure" ? "pure module" : "reducer", among });
    if (problem !== undefined) report(MANIFEST, { code, pointer, ...problem });
  } else if (module.module_kind !== kind) {
    const hint = kind === "pure" ? "a migration is a pure module: it takes the old state and gives the new one" : "the cells that a migration carries over are those of a reducer";
    report(MANIFEST, { code, pointer, message: `module \`${name}\` is not ${kind === "pure" ? "pure" : "a reducer"}`, hint });
  }
}
