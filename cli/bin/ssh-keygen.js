// What git runs to sign, and to judge signatures, where OpenSSH is not installed.
const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);

const { whole, built } = require("./start.cjs");
const words = process.argv.slice(2);
const program = whole();
if (program !== undefined) await program.sshKeygen(words);
else await (await built("ssh-keygen.js")).main(words);
