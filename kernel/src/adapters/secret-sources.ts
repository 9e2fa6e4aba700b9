// Where secret values are found by the id they are bound to: the environment of the process, and the vault.

import { utf8 } from "../air/hash.ts";
import type { SecretSource } from "../ports.ts";
import { isVaultName, type Vault } from "./vault.ts";

/**
 * Resolves `env:NAME` (the text as UTF-8; a variable that is not set or empty has no value), `vault:NAME` (its current
 * version) and `vault:NAME@VERSION`. Any other id has no value.
 */
export function secretSources(from: { readonly env: Readonly<Record<string, string | undefined>>; readonly vault: Vault | undefined }): SecretSource {
  return {
    async resolve(bindingId) {
      if (bindingId.startsWith("env:")) {
        const name = bindingId.slice("env:".length);
        const text = Object.hasOwn(from.env, name) ? from.env[name] : undefined;
        return text === undefined || text === "" ? undefined : utf8(text);
      }
      const binding = parseVaultBinding(bindingId);
      return binding === undefined ? undefined : from.vault?.get(binding.name, binding.version);
    },
  };
}

/** Reads `vault:NAME` and `vault:NAME@VERSION`, versions from 1. */
export function parseVaultBinding(id: string): { readonly name: string; readonly version: number | undefined } | undefined {
  const [, name = "", version] = /^vault:([^@]+)(?:@([1-9]\d{0,8}))?$/.exec(id) ?? [];
  return isVaultName(name) ? { name, version: version === undefined ? undefined : Number(version) } : undefined;
}
