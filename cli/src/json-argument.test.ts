import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { writeJson } from "@agentos/kernel";
import type { Context } from "./context.ts";
import { jsonArgument } from "./json-argument.ts";
import { temporaryFolder } from "./testing/aos.ts";

test("json argument: text or a file: as it is written, integers exact; what no world has is refused", async (t) => {
  const cwd = await temporaryFolder(t);
  const cx = { cwd } as Context;
  await writeFile(join(cwd, "v.json"), '{"b": [18446744073709551615, -1], "1": null}\n');
  const rows = [
    ['{"at_ns":1795435081353000000}', '{"at_ns":1795435081353000000}'], ["@v.json", '{"b":[18446744073709551615,-1],"1":null}'], ['"text"', '"text"'],
    ["1.5", undefined], ['{"a":[1,{"b":1e3}]}', undefined], ["18446744073709551616", undefined],
  ] as const;
  for (const [typed, read] of rows) {
    if (read === undefined) await assert.rejects(jsonArgument(cx, "VALUE", typed), { code: "cli.fraction" }, typed);
    else assert.equal(writeJson(await jsonArgument(cx, "VALUE", typed)), read, typed);
  }
  assert.equal(rows.length, 6);
});
