// Looks that come before anything is done: what they refuse is told together.

import { AosError, type ErrorClass } from "@agentos/kernel";

export interface Looks {
  /**
   * @returns undefined where the look was refused, or was not taken since the outside failed before
   * @throws whatever is no AosError
   */
  take<T>(look: () => Promise<T>): Promise<T | undefined>;
  /** In the order in which they were met; what stands in the way of several, once. */
  refusals(): readonly AosError[];
}

export function looks(): Looks {
  const refusals: AosError[] = [];
  // Where the outside does not answer, what else it would not answer says nothing more.
  const isAway = (): boolean => refusals.some((error) => error.class === "outside" || error.class === "unverified");
  return {
    async take(look) {
      if (isAway()) return undefined;
      try {
        return await look();
      } catch (error) {
        if (!(error instanceof AosError)) throw error;
        if (!refusals.some(({ code, message }) => code === error.code && message === error.message)) refusals.push(error);
        return undefined;
      }
    },
    refusals: () => refusals,
  };
}

/** Of several the one whose exit code is that of all. */
const GRAVEST: readonly ErrorClass[] = ["unverified", "input", "refused", "outside"];

/** One error for several. @param place - of the world */
export function together(refusals: readonly AosError[], place: string): AosError {
  const [first] = refusals;
  if (first !== undefined && refusals.length === 1) return first;
  const worst = GRAVEST.find((one) => refusals.some((error) => error.class === one)) ?? "refused";
  return new AosError("sync.refused", `${place}: nothing was pushed: ${refusals.length} parts of it are refused`, { class: worst, data: { codes: refusals.map(({ code }) => code) } });
}

/** An error that came when some of it was done already. */
export function afterwards(error: unknown, done: readonly string[]): unknown {
  if (!(error instanceof AosError) || done.length === 0) return error;
  return error.retold(`${error.message}; done before that: ${done.join(", ")}`);
}
