// Who may ask for an effect.

import type { DefEffect } from "./types.ts";

/** Plans may set timers too, though the builtin definition, whose hash every AIR v1 runtime shares, names reducers alone. */
export function mayAsk(origin: "plan" | "reducer", { name, origin_scope: scope }: Pick<DefEffect, "name" | "origin_scope">): boolean {
  return scope === "both" || scope === origin || (origin === "plan" && name === "sys/timer.set@1");
}
