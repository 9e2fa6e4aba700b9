// What the installed hooks of git run: `aos-hook.js <hook> [argument …]`, with stdin as git gives it.
const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);

const program = require("./start.cjs").whole();
if (program !== undefined) await program.hook(process.argv.slice(2));
else await import("../../hooks/dist/main.js");
