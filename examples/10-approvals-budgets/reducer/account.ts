// One cell an account: its invoices that are not paid yet, and what was paid in all.

import { event, reduce, type Variant } from "@agentos/kernel/sdk";

interface State {
  readonly open: readonly number[];
  readonly paid_cents: number;
}
interface Invoice {
  readonly account: string;
  readonly invoice: number;
  readonly amount_cents: number;
}
type Event = Variant<{
  Invoice: Invoice & { readonly url: string };
  Paid: Invoice & { readonly status: number };
  NotPaid: Invoice & { readonly why: string };
}>;

const EMPTY: State = { open: [], paid_cents: 0 };

export default reduce<State, Event>((state, input) => {
  const now = state ?? EMPTY;
  const { invoice, amount_cents } = input.$value;
  switch (input.$tag) {
    case "Invoice":
      if (now.open.includes(invoice)) return { state: now };
      return { state: { ...now, open: [...now.open, invoice] }, events: [event("demo/PayRequested@1", input.$value)] };
    case "Paid":
      return { state: { open: now.open.filter((one) => one !== invoice), paid_cents: now.paid_cents + amount_cents } };
    case "NotPaid":
      return { state: now };
  }
});
