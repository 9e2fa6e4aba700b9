// What a script that threw looks like in the log: the module's name and where it was. Nothing of it is recorded.

import type { World } from "@agentos/kernel";
import type { Places, Thrown } from "../script-places.ts";
import type { Log } from "./log.ts";

/** Logs throws at warn, in the author's files where `places` finds them, else as the engine tells them. */
export function throwLog(log: Log, on: { readonly world: () => World; places(thrown: Thrown): Promise<Places | undefined> }): (thrown: Thrown) => void {
  return (thrown) => {
    const name = moduleName(on.world(), thrown);
    // Whatever keeps the sources from being built, the world goes on.
    void on.places(thrown).catch(() => undefined).then((found) => {
      log("warn", "module threw", { module: name ?? found?.module ?? thrown.wasmHash, at: found?.places ?? thrown.trace.split("\n").map((line) => line.trim()) });
    });
  };
}

function moduleName({ control }: World, { wasmHash }: Thrown): string | undefined {
  return [...(control?.modules.values() ?? [])].find(({ wasm_hash }) => wasm_hash === wasmHash)?.name;
}
