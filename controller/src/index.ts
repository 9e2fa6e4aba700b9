// The controller as other packages see it: Git, governance, the forge, and a world that follows a repository.

export * from "./git/allowed-signers.ts";
export * from "./git/ed25519.ts";
export * from "./git/edit-tree.ts";
export * from "./git/keys.ts";
export * from "./git/notes.ts";
export * from "./git/objects.ts";
export * from "./git/refs.ts";
export * from "./git/repo.ts";
export * from "./git/run.ts";
export * from "./git/signed-ref.ts";
export * from "./git/sshsig.ts";
export * from "./git/store.ts";
export * from "./git/transport.ts";

export * from "./governance/decision.ts";
export * from "./governance/decision-value.ts";
export * from "./governance/policy.ts";
export * from "./governance/review.ts";
export * from "./governance/signer.ts";
export * from "./governance/ssh-key.ts";
export * from "./governance/trust.ts";
export { SHADOW_NAMESPACE, parseShadowNote } from "./governance/shadow-claim.ts";

export * from "./forge/forge.ts";
export * from "./forge/gather.ts";
export * from "./forge/local.ts";
export * from "./forge/local-reviews.ts";
export * from "./forge/local-shadow.ts";
export * from "./forge/merge.ts";
export * from "./forge/note-history.ts";
export * from "./forge/open-local.ts";
export * from "./forge/rules.ts";
export * from "./forge/signatures.ts";

export { controlClient, type ControlClient } from "./control/client.ts";
export { readCells, readState } from "./control/handler.ts";
export { plainJson, recordJson, valueFromJson, type RecordJson } from "./control/record-json.ts";

export { NOTES_REF, publishedBlobs, readSeals, readSegment, readTip, type Seal } from "./publish/published.ts";
export { decodeSegment, encodeSegment, segmentPath } from "./publish/segment.ts";
export type { VerifyReport } from "./publish/verify.ts";
export type { Problem } from "./publish/verify-check.ts";
export { startController, type ControllerOptions, type LogLine, type RunningController } from "./reconcile/controller.ts";
export * from "./reconcile/state-folder.ts";
export type { Condition, WorldStatus } from "./reconcile/status.ts";
export * from "./world-access.ts";
export * from "./world-source.ts";
