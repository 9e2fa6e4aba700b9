import assert from "node:assert/strict";
import { test } from "node:test";
import { AosError } from "../air/error.ts";
import { joinPath, readTarget, routeOf } from "./sys-publish.ts";

test("publish targets: what a request asks for: names, and whether it ends with a slash", () => {
  const rows: readonly (readonly [target: string, path: string, trailing: boolean])[] = [
    ["/", "", true],
    ["", "", false],
    ["/app", "app", false],
    ["/app/", "app", true],
    ["//app///x//", "app/x", true],
    ["/app/x?y=/z#w", "app/x", false],
    ["/app/#?", "app", true],
    ["/%61pp/%7Ex", "app/~x", false],
    ["/a%2Fb", "a/b", false],
    ["/~7E74696C6465", "~7E74696C6465", false],
  ];
  for (const [target, path, trailing] of rows) {
    const read = readTarget(target);
    assert.equal(read.segments.join("/"), path, target);
    assert.equal(read.trailingSlash, trailing, target);
  }
  assert.equal(rows.length, 10);
});

test("publish targets: what no workspace holds: refused", () => {
  const rows = ["/a/../b", "/./a", "/..", "/%2e%2e/a", "/a b", "/a%20b", "/é", "/%C3%A9", "/a%", "/a%2", "/a%zz", "/a%00", "/a\\b"];
  for (const target of rows) assert.throws(() => readTarget(target), (error: unknown) => error instanceof AosError && error.code === "publish.path", target);
  assert.equal(rows.length, 13);
});

test("publish routes: the longest of whole segments answers", () => {
  const routes = ["/", "/app", "/app/docs/", "/other"];
  const rows: readonly (readonly [target: string, route: string, rest: string])[] = [
    ["/app", "/app", ""],
    ["/app/x", "/app", "x"],
    ["/apple", "/", "apple"],
    ["/app/docs", "/app/docs/", ""],
    ["/app/docs/a/b?q", "/app/docs/", "a/b"],
    ["/app/docsy", "/app", "docsy"],
    ["/", "/", ""],
  ];
  for (const [target, route, rest] of rows) assert.deepEqual(routeOf(routes, readTarget(target)), { route, rest }, target);
  assert.equal(rows.length, 7);
  assert.equal(routeOf(["/app"], readTarget("/apple")), undefined);
});

test("publish paths: joined without doubled or hanging slashes", () => {
  const rows: readonly (readonly [base: string | undefined, rest: string, path: string])[] = [
    [undefined, "index.html", "index.html"],
    ["app", "", "app"],
    ["/app/", "assets/logo.png", "app/assets/logo.png"],
    ["", "", ""],
  ];
  for (const [base, rest, path] of rows) assert.equal(joinPath(base, rest), path);
  assert.equal(rows.length, 4);
});
