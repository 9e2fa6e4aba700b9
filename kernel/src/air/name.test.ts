import assert from "node:assert/strict";
import { test } from "node:test";
import { isName } from "./name.ts";

const NAMES: readonly (readonly [string, "name" | "no name"])[] = [
  ["demo/Counter@1", "name"],
  ["com.acme/http_out-2.x@12", "name"],
  ["sys/http.out@1", "name"],
  ["a/b@1", "name"],
  ["a.b-c_d9/Z@10", "name"],
  ["", "no name"],
  ["demo/Counter", "no name"],
  ["demo/Counter@", "no name"],
  ["demo/Counter@0", "no name"],
  ["demo/Counter@01", "no name"],
  ["demo/Counter@1a", "no name"],
  ["demo/Counter@-1", "no name"],
  ["Demo/Counter@1", "no name"],
  ["1demo/Counter@1", "no name"],
  ["demo/1Counter@1", "no name"],
  ["demo/_Counter@1", "no name"],
  ["demo/a/b@1", "no name"],
  ["demo/a@1@2", "no name"],
  ["demo@1", "no name"],
  ["/Counter@1", "no name"],
  ["demo/@1", "no name"],
  [" demo/Counter@1", "no name"],
  ["demo/Counter@1\n", "no name"],
  ["demo/Cöunter@1", "no name"],
];
for (const [text, verdict] of NAMES) {
  test(`name: ${JSON.stringify(text)}: ${verdict}`, () => {
    assert.equal(isName(text), verdict === "name");
  });
}
