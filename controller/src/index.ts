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
export { explainPolicy, type Clause } from "./governance/policy-words.ts";
export { policyWarnings } from "./governance/policy-warnings.ts";
export { simulate, underPolicy, type Simulated } from "./governance/simulate.ts";
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
export { parseLoopback, type LoopbackPlace } from "./control/loopback.ts";
export { readApprovals, readCells, readEffects, readPlan, readPlans, readState, kindsOf } from "./control/questions.ts";
export type { ApprovalRow, EffectRow, PlanDetail, PlanRow, Times, WaitRow } from "./control/views.ts";
export { plainJson, recordJson, valueFromJson, type RecordJson } from "./control/record-json.ts";

export { NOTES_REF, publishedBlobs, readSeals, readSegment, readTip, type Seal } from "./publish/published.ts";
export { readRecordedDecision } from "./publish/recorded-decision.ts";
export { decodeSegment, encodeSegment, segmentPath } from "./publish/segment.ts";
export type { VerifyReport } from "./publish/verify.ts";
export type { Problem } from "./publish/verify-check.ts";
export { startController, type ControllerOptions, type RunningController } from "./reconcile/controller.ts";
export { jsonLog, LOG_LEVELS, type LogLevel, type LogLine } from "./reconcile/log.ts";
export * from "./reconcile/state-folder.ts";
export type { Condition, WorldStatus } from "./reconcile/status.ts";
export * from "./sync/sync-map.ts";
export * from "./workspaces/access.ts";
export type { Resolved, VersionRow, WorkspaceRow } from "./workspaces/answers.ts";
export { treeOfGit, type GitSource } from "./workspaces/from-git.ts";
export { ANNOTATIONS_FILE, gitNameOf, nameOfGit } from "./workspaces/git-name.ts";
export { WORKSPACE_COMMIT, WORKSPACE_REDUCER, workspaceHistory, workspaceNames, type WorkspaceHistory, type WorkspaceVersion } from "./workspaces/history.ts";
export { gitTreeOf, type GitTwin, type ToGit } from "./workspaces/to-git.ts";
export { MESSAGE_KEY, parseVersionMessage, workspaceRef, WORKSPACES_PREFIX, type VersionFacts } from "./workspaces/version-commit.ts";
export { writeVersions, type VersionWriter, type WrittenVersions } from "./workspaces/write-versions.ts";
export * from "./world-access.ts";
export * from "./world-source.ts";
