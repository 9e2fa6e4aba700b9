// All definitions a person can ask for by name: the world's and the catalog's.

import { bareHash, BUILTIN_CAPS, BUILTIN_EFFECTS, BUILTIN_MODULES, BUILTIN_SCHEMAS, compareText, type Definition, type Hash } from "@agentos/kernel";
import { filesOfFolder, loadWorld, requireControl } from "@agentos/controller";

export interface KnownDefinition {
  readonly node: Definition;
  /** As a manifest names it. */
  readonly hash: Hash;
  readonly builtin: boolean;
}

/** What the manifest of the world in a folder lists, but for builtin ones. @throws AosError `air.invalid` */
export async function ownDefinitions(folder: string): Promise<readonly KnownDefinition[]> {
  const control = requireControl(await loadWorld(filesOfFolder(folder)), folder);
  return sorted(control.nodes.map(({ hash, node }) => ({ node, hash, builtin: false })));
}

export function builtinDefinitions(): readonly KnownDefinition[] {
  const all: readonly Definition[] = [...BUILTIN_SCHEMAS.values(), ...BUILTIN_EFFECTS.values(), ...BUILTIN_CAPS.values(), ...BUILTIN_MODULES.values()];
  return sorted(all.map((node) => ({ node, hash: bareHash(node), builtin: true })));
}

function sorted(all: readonly KnownDefinition[]): readonly KnownDefinition[] {
  return [...all].sort((a, b) => compareText(a.node.kind, b.node.kind) || compareText(a.node.name, b.node.name));
}
