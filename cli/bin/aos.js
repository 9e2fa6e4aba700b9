#!/usr/bin/env node
// The command `aos`.
const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);

const words = process.argv.slice(2);
const program = require("./start.cjs").whole();
if (program !== undefined) await program.aos(words);
else await (await import("../dist/main.js")).main(words);
