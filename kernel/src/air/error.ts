// Errors sorted by who must act: the author of the input, the outside, or us.

/** Where an input is wrong: a file, a JSON pointer into it, a line and a column (both from 1), a sequence number. */
export interface Place {
  readonly file?: string;
  readonly pointer?: string;
  readonly line?: number;
  readonly column?: number;
  readonly seq?: number;
}

/** Who must act, and so which exit code a command ends with (architecture.md, "Errors"). */
export type ErrorClass = "input" | "outside" | "refused" | "unverified";

/**
 * An error somebody outside the program must act on.
 * `code` is stable and documented, `message` is one sentence with the place first, `hint` says a way out.
 * `data` never holds a secret.
 */
export class AosError extends Error {
  override readonly name = "AosError";
  readonly code: string;
  readonly class: ErrorClass;
  readonly at: Place | undefined;
  readonly hint: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
  constructor(
    code: string,
    message: string,
    options: {
      readonly class?: ErrorClass;
      readonly at?: Place;
      readonly hint?: string;
      readonly data?: Readonly<Record<string, unknown>>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.class = options.class ?? "input";
    this.at = options.at;
    this.hint = options.hint;
    this.data = options.data ?? {};
  }

  /** The same in other words, for those who know more of where it came from. */
  retold(message: string, { at = this.at, hint = this.hint }: { readonly at?: Place | undefined; readonly hint?: string | undefined } = {}): AosError {
    return new AosError(this.code, message, { class: this.class, data: this.data, cause: this, ...(at === undefined ? {} : { at }), ...(hint === undefined ? {} : { hint }) });
  }
}

/** The program is wrong: append nothing, stop (exit 70). */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** Holds an invariant, said positively; a broken one stops the program. */
export function assert(holds: boolean, invariant: string): asserts holds {
  if (!holds) throw new InvariantError(`broken invariant: ${invariant}`);
}

/** Ends a switch over a closed union: a new kind is a compile error at each place that must learn of it. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`);
}
