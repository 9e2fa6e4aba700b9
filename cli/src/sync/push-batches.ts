// A push of several folders: all of them are looked at, and what belongs to one workspace goes together.

import type { LinkPlace } from "./link-state.ts";
import type { Looks } from "./looks.ts";
import type { Outlet } from "./outlet.ts";
import { filesToSend, planLink, rememberLook, type LinkPlan, type PlanOptions } from "./plan-push.ts";
import { pushPlans, type LinkPushed, type SendOptions } from "./push-link.ts";
import type { Way } from "./way.ts";

/** Parts of one workspace, which become one version of it. */
export interface Batch {
  readonly outlet: Outlet;
  readonly plans: readonly LinkPlan[];
}

/** What is refused is left out, and told by `looked`. */
export async function planBatches({ outlet, shown }: Pick<Way, "outlet" | "shown">, places: readonly LinkPlace[], options: PlanOptions & { readonly looked: Looks }): Promise<readonly Batch[]> {
  const { looked } = options;
  const parts = new Map<string, LinkPlan[]>();
  for (const place of places) {
    shown.next(`reading ${place.link.dir}`);
    const plan = await looked.take(() => planLink({ ...place, onFile: () => shown.step() }, options));
    if (plan !== undefined) parts.set(place.link.workspace, [...(parts.get(place.link.workspace) ?? []), plan]);
  }
  const batches = [...parts.values()].map((plans): Batch => ({ outlet: outlet(), plans }));
  for (const { outlet: way, plans } of batches) if (plans.some(({ version }) => version === "new")) await looked.take(() => way.requireSendable(plans.flatMap(filesToSend)));
  shown.hide();
  return batches;
}

/** For the next push, where nothing comes of this one. */
export function rememberLooks(batches: readonly Batch[]): void {
  for (const { plans } of batches) for (const { seen } of plans) rememberLook(seen);
}

/** @throws AosError as pushPlans */
export async function pushBatch({ outlet, plans }: Batch, shown: Way["shown"], options: Omit<SendOptions, "onSent">): Promise<readonly LinkPushed[]> {
  const onSent = (total: number): void => {
    shown.next(`sending ${plans.map(({ place }) => place.link.dir).join(", ")}`);
    shown.step({ total });
  };
  const pushed = await pushPlans(outlet, plans, { ...options, onSent });
  shown.hide();
  return pushed;
}
