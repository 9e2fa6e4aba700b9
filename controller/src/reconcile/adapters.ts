// The adapters of a running world: its own settings and vault beside its journal, secrets from there and from the environment.

import { open } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import {
  allAdapters, AosError, DEFAULT_CONFIG, fileVault, parseAdapterConfig, secretSources,
  type Adapter, type AdapterConfig, type Blobs, type Clock, type GovernancePort, type Host, type SecretSource,
} from "@agentos/kernel";
import { systemCode } from "../git/durable.ts";

/** Settings of the adapters, in the folder of the world's local state. */
export const ADAPTERS_FILE = "adapters.json";
const CONFIG_BYTES_MAX = 256 * 1024;

/**
 * Reads `adapters.json` of a state folder; the defaults where there is none.
 *
 * @throws AosError `adapters.config` at the first thing in it that is wrong
 */
export async function readAdapterConfig(folder: string): Promise<AdapterConfig> {
  const file = join(folder, ADAPTERS_FILE);
  const handle = await open(file, "r").catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw new AosError("adapters.config", `${file}: cannot be read (${systemCode(error) ?? "unknown"})`, { at: { file }, cause: error });
  });
  if (handle === undefined) return DEFAULT_CONFIG;
  try {
    if ((await handle.stat()).size > CONFIG_BYTES_MAX) throw new AosError("adapters.config", `${file}: longer than ${CONFIG_BYTES_MAX} bytes`, { at: { file } });
    return parseAdapterConfig(await handle.readFile("utf8"), file);
  } finally {
    await handle.close();
  }
}

/** Makes every adapter of a world whose host is still to be opened. @throws AosError `adapters.config`, `llm.config` */
export async function worldAdapters(
  folder: string,
  parts: { readonly blobs: Blobs; readonly clock: Clock; readonly host: () => Host; readonly governance?: GovernancePort | undefined },
): Promise<{ readonly adapters: readonly Adapter[]; readonly secrets: SecretSource }> {
  const { blobs, clock, host, governance } = parts;
  const config = await readAdapterConfig(folder);
  const place = (path: string): string => (isAbsolute(path) ? path : join(folder, path));
  const vault = fileVault(place(config.vault.file), { kind: "file", path: place(config.vault.keyFile) });
  const secrets = secretSources({ env: process.env, vault });
  const adapters = allAdapters({ blobs, clock, secrets, vault, config, governance, world: () => host().world, submit: (offer) => host().submit(offer) });
  return { adapters, secrets };
}
