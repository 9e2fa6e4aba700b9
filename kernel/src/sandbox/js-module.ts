// A bundle as a module of the WASM ABI: called in the engine, its border in js-envelope.ts.

import { AosError } from "../air/error.ts";
import type { ModuleResult } from "../ports.ts";
import { readArguments, writeOutput } from "./js-envelope.ts";
import type { Arguments } from "./js-envelope.ts";
import { sharedEngine } from "./js-engine.ts";
import { MESSAGE_CHARS_MAX } from "./limits.ts";
import type { ModuleCache } from "./module-cache.ts";
import type { LoadedModule } from "./wasm-runner.ts";

/**
 * Evaluates a bundle and makes it callable.
 * @throws AosError `module.refused`
 */
export function loadJs(bundleText: Uint8Array, cache?: ModuleCache): LoadedModule {
  const engine = sharedEngine(cache);
  const bundle = engine.load(bundleText);
  return {
    call(entry, input, fuelLimit, show) {
      if (entry !== bundle.entry) return failed("trap", `the module's entry is ${JSON.stringify(bundle.entry)}, not ${JSON.stringify(entry)}`, 0);
      let args: Arguments;
      try {
        args = readArguments(entry, input);
      } catch (error) {
        return failed("trap", `input: ${messageOf(error)}`, 0);
      }
      const ended = engine.call(bundle, args, fuelLimit);
      if (ended.kind === "failed") return ended;
      try {
        const answer = ended.value();
        if (answer.kind === "thrown") {
          show?.(answer.trace);
          return failed("trap", answer.message, ended.fuelUsed);
        }
        const output = writeOutput(entry, answer.value);
        return { kind: "ok", output, fuelUsed: ended.fuelUsed };
      } catch (error) {
        return failed("output", messageOf(error), ended.fuelUsed);
      }
    },
  };
}

function failed(code: "trap" | "output", message: string, fuelUsed: number): ModuleResult {
  return { kind: "failed", code, message: shortened(message), fuelUsed };
}

/** A long message keeps its head and its tail: the place stands first, the reason last. */
function shortened(message: string): string {
  if (message.length <= MESSAGE_CHARS_MAX) return message;
  const half = MESSAGE_CHARS_MAX / 2;
  return `${message.slice(0, half - (splitsPair(message, half) ? 1 : 0))} … ${message.slice(message.length - half + (splitsPair(message, message.length - half) ? 1 : 0))}`;
}

/** Whether a cut at this place would leave half of a surrogate pair on either side. */
function splitsPair(text: string, at: number): boolean {
  return (text.codePointAt(at - 1) ?? 0) > 0xffff;
}

/** What an input or a result that is no data says of itself; anything else is a fault of this program. */
function messageOf(error: unknown): string {
  if (!(error instanceof AosError)) throw error;
  return error.message.replace(/^\[1\]/, "result");
}
