// 00: one reducer, no effects. Start sets the count, each Tick takes one.

import assert from "node:assert/strict";
import { canonical, decode, hex, unhex } from "@agentos/kernel";
import { inside, ofKind, type Example } from "./example.ts";

const REDUCER = "demo/CounterSM@1";
const EVENT = "demo/CounterEvent@1";
/** `{pc: {$tag: "Done"}, remaining: 0}` as a reducer in another language would write it: other bytes, the same value. */
const DONE = unhex("a2627063a1642474616764446f6e656972656d61696e696e6700");

export const counter: Example = {
  number: "00",
  slug: "counter",
  title: "Counter",
  summary: "a reducer that counts down; no effects",
  reducer: REDUCER,
  twins: ["cli/templates/assemblyscript"],
  begin: () => inside(async (world) => {
    await world.send(EVENT, { $tag: "Start", $value: { target: 3 } });
    world.say("start (target 3)");
    for (const left of [2, 1, 0]) {
      await world.send(EVENT, { $tag: "Tick", $value: null });
      world.say("tick");
      assert.deepEqual(world.state(REDUCER).json, { pc: { $tag: left === 0 ? "Done" : "Counting" }, remaining: left });
    }
    const { bytes } = world.state(REDUCER);
    assert.equal(hex(bytes), hex(canonical(decode(DONE))), "equal values have equal bytes (I7)");
    assert.deepEqual(world.records().map(({ kind }) => kind), ["applied", ...Array.from({ length: 4 }, () => ["event", "stepped"]).flat()]);
    assert.equal(ofKind(world.records(), "stepped").length, 4);
    world.say("final state: pc=Done, remaining=0");
  }),
};
