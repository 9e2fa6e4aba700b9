import assert from "node:assert/strict";
import { test } from "node:test";
import { hashBytes, utf8 } from "@agentos/kernel";
import { planPull, planPush, type Files } from "./three-way.ts";

/** Files named by one letter each; `x` stands for a content, `x+` for the same that may be run, `-` for none. */
function files(cell: string): Files {
  if (cell === "-") return new Map();
  return new Map([["f", { hash: hashBytes(utf8(cell.replace("+", ""))), size: 1, mode: cell.endsWith("+") ? 0o755 : 0o644 }]]);
}

const NEVER = "never";

/** base, local, remote; then what a push does, a pull does; then both with --prune, and with --force. `?`: behind. */
const ROWS = `
  a a a        .       .        . .          . .
  - - -        .       .        . .          . .
  a b a        write   .        write .      write write
  a a b        ?       write    ? write      write write
  a b b        .       .        . .          . .
  a b c        ?       merge    ? merge      write write
  a - a        remove  .        remove .     remove write
  a a -        ?       remove   ? remove     write remove
  a - -        .       .        . .          . .
  a - b        ?       merge    ? merge      remove write
  a b -        ?       merge    ? merge      write remove
  - a -        write   .        write remove write .
  - - a        ?       write    ? write      remove write
  - a b        ?       merge    ? merge      write write
  a a+ a       write   .        write .      write write
  a a a+       ?       write    ? write      write write
  a a+ b       ?       merge    ? merge      write write
  never a -    write   .        write remove write .
  never - a    ?       write    remove write remove write
  never a a    .       .        . .          . .
  never a b    ?       merge    ? merge      write write
`.trim().split("\n").map((line) => line.trim().split(/\s+/));

test("three-way: every case of base, here and there: what push and pull do", () => {
  for (const [base = "", local = "", remote = "", ...expected] of ROWS) {
    const sides = { base: base === NEVER ? undefined : files(base), local: files(local), remote: files(remote), covers: () => false };
    const push = (options: Parameters<typeof planPush>[1]): string => {
      const { steps, behind } = planPush(sides, options);
      return behind.length > 0 ? "?" : (steps[0]?.act ?? ".");
    };
    const pull = (options: Parameters<typeof planPull>[1]): string => planPull(sides, options)[0]?.act ?? ".";
    const found = [
      push({ extra: "keep", newer: "refuse" }), pull({ extra: "keep", changed: "keep" }), push({ extra: "prune", newer: "refuse" }), pull({ extra: "prune", changed: "keep" }),
      push({ extra: "keep", newer: "overwrite" }), pull({ extra: "keep", changed: "overwrite" }),
    ];
    assert.deepEqual(found, expected, `${base} ${local} ${remote}`);
  }
  assert.equal(ROWS.length, 21);
});

test("three-way: a path that is left out: neither changed nor removed, here or there", () => {
  const sides = { base: undefined, local: files("-"), remote: files("a"), covers: (path: string) => path === "f" };
  assert.deepEqual(planPush(sides, { extra: "prune", newer: "overwrite" }), { steps: [], behind: [] });
  assert.deepEqual(planPull(sides, { extra: "prune", changed: "overwrite" }), []);
});
