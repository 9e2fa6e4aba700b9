// The limits of the sandbox. They decide results, so a journal pins them: a changed number is a new sandbox version.

/** 64 KiB pages a module may have. */
export const MEMORY_PAGES_MAX = 256;
/**
 * Bytes of native stack that the frames of one call may take, by the estimate of scan-function.ts. V8 gives about 984 KiB, and a real
 * frame of an author's code is at most four times its estimate.
 */
export const STACK_BYTES = 224 * 1024;
/** The same for the JavaScript engine, measured in all tiers of V8: about 1.2 estimated bytes for a real one, or more. */
export const ENGINE_STACK_BYTES = 640 * 1024;
/** A single function's frame may not be estimated larger. */
export const FRAME_BYTES_MAX = 64 * 1024;
/** Elements a table may have. */
export const TABLE_ELEMENTS_MAX = 100_000;
/** Bytes of one input envelope, and of one output envelope. */
export const INPUT_BYTES_MAX = 8 * 1024 * 1024;
export const OUTPUT_BYTES_MAX = 8 * 1024 * 1024;
/** Bytes of an artifact. */
export const ARTIFACT_BYTES_MAX = 16 * 1024 * 1024;
/** Fuel of what runs once when a module is loaded: a start function, a bundle's top level. */
export const LOAD_FUEL = 50_000_000;
/** From this many declared pages on, the pages a call wrote are tracked instead of copying the whole memory back. */
export const TRACKED_FROM_PAGES = 8;
/** What JavaScript may use of the engine's own stack, bytes: about 560 nested calls. Beyond: InternalError, catchable. */
export const JS_STACK_BYTES = 100_000;
/** Values the answer of a script may hold, shared parts counted as often as they occur. */
export const ANSWER_VALUES_MAX = 4_000_000;
/** Characters of a failure's message. */
export const MESSAGE_CHARS_MAX = 500;
