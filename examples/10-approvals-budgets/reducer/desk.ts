// The whole desk in one cell: how many payments went through, how many did not.

import { reduce, type Variant } from "@agentos/kernel/sdk";

interface State {
  readonly paid: number;
  readonly paid_cents: number;
  readonly failed: number;
  /** What the last payment that failed came back with: `error`, `timeout`. */
  readonly last_why: string | null;
}
type Event = Variant<{
  Paid: { readonly amount_cents: number };
  NotPaid: { readonly why: string };
}>;

const NOTHING: State = { paid: 0, paid_cents: 0, failed: 0, last_why: null };

export default reduce<State, Event>((state, input) => {
  const now = state ?? NOTHING;
  if (input.$tag === "Paid") return { state: { ...now, paid: now.paid + 1, paid_cents: now.paid_cents + input.$value.amount_cents } };
  return { state: { ...now, failed: now.failed + 1, last_why: input.$value.why } };
});
