// Looks at a world again whenever one of its files changes, until a signal ends it.

import { watch } from "chokidar";
import { relative, sep } from "node:path";

const QUIET_MS = 50;
const SIGNALS = ["SIGINT", "SIGTERM"] as const;
/** What no world's meaning depends on. */
const OUTSIDE = new Set([".git", "node_modules"]);

/**
 * Calls `look` at once, and again when files of the folder have changed and been quiet for 50 ms; never two at a time. The whole
 * folder is watched but for Git's own and installed packages: a sync map may name new places while it runs, and sources import others.
 *
 * @returns when SIGINT or SIGTERM came. @throws what `look` throws
 */
export async function watchWorld(folder: string, look: (round: "first" | "later") => Promise<void>): Promise<void> {
  const watcher = watch(folder, {
    ignoreInitial: true,
    ignored: (path) => relative(folder, path).split(sep).some((part) => OUTSIDE.has(part)),
  });
  let timer: NodeJS.Timeout | undefined;
  let wake: () => void = () => undefined;
  let state: "quiet" | "changed" | "ended" = "quiet";
  const end = (): void => {
    state = "ended";
    wake();
  };
  watcher.on("all", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (state === "quiet") state = "changed";
      wake();
    }, QUIET_MS);
  });
  // A file that cannot be watched is told by the look at it.
  watcher.on("error", () => undefined);
  for (const signal of SIGNALS) process.on(signal, end);
  const now = (): typeof state => state;
  try {
    await new Promise<void>((resolve) => {
      wake = resolve;
      watcher.on("ready", resolve);
    });
    for (let round: "first" | "later" = "first"; now() !== "ended"; round = "later") {
      state = "quiet";
      await look(round);
      if (now() === "quiet") await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    clearTimeout(timer);
    for (const signal of SIGNALS) process.removeListener(signal, end);
    await watcher.close();
  }
}
