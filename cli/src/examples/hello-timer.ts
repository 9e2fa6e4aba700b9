// 01: a reducer sets a timer and hears of it.

import assert from "node:assert/strict";
import { inside, ofKind, type Example } from "./example.ts";

const REDUCER = "demo/TimerSM@1";

export const helloTimer: Example = {
  number: "01",
  slug: "hello-timer",
  title: "Hello timer",
  summary: "a reducer sets a timer; its receipt comes back as an event of the reducer's own family",
  reducer: REDUCER,
  begin: () => inside(async (world) => {
    const made = await world.send("demo/TimerEvent@1", { $tag: "Start", $value: { deliver_at_ns: 1_000_000, key: null } });
    world.say("start (deliver at 1,000,000 ns)");
    const [intent] = ofKind(made, "intent");
    assert.deepEqual([intent?.effect, intent?.cap, intent?.policy, intent?.rule], ["timer.set", "timer_grant", "demo/policy@1", 0]);
    const [receipt] = ofKind(made, "receipt");
    assert.deepEqual([receipt?.adapter, receipt?.status], ["timer", "ok"]);
    assert.deepEqual(ofKind(made, "raised").map(({ schema }) => schema), ["sys/TimerFired@1"], "the receipt is an event of its own schema; routing wraps it");
    world.say("the timer has fired");
    assert.deepEqual(world.state(REDUCER).json, { pc: { $tag: "Done" }, key: null, deadline_ns: 1_000_000, fired_key: null });
    world.say("final state: pc=Done, key=none, fired_key=none");
  }),
};
