// What the installed hooks run where the program is not in one piece: `main.js <hook> [argument …]`, with stdin as git gives it.

import { runHook } from "./run.ts";

await runHook(process.argv.slice(2));
