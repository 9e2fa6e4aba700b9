// The kernel as other packages see it: same journal in, same world out.

import "./adapters/sha256.ts";

export * from "./air/error.ts";
export * from "./air/value.ts";
export * from "./air/types.ts";
export { canonical, canonicalBare, plain, decode, decodeCanonical } from "./air/cbor.ts";
export * from "./air/hash.ts";
export { decodeBase64, encodeBase64 } from "./air/base64.ts";
export { isName } from "./air/name.ts";
export { readJson, writeJson, jsonOf, valueToJson } from "./air/json.ts";
export { nodeValue, bareValue, nodeHash, bareHash } from "./air/serialize.ts";
export { BUILTIN_CAPS, BUILTIN_EFFECTS, BUILTIN_MODULES, BUILTIN_SCHEMAS } from "./air/catalog.ts";
export { normalizerFor, normalizeBytes } from "./air/normalize.ts";
export { loadFiles, bundleOf } from "./air/load.ts";
export { RULES } from "./air/rules.ts";
export { diffNodes, type NodesDiff } from "./air/diff-nodes.ts";
export { diffControl, type ControlDiff, type DefChange, type AuthorityChange } from "./air/diff.ts";

export { decodeRecord, encodeRecord, isInput, RECORD_KINDS, type Draft, type Input, type JournalRecord, type RecordKind } from "./core/record.ts";
export { LIMITS } from "./core/limits.ts";
export { stateRoot, cellKey, type Cell, type HeldEffect, type IntentOrigin, type OpenIntent, type PlanInstance, type World } from "./core/world.ts";
export { trieEntries, trieGet, trieSet, trieSize } from "./core/trie.ts";
export { StateLost } from "./core/snapshot.ts";
export { cellsOf, type CellPage } from "./core/cells.ts";
export { admitEvent, type EventOffer } from "./core/admit.ts";
export { APPROVAL_NAMESPACE, approvalMessage, type ApprovalDecision, type ApprovalFacts, type ApprovalOffer } from "./core/approval.ts";
export { instanceView, waitsOf, type InstanceView, type InstanceWaits, type PlanWait, type StepView } from "./core/plan-view.ts";
export { heldTurn, replayTurn, turnsOf, type HeldTurn } from "./core/replay.ts";
export { step } from "./core/step.ts";
export { receiptMessage, RECEIPT_NAMESPACE, sshsigBytes, type ReceiptFacts } from "./core/receipt.ts";
export { differencesFrom, expectationOf, type Difference, type Expectation } from "./core/expectation.ts";
export { parseScenario, type Scenario } from "./core/scenario.ts";
export type { RecordedReceipt } from "./core/shadow-answer.ts";
export { prose } from "./markdown-text.ts";
export { renderReport, summaryOf } from "./report-markdown.ts";
export { renderHtml } from "./report-html.ts";
export { shadow } from "./core/shadow.ts";
export type { ShadowWindow } from "./core/shadow-window.ts";
export { consequencesHash, consequencesOf, reportHash, reportValue, type Consequences, type ShadowReport } from "./core/shadow-report.ts";

export * from "./ports.ts";
export { controlShelf, fold, type ControlShelf } from "./fold.ts";
export { receiptFacts, signReceipt, type CallState } from "./dispatch.ts";
export { openSnapshots, type PassedOver, type Snapshots, type TakenSnapshot } from "./snapshots.ts";
export type { SnapshotPace } from "./snapshot-keeper.ts";
export { recordedWindow, type WindowSource, type WindowWanted } from "./recorded-window.ts";
export { openWorld, type Opened, type WorldCheckpoint } from "./opening.ts";
export { openHost, artifactHashes, type ApplyRequest, type DurableTurn, type Host, type HostOptions } from "./host.ts";

export { allAdapters } from "./adapters/all.ts";
export type { AdapterEnv } from "./adapters/env.ts";
export { DEFAULT_CONFIG, parseAdapterConfig, type AdapterConfig } from "./adapters/config.ts";
export { fileVault, type Vault, type VaultKey, type VaultVersion } from "./adapters/vault.ts";
export { secretSources } from "./adapters/secret-sources.ts";
export { httpAdapter } from "./adapters/http.ts";
export type { GovernanceOffer, GovernancePort } from "./adapters/governance.ts";
/** Workspace trees over a blob store: `trees.writeFile(blobs, root, …)`. */
export * as trees from "./workspace/trees.ts";
export { decodeAnnotations, decodeTree, encodeAnnotations, encodeTree, isSegment, parsePath, parseWorkspaceName } from "./air/tree-node.ts";
export { decodeName, decodePath, encodeName, encodePath } from "./air/tree-name.ts";
export { checkPatch, type PatchFacts } from "./core/enforce-governance.ts";
export { joinPath, readTarget, routeOf, type Target } from "./core/sys-publish.ts";
export { systemClock } from "./adapters/clock.ts";
export { systemEntropy } from "./adapters/entropy.ts";
export { ed25519Signer } from "./adapters/signer.ts";
export { fileBlobs } from "./adapters/blobs/file.ts";
export { forgetBlob } from "./adapters/blobs/forget.ts";
export { fileBlobStreams, type BlobStreams } from "./adapters/blobs/file-stream.ts";
export { memoryBlobs } from "./adapters/blobs/memory.ts";
export { openFileJournal, repairJournal, type FileJournal } from "./adapters/journal/file.ts";
export { memoryJournal } from "./adapters/journal/memory.ts";
export { lockWorld, type WorldLock } from "./adapters/lock.ts";
export { memorySnapshots } from "./adapters/snapshots/memory.ts";
export { dropSnapshots, fileSnapshots, snapshotName } from "./adapters/snapshots/file.ts";

export { createModuleRunner, SANDBOX_VERSION } from "./sandbox/runner.ts";
export { compareText } from "./air/text.ts";
export { nearest } from "./air/suggest.ts";
export { bundleReducer, type Built } from "./sandbox/bundle.ts";
export { bake } from "./sandbox/bake.ts";
export { mapStack } from "./sandbox/map-stack.ts";
export { entriesOf, inspectModule, type ModuleReport, type InspectOptions } from "./sandbox/inspect.ts";

export { parsePatchDoc, patchDocJson, type PatchDoc, type PatchOp } from "./air/patch-parse.ts";
export { applyPatch } from "./air/patch.ts";
export { makePatch, patchSummary, type PatchSummary } from "./air/patch-make.ts";
export { PATCH_RULES } from "./air/patch-rules.ts";
export { formatAir } from "./air/format.ts";
export { mergeAir } from "./air/format-merge.ts";
export { withoutComments } from "./air/format-read.ts";
export { parseNode, type Problem } from "./air/parse.ts";
export { declarationsOf } from "./air/declarations.ts";
