import assert from "node:assert/strict";
import { test } from "node:test";
import { AosError, type ErrorClass } from "@agentos/kernel";
import { afterwards, looks, together } from "./looks.ts";

const refusal = (code: string, kind: ErrorClass): AosError => new AosError(code, `${code}: why`, { class: kind, hint: "a way out", data: { paths: ["a"] } });

test("looks: what is refused is kept, and the others are taken; nothing more once the outside failed", async () => {
  const rows: readonly (readonly [readonly (ErrorClass | "fine")[], readonly string[], ErrorClass])[] = [
    [["refused"], ["e0"], "refused"], [["fine", "input", "fine", "refused"], ["e1", "e3"], "input"], [["refused", "input"], ["e0", "e1"], "input"],
    [["outside", "input"], ["e0"], "outside"], [["refused", "outside", "fine", "input"], ["e0", "e1"], "refused"], [["input", "unverified", "input"], ["e0", "e1"], "unverified"],
  ];
  for (const [kinds, codes, worst] of rows) {
    const looked = looks();
    const taken: string[] = [];
    for (const [at, kind] of kinds.entries()) {
      const found = await looked.take(async () => {
        taken.push(`e${at}`);
        if (kind !== "fine") throw refusal(`e${at}`, kind);
        return at;
      });
      assert.equal(found, kind === "fine" && taken.at(-1) === `e${at}` ? at : undefined);
    }
    assert.deepEqual(looked.refusals().map(({ code }) => code), codes, kinds.join(" "));
    const all = together(looked.refusals(), "world");
    assert.equal(all.class, worst, kinds.join(" "));
    assert.deepEqual(codes.length === 1 ? all : [all.code, all.message], codes.length === 1 ? looked.refusals()[0] : ["sync.refused", `world: nothing was pushed: ${codes.length} parts of it are refused`]);
  }
  assert.equal(rows.length, 6);
  const twice = looks();
  for (let at = 0; at < 2; at++) await twice.take(() => Promise.reject(refusal("key.missing", "input")));
  assert.equal(together(twice.refusals(), "world").code, "key.missing");
  await assert.rejects(looks().take(() => Promise.reject(new TypeError("broken"))), TypeError);
});

test("looks: an error after some of it was done: says what, and is otherwise as it was", () => {
  const error = refusal("sync.raced", "refused");
  assert.equal(afterwards(error, []), error);
  const told = afterwards(error, ["proposal push-ada made", "version 2 of notes"]);
  assert.ok(told instanceof AosError);
  assert.deepEqual([told.code, told.message, told.class, told.hint, told.data, told.cause], ["sync.raced", "sync.raced: why; done before that: proposal push-ada made, version 2 of notes", "refused", "a way out", { paths: ["a"] }, error]);
  const broken = new TypeError("broken");
  assert.equal(afterwards(broken, ["a"]), broken);
});
