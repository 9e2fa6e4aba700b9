// `npm run demo [-- --keep DIR]`: prepares, then goes round the whole loop once.
import { join } from "node:path";
import { prepare, root, run } from "./prepare.mjs";

await prepare();
run(process.execPath, ["--enable-source-maps", join(root, "cli", "dist", "demo", "main.js"), ...process.argv.slice(2)], { cwd: process.cwd() });
