#!/usr/bin/env node
// The worlds of the ladder.
const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);

await require("./start.cjs").built("examples/main.js");
