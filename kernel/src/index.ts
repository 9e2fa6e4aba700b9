// The kernel as other packages see it: same journal in, same world out.

export * from "./air/error.ts";
export * from "./air/value.ts";
export * from "./air/types.ts";
export { canonical, canonicalBare, plain, decode, decodeCanonical } from "./air/cbor.ts";
export * from "./air/hash.ts";
export { decodeBase64, encodeBase64 } from "./air/base64.ts";
export { isName, parseName } from "./air/name.ts";
export { readJson, writeJson, jsonOf, valueToJson } from "./air/json.ts";
export { nodeValue, bareValue, nodeHash, bareHash } from "./air/serialize.ts";
export { BUILTIN_CAPS, BUILTIN_EFFECTS, BUILTIN_MODULES, BUILTIN_SCHEMAS } from "./air/catalog.ts";
export { normalizerFor, normalizeBytes } from "./air/normalize.ts";
export { loadFiles, loadBundle, bundleOf } from "./air/load.ts";
export { RULES } from "./air/rules.ts";
export { diffControl, type ControlDiff, type DefChange, type AuthorityChange } from "./air/diff.ts";

export { decodeRecord, encodeRecord, isInput, RECORD_KINDS, type Draft, type Input, type JournalRecord, type RecordKind } from "./core/record.ts";
export { LIMITS } from "./core/limits.ts";
export { stateRoot, cellKey, type Cell, type OpenIntent, type PlanInstance, type World } from "./core/world.ts";
export { trieEntries, trieGet, trieSize } from "./core/trie.ts";
export { machineOf } from "./core/machine.ts";
export { admitEvent, misfits, type EventOffer } from "./core/admit.ts";
export { heldTurn, replayTurn, turnsOf, type HeldTurn } from "./core/replay.ts";
export { step } from "./core/step.ts";
export { receiptMessage, RECEIPT_NAMESPACE, sshsigBytes, type ReceiptFacts } from "./core/receipt.ts";
export { parseScenario, type Scenario } from "./core/scenario.ts";
export type { RecordedReceipt } from "./core/shadow-answer.ts";
export { renderReport, summaryOf } from "./report-markdown.ts";
export { shadow } from "./core/shadow.ts";
export { consequencesHash, consequencesOf, reportHash, reportValue, type ShadowReport } from "./core/shadow-report.ts";

export * from "./ports.ts";
export { controlShelf, fold, type ControlShelf } from "./fold.ts";
export { receiptFacts, signReceipt } from "./dispatch.ts";
export { openHost, artifactHashes, type ApplyRequest, type DurableTurn, type Host, type HostOptions } from "./host.ts";

export { httpAdapter } from "./adapters/http.ts";
export { systemClock } from "./adapters/clock.ts";
export { systemEntropy } from "./adapters/entropy.ts";
export { ed25519Signer } from "./adapters/signer.ts";
export { fileBlobs } from "./adapters/blobs/file.ts";
export { memoryBlobs } from "./adapters/blobs/memory.ts";
export { openFileJournal, repairJournal, type FileJournal } from "./adapters/journal/file.ts";
export { memoryJournal } from "./adapters/journal/memory.ts";
export { lockWorld, type WorldLock } from "./adapters/lock.ts";

export { createModuleRunner, engineHash, SANDBOX_VERSION } from "./sandbox/runner.ts";
export { jsArtifact } from "./sandbox/runner.ts";
export { compareText } from "./air/text.ts";
export { nearest } from "./air/suggest.ts";
export { bundleReducer, type Built } from "./sandbox/bundle.ts";

export { parsePatchDoc, patchDocJson, PATCH_OPS, type PatchDoc, type PatchOp } from "./air/patch-parse.ts";
export { applyPatch, blockHash, patchHash } from "./air/patch.ts";
export { makePatch, patchSummary, type PatchSummary } from "./air/patch-make.ts";
export { PATCH_RULES } from "./air/patch-rules.ts";
export { formatAir } from "./air/format.ts";
export { withoutComments } from "./air/format-read.ts";
export { parseNode, type Problem } from "./air/parse.ts";
export { declarationsOf } from "./air/declarations.ts";
