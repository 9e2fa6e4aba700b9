// The adapters of a running world: its own settings and vault beside its journal, secrets from there and from the environment.

import { open } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import {
  allAdapters, AosError, DEFAULT_CONFIG, fileVault, parseAdapterConfig, secretSources,
  type Adapter, type AdapterConfig, type Blobs, type Clock, type GovernancePort, type Host, type SecretSource, type Vault, type VaultKey,
} from "@agentos/kernel";
import { systemCode } from "../git/durable.ts";

/** Settings of the adapters, in the folder of the world's local state. */
export const ADAPTERS_FILE = "adapters.json";
const CONFIG_BYTES_MAX = 256 * 1024;
const PASSPHRASE_BYTES_MAX = 4096;

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

/**
 * The vault of a world.
 *
 * @param folder - of its local state
 * @throws AosError `adapters.config`, `vault.key` where the passphrase that the settings ask for is not there
 */
export async function worldVault(folder: string, settings?: AdapterConfig): Promise<Vault> {
  const { vault } = settings ?? (await readAdapterConfig(folder));
  const place = (path: string): string => (isAbsolute(path) ? path : join(folder, path));
  const { passphrase } = vault;
  const key: VaultKey = passphrase === undefined ? { kind: "file", path: place(vault.keyFile) } : { kind: "passphrase", passphrase: await readPassphrase(passphrase, place) };
  return fileVault(place(vault.file), key);
}

async function readPassphrase(from: string, place: (path: string) => string): Promise<string> {
  const at = from.slice(from.indexOf(":") + 1);
  if (from.startsWith("env:")) {
    const text = process.env[at];
    if (text === undefined || text === "") throw new AosError("vault.key", `the environment variable ${at}, where the vault's passphrase is, is not set`, { hint: `${ADAPTERS_FILE} names it` });
    return text;
  }
  const file = place(at);
  const wrong = (what: string, hint?: string): AosError => new AosError("vault.key", `${file}: ${what}`, { at: { file }, ...(hint === undefined ? {} : { hint }) });
  const handle = await open(file, "r").catch((error: unknown) => {
    throw wrong(`the vault's passphrase cannot be read (${systemCode(error) ?? "unknown"})`);
  });
  try {
    const { mode, size } = await handle.stat();
    if ((mode & 0o077) !== 0) throw wrong("others may read the vault's passphrase", `chmod 600 ${file}`);
    const [line = ""] = size > PASSPHRASE_BYTES_MAX ? [] : (await handle.readFile("utf8")).split(/\r?\n/);
    if (line === "") throw wrong(`no passphrase in its first line, or more than ${PASSPHRASE_BYTES_MAX} bytes`);
    return line;
  } finally {
    await handle.close();
  }
}

/** Makes every adapter of a world whose host is still to be opened. @throws AosError as worldVault; `llm.config` */
export async function worldAdapters(
  folder: string,
  parts: { readonly blobs: Blobs; readonly clock: Clock; readonly host: () => Host; readonly governance?: GovernancePort | undefined },
): Promise<{ readonly adapters: readonly Adapter[]; readonly secrets: SecretSource }> {
  const { blobs, clock, host, governance } = parts;
  const config = await readAdapterConfig(folder);
  const vault = await worldVault(folder, config);
  const secrets = secretSources({ env: process.env, vault });
  const adapters = allAdapters({ blobs, clock, secrets, vault, config, governance, world: () => host().world, submit: (offer) => host().submit(offer) });
  return { adapters, secrets };
}
