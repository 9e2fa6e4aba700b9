// Counts down: Start sets how far, each Tick takes one, zero is Done.

import { Reader, Writer } from "./cbor";

/** The host asks where it may write the input. */
export function alloc(length: i32): usize {
  return length <= 0 ? 0 : heap.alloc(length);
}

/** One step of the reducer: the envelope at `input`, the place of the output written to `result` as two numbers. */
export function step(result: usize, input: usize, length: i32): void {
  const output = reduce(envelope(input, length, "state"), event(input, length));
  store<u32>(result, <u32>output.start);
  store<u32>(result + 4, output.length);
}

function reduce(state: Reader, event: Reader): Writer {
  let phase = "Idle";
  let remaining: u64 = 0;
  if (!state.isNull()) {
    const held = state.bytes();
    phase = need(need(held.copy().field("pc")).field("$tag")).text();
    remaining = need(held.field("remaining")).uint();
  }
  const tag = need(event.copy().field("$tag")).text();
  if (tag == "Start") {
    remaining = need(need(event.field("$value")).field("target")).uint();
    phase = remaining == 0 ? "Done" : "Counting";
  } else if (phase == "Counting" && remaining > 0) {
    remaining--;
    if (remaining == 0) phase = "Done";
  }
  return answer(phase, remaining);
}

function answer(phase: string, remaining: u64): Writer {
  const state = new Writer();
  state.map(2).text("pc").map(1).text("$tag").text(phase).text("remaining").uint(remaining);
  const output = new Writer();
  return output.map(4).text("state").bytes(state).text("domain_events").list(0).text("effects").list(0).text("ann").null();
}

function event(input: usize, length: i32): Reader {
  return need(envelope(input, length, "event").field("value")).bytes();
}

function envelope(input: usize, length: i32, field: string): Reader {
  return need(new Reader(input, input + length).field(field));
}

function need(reader: Reader | null): Reader {
  assert(reader !== null, "a field is missing");
  return reader!;
}
