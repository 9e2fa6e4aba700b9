// Carries out `timer.set`: an answer once the time has come. The open intent is the timer, so a restart sets it again.

import { canonical, decode } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import type { Encodable } from "../air/value.ts";
import type { Adapter, AdapterResult } from "../ports.ts";
import { createAlarms } from "./alarms.ts";
import type { AdapterEnv } from "./env.ts";

/**
 * The adapter `timer`. A timer fires when the logical time, which is the wall's time but never goes back, is at `deliver_at_ns`
 * or past it; `delivered_at_ns` is that time. One timer of the system serves all, and a span may be of any length.
 * A call that is aborted answers `error` at once, with the time it was then.
 */
export function timerAdapter({ clock, world }: Pick<AdapterEnv, "clock" | "world">): Adapter {
  const now = (): bigint => {
    const [wall, logical] = [clock.now(), world().logicalNs];
    return wall > logical ? wall : logical;
  };
  const alarms = createAlarms(clock, now);

  return {
    id: "timer",
    effects: ["timer.set"],
    concurrency: Number.POSITIVE_INFINITY,
    timeoutMs: "none",
    resend: () => "again",
    async run(call): Promise<AdapterResult> {
      const params = readParams(call.params);
      const answer = (status: AdapterResult["status"]): AdapterResult => ({ status, payload: canonical({ delivered_at_ns: now(), key: params.key }) });
      if (call.signal.aborted) return answer("error");
      return new Promise((resolve) => {
        const unset = alarms.set(params.deliverAtNs, () => {
          call.signal.removeEventListener("abort", abort);
          call.awake?.();
          resolve(answer("ok"));
        });
        const abort = (): void => {
          unset();
          resolve(answer("error"));
        };
        call.signal.addEventListener("abort", abort, { once: true });
      });
    },
  };
}

function readParams(bytes: Uint8Array): { readonly deliverAtNs: bigint; readonly key: Encodable } {
  const params = decode(bytes);
  const at = params instanceof Map ? params.get("deliver_at_ns") : undefined;
  const key = params instanceof Map ? (params.get("key") ?? null) : null;
  if ((typeof at !== "number" && typeof at !== "bigint") || (key !== null && typeof key !== "string")) {
    throw new AosError("timer.params", "the params are not those of timer.set");
  }
  return { deliverAtNs: BigInt(at), key };
}
