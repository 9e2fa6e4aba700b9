// Runs a world in the foreground until it is told to stop.

import { SUSPENDED, WAITING_FOR_WINDOW, jsonLog, LOG_LEVELS, parseLoopback, startController, type ControllerOptions, type LogLevel, type LoopbackPlace, type RunningController } from "@agentos/controller";
import { AosError } from "@agentos/kernel";
import type { Context } from "./context.ts";
import { logLine, type LogLineView } from "./render/log-line.ts";
import { shown } from "./render/style.ts";
import { textChanges } from "./write-back.ts";

/** How `until` is told that the work is done; signals end it too. */
export async function serve(cx: Context, { logLevel, ...options }: Omit<ControllerOptions, "log"> & { readonly logLevel: LogLevel }, until: "stopped" | ((controller: RunningController) => Promise<void>)): Promise<void> {
  const controller = await startController({ ...options, writeBack: textChanges, log: jsonLog((text) => printLog(cx, text), { level: logLevel }) });
  const stop = (): void => {
    // A second signal is for those who cannot wait.
    for (const signal of SIGNALS) process.removeListener(signal, stop);
    void controller.stop();
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  try {
    if (until !== "stopped") await until(controller).finally(() => controller.stop());
    const error = await controller.stopped;
    if (error !== undefined) throw error;
  } finally {
    for (const signal of SIGNALS) process.removeListener(signal, stop);
  }
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** For people on a terminal, else one JSON object a line. */
function printLog(cx: Context, text: string): void {
  const json = cx.out.mode === "json" || !cx.out.terminal;
  process.stdout.write(`${json ? text : logLine(JSON.parse(text) as LogLineView, cx.out.style)}\n`);
}

/** Arguments that `aos run` and `aos controller` share. */
export const SERVE_OPTIONS = {
  "poll-ms": { type: "number", requiresArg: true, describe: "How often to look at the repository without a hint [default: 1000]" },
  http: { type: "string", requiresArg: true, describe: "Answer on loopback HTTP too, at [HOST:]PORT, to whoever has the token" },
  "agent-key": { type: "string", requiresArg: true, describe: "The key of an agent, which signs what plans propose [default: git config aos.agentkey, else the controller's signs]" },
  "log-level": { choices: LOG_LEVELS, default: "info", describe: "Which lines to log" },
} as const;

/** @throws AosError `cli.poll`, `control.http` */
export function serveArgs(args: { readonly "poll-ms": number | undefined; readonly http: string | undefined; readonly "log-level": LogLevel }): { readonly pollMs?: number; readonly http?: LoopbackPlace; readonly logLevel: LogLevel } {
  return { ...pollOf(args["poll-ms"]), ...(args.http === undefined ? {} : { http: parseLoopback(args.http) }), logLevel: args["log-level"] };
}

/**
 * Waits until the controller has looked at the repository and has nothing left that it can do. A merge whose time has not come, or that
 * waits since the world is suspended, is told and left: nothing failed, and the next run takes it up.
 *
 * @throws AosError `run.stalled` (refused) when somebody must act before it can go on; `run.busy` when it does not come to rest
 */
export async function untilIdle(cx: Context, controller: Pick<RunningController, "status">): Promise<void> {
  const until = Date.now() + ONCE_TIMEOUT_MS;
  for (;;) {
    const { observedRevision, reconciling, openIntents, ready, stalled, proposals } = controller.status();
    const waits = reconciling.reason === WAITING_FOR_WINDOW || reconciling.reason === SUSPENDED;
    const done = observedRevision !== undefined && (reconciling.status !== "True" || waits) && openIntents.length === 0;
    const reported = proposals.every(({ shadow }) => shadow !== "pending");
    if (done && stalled.status === "True") throw new AosError("run.stalled", `${stalled.reason}: ${stalled.message}`, { class: "refused", hint: "what is in force stays so; docs/operations.md says what to do" });
    if (done && waits) return cx.out.notice(shown(reconciling.message));
    if (done && ready.status === "True" && reported) return;
    if (Date.now() > until) throw new AosError("run.busy", "the world did not come to rest", { class: "outside", hint: "run it without --once, and look at `aos status`" });
    await new Promise((resolve) => setTimeout(resolve, ONCE_LOOK_MS));
  }
}

const ONCE_TIMEOUT_MS = 120_000;
const ONCE_LOOK_MS = 20;

function pollOf(pollMs: number | undefined): { readonly pollMs?: number } {
  if (pollMs === undefined) return {};
  if (!Number.isSafeInteger(pollMs) || pollMs < 10) throw new AosError("cli.poll", "--poll-ms: expected a whole number of milliseconds from 10", { hint: "such as --poll-ms 1000" });
  return { pollMs };
}
