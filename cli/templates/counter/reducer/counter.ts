// Counts down: Start sets how far, each Tick takes one, zero is Done.

import { reduce, type Variant } from "@agentos/kernel/sdk";

interface State {
  readonly pc: Variant<{ Idle: null; Counting: null; Done: null }>;
  readonly remaining: number;
}
type Event = Variant<{ Start: { readonly target: number }; Tick: null }>;

const IDLE: State = { pc: { $tag: "Idle" }, remaining: 0 };

export default reduce<State, Event>((state, event) => {
  const now = state ?? IDLE;
  if (event.$tag === "Start") return { state: counting(event.$value.target) };
  if (now.pc.$tag === "Counting" && now.remaining > 0) return { state: counting(now.remaining - 1) };
  return { state: now };
});

function counting(remaining: number): State {
  return { pc: { $tag: remaining === 0 ? "Done" : "Counting" }, remaining };
}
