// The border of a baked module, as a script in the engine: the same reading and writing of envelopes that the runner does outside.

import { assert } from "../air/error.ts";
import { readAnswer, readArguments, writeOutput } from "./js-envelope.ts";
import { toEngine } from "./to-engine.ts";

type Hop = (buffer: ArrayBuffer) => ArrayBuffer;

/** `[takeIn, giveOut, giveOutWrapped]`: an envelope to a call in the engine's form; an answer in that form, plain or wrapped, to an envelope. */
export function borderOf(entry: "step" | "run"): readonly [takeIn: Hop, giveOut: Hop, giveOutWrapped: Hop] {
  const giveOut = (form: "plain" | "wrapped"): Hop => (buffer) => {
    const answer = readAnswer(new Uint8Array(buffer), form);
    assert(answer.kind === "result", "a module that throws ends the call");
    return buffered(writeOutput(entry, answer.value));
  };
  const takeIn: Hop = (buffer) => {
    const { values, context } = readArguments(entry, new Uint8Array(buffer));
    return buffered(toEngine(values, context));
  };
  return [takeIn, giveOut("plain"), giveOut("wrapped")];
}

/** A buffer of exactly these bytes. */
function buffered(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer as ArrayBuffer;
}
