// What an adapter may be made of: the parts of the host that a table of adapters hands out.

import type { EventOffer } from "../core/admit.ts";
import type { World } from "../core/world.ts";
import type { Adapter, Blobs, Clock, SecretSource } from "../ports.ts";
import type { AdapterConfig } from "./config.ts";
import type { GovernancePort } from "./governance.ts";
import type { Vault } from "./vault.ts";

export interface AdapterEnv {
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly secrets: SecretSource;
  /** Where secrets that the world itself puts away are kept; undefined: the effects of the vault answer `vault.missing`. */
  readonly vault: Vault | undefined;
  readonly config: AdapterConfig;
  /** Where proposals of plans go; undefined or absent: they are answered `governance.unavailable`. */
  readonly governance?: GovernancePort | undefined;
  /** The world as it is durable now. For use while a call runs: there is none yet when the adapter is made. */
  readonly world: () => World;
  /** Offers an event to the world; resolves when its turn is durable. */
  readonly submit: (offer: EventOffer) => Promise<unknown>;
}

/** Makes an adapter. Does nothing yet: no file is opened and no connection made before a call. */
export type AdapterFactory = (env: AdapterEnv) => Adapter;
