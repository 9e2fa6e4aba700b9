import assert from "node:assert/strict";
import { test } from "node:test";
import { AosError } from "@agentos/kernel";
import { pacedRounds, type Rounds, type RoundsOptions } from "./rounds.ts";

const away = (): AosError => new AosError("git.remote", "the remote is away", { class: "outside" });
/** Lets everything run that waits for nothing but its turn. */
const calm = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Rounds that write down what they do; `next` says what a step does. */
function bench(pollMs: number, next: (rounds: Rounds) => Promise<"again" | "rest"> = async () => "rest"): { readonly rounds: Rounds; readonly told: string[]; readonly fatal: Error[] } {
  const told: string[] = [];
  const fatal: Error[] = [];
  const options: RoundsOptions = {
    pollMs, begin: async () => void told.push("begin"), end: async () => void told.push("end"), onFatal: (error) => fatal.push(error),
    onProblem: (error, before) => void told.push(before === error.message ? "problem again" : "problem"),
    async step(everywhere) {
      told.push(everywhere.wanted() ? "everywhere" : "here");
      return next(rounds);
    },
  };
  const rounds: Rounds = pacedRounds(options);
  return { rounds, told, fatal };
}

test("rounds: hints while a step runs: one more step after it, never two at a time; a nudge looks everywhere", async () => {
  let running = 0;
  const { rounds, told } = bench(600_000, async () => {
    assert.equal(++running, 1);
    if (told.length === 2) for (const ask of [rounds.hint, rounds.hint, rounds.nudge, rounds.hint]) ask();
    await calm();
    running--;
    return told.length < 5 ? "again" : "rest";
  });
  rounds.hint();
  for (let turns = 0; turns < 10; turns++) await calm();
  assert.deepEqual(told, ["begin", "everywhere", "everywhere", "here", "here", "end"]);
  rounds.hint();
  for (let turns = 0; turns < 10; turns++) await calm();
  assert.deepEqual(told.slice(6), ["begin", "here", "end"]);
  await rounds.stop();
  rounds.nudge();
  assert.equal(told.length, 9, "no more rounds");
});

test("rounds: a step fails: told, tried again everywhere and soon, however rarely there is a look; then it is forgotten", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let fails = 2;
  const { rounds, told } = bench(600_000, async () => {
    if (fails-- > 0) throw away();
    return "rest";
  });
  rounds.nudge();
  await calm();
  assert.equal(rounds.problem, "the remote is away");
  for (const waitMs of [2_000, 4_000]) {
    t.mock.timers.tick(waitMs);
    await calm();
  }
  assert.deepEqual(told, ["begin", "everywhere", "problem", "begin", "everywhere", "problem again", "begin", "everywhere", "end"]);
  assert.equal(rounds.problem, undefined);
  await rounds.stop();
});

test("rounds: the program is wrong: said once, and there are no more", async () => {
  const { rounds, told, fatal } = bench(10, () => Promise.reject(new Error("broken")));
  rounds.nudge();
  await calm();
  assert.deepEqual([fatal.map(String), rounds.stopped, told], [["Error: broken"], true, ["begin", "everywhere"]]);
  rounds.nudge();
  assert.equal(told.length, 2);
});
