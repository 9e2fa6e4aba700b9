// Start sets a timer; the world tells when it has fired.

import { effect, reduce, type Int, type Variant } from "@agentos/kernel/sdk";

interface State {
  readonly pc: Variant<{ Idle: null; Awaiting: null; Done: null; TimedOut: null }>;
  readonly key: string | null;
  readonly deadline_ns: Int | null;
  readonly fired_key: string | null;
}
type Event = Variant<{
  Start: { readonly deliver_at_ns: Int; readonly key: string | null };
  Fired: { readonly status: string };
}>;

const IDLE: State = { pc: { $tag: "Idle" }, key: null, deadline_ns: null, fired_key: null };

export default reduce<State, Event>((state, event) => {
  const now = state ?? IDLE;
  if (event.$tag === "Start") {
    if (now.pc.$tag === "Awaiting") return { state: now };
    const { deliver_at_ns, key } = event.$value;
    const begun = { key, deadline_ns: deliver_at_ns, fired_key: null };
    if (BigInt(deliver_at_ns) === 0n) return { state: { ...begun, pc: { $tag: "Done" } } };
    return { state: { ...begun, pc: { $tag: "Awaiting" } }, effects: [effect("timer.set", { deliver_at_ns, key })] };
  }
  if (now.pc.$tag !== "Awaiting" || now.deadline_ns === null) return { state: now };
  return { state: { ...now, pc: { $tag: "Done" }, fired_key: now.key } };
});
