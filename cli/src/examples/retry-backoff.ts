// 08: work that fails is tried again by timers, each pause twice as long, until the attempts are used up.

import assert from "node:assert/strict";
import { decode } from "@agentos/kernel";
import { plainJson } from "@agentos/controller";
import { inside, ofKind, type Example } from "./example.ts";

const REDUCER = "demo/RetrySM@1";
const START = { req_id: "req-123", payload: "do_work", max_attempts: 3, base_delay_ms: 10, now_ns: 1_000_000 };

export const retryBackoff: Example = {
  number: "08",
  slug: "retry-backoff",
  title: "Retry with backoff",
  summary: "a reducer sets a timer for each new attempt at work that keeps failing",
  reducer: REDUCER,
  begin: () => inside(async (world) => {
    const made = await world.send("demo/RetryEvent@1", { $tag: "start", $value: START });
    const timers = ofKind(made, "intent");
    const wanted = [11_000_000, 21_000_000].map((at) => ["timer.set", "timer_grant", 0, { deliver_at_ns: at, key: "req-123" }]);
    assert.deepEqual(timers.map(({ effect, cap, rule, params }) => [effect, cap, rule, plainJson(decode(params))]), wanted);
    world.say("attempt 1 failed, timer for 11,000,000 ns");
    world.say("attempt 2 failed, timer for 21,000,000 ns");
    assert.deepEqual(ofKind(made, "receipt").map(({ status, intent_seq }) => [status, intent_seq]), timers.map(({ seq }) => ["ok", seq]));
    assert.deepEqual(ofKind(made, "raised").map(({ schema }) => schema), [
      "demo/WorkRequested@1", "demo/WorkErr@1", "sys/TimerFired@1", "demo/WorkRequested@1", "demo/WorkErr@1", "sys/TimerFired@1", "demo/WorkRequested@1", "demo/WorkErr@1",
    ]);
    assert.deepEqual(ofKind(made, "plan_ended").map(({ instance, status }) => [instance, status]), [[0, "ok"], [1, "ok"], [2, "ok"]]);
    world.say("attempt 3 failed, and it was the last");
    assert.deepEqual(world.state(REDUCER).json, { pc: "Failed", attempt: 3, max_attempts: 3, base_delay_ms: 10, anchor_ns: 1_000_000, payload: "do_work", req_id: "req-123" });
    world.say("final state: pc=Failed, attempt=3");
  }),
};
