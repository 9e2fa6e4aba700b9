// Hooks for the repository that a world lives in, and for its clones.

export { clientHooksOf, installClientHooks, uninstallClientHooks, type ClientHooksState } from "./client-install.ts";
export { CLIENT_HOOKS, type Program } from "./hook-script.ts";
export { SERVER_HOOKS, installServerHooks, serverHooksOf, uninstallServerHooks, type ServerHooks } from "./install.ts";
export { preReceive, type PushedLine, type Verdict } from "./pre-receive.ts";
export { ALLOW_SECRET, findSecrets, type SecretFound } from "./secrets.ts";
