// A push as rules see it.

import type { Local, Oid, RefView } from "@agentos/controller";

/** Null: does not exist. */
export interface RefMove {
  readonly ref: string;
  readonly from: Oid | null;
  readonly to: Oid | null;
}

export interface Push {
  /** The repository with the refs as they would be after the push. */
  readonly local: Local;
  /** The refs as they are. */
  readonly before: RefView;
  /** Whether the world has begun: its journal has been published. */
  readonly begun: boolean;
}
