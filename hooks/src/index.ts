// Hooks for the repository that a world lives in, and for its clones.

export { judgeBranch } from "./branch-rule.ts";
export { clientHooksOf, installClientHooks, uninstallClientHooks, type ClientHooksState } from "./client-install.ts";
export { CLIENT_HOOKS, type Program } from "./hook-script.ts";
export { SERVER_HOOKS, installServerHooks, programsGone, serverHooksOf, uninstallServerHooks, type ServerHooks } from "./install.ts";
export { pinnedWorld, worldHeld } from "./main-rule.ts";
export { CONTROLLER_SETTING } from "./nudge.ts";
