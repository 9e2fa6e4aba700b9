// The sandbox's version: a hash over all that decides results besides a module and its input.

import { hashValue } from "../air/hash.ts";
import { ENGINE_HASH } from "./engine-file.ts";
import * as limits from "./limits.ts";
import { PRELUDE } from "./prelude.ts";
import { REWRITER_VERSION } from "./rewrite.ts";

/**
 * What decides results besides the artifact and the input: engine, rewriter, prelude and every limit. A journal pins it; another
 * version may give another output or another fuel, so it must not replay that journal.
 */
export const SANDBOX_VERSION: string = `sandbox-${REWRITER_VERSION}-${hashValue({
  engine: ENGINE_HASH, rewriter: REWRITER_VERSION, prelude: PRELUDE, limits: new Map(Object.entries(limits)),
}).slice("sha256:".length, "sha256:".length + 16)}`;
