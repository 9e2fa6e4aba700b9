// Hooks for the repository that a world lives in.

export { installServerHooks, uninstallServerHooks, type ServerHooks } from "./install.ts";
export { preReceive, type PushedLine, type Verdict } from "./pre-receive.ts";
