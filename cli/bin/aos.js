#!/usr/bin/env node
// The command `aos`.
const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);

const words = process.argv.slice(2);
const start = require("./start.cjs");
const program = start.whole();
if (program !== undefined) await program.aos(words);
else await (await start.built("main.js")).main(words);
