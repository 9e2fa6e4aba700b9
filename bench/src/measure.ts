// Runs rows of a benchmark and prints them: medians of several runs, subject and baseline in turn, so that both see the same machine.

/** Something that can be timed. What `prepare` of it made is outside of the time. */
export interface Work {
  /** May give the times of its single steps, ns: then their median counts, not the time of the whole. */
  run(): Promise<readonly number[] | void> | readonly number[] | void;
  /** Checks that the work was done, and cleans up; outside of the time too. */
  done(): Promise<void> | void;
}
export interface Row {
  readonly name: string;
  /** What one run does, e.g. `2000 turns`. */
  readonly count: number;
  readonly unit: string;
  subject(): Promise<Work>;
  /** What the time is held against, over as many units. */
  readonly baseline: { readonly name: string; prepare(): Promise<Work> };
  /** The most times the baseline that it may take. */
  readonly reach?: number;
  /** The longest that all the work may take, ns, where that is what counts. */
  readonly reachNs?: number;
  /** Where a run is long: more are not made. */
  readonly runsMax?: number;
}
export interface Measured {
  readonly row: Row;
  readonly medianNs: number;
  readonly baselineNs: number;
  /** Median over pairs of a run and the baseline's run right after it: what else the machine does falls on both. */
  readonly ratio: number;
}

/** Medians of `wanted` runs, or of the most that the row makes, after one that is not counted. */
export async function measure(row: Row, wanted: number): Promise<Measured> {
  const runs = Math.min(wanted, row.runsMax ?? wanted);
  const subject: number[] = [];
  const baseline: number[] = [];
  for (let run = 0; run <= runs; run++) {
    subject.push(await timed(await row.subject(), row.count));
    baseline.push(await timed(await row.baseline.prepare(), row.count));
  }
  const ratios = subject.map((took, run) => took / (baseline[run] ?? Number.NaN));
  return { row, medianNs: median(subject.slice(1)), baselineNs: median(baseline.slice(1)), ratio: median(ratios.slice(1)) };
}

/** Ends the benchmark when a row did not do what it is timed for. */
export function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(`the benchmark did not do its work: ${what}`);
}

/** Nanoseconds of `count` steps. */
async function timed(work: Work, count: number): Promise<number> {
  const start = process.hrtime.bigint();
  const steps = await work.run();
  const took = Number(process.hrtime.bigint() - start);
  await work.done();
  return steps === undefined ? took : median(steps) * count;
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

const HEAD = ["row", "work", "median", "per second", "each", "of baseline", "reach", "baseline, each"];

/** One line a row, columns aligned: names to the left, numbers to the right. */
export function table(measured: readonly Measured[]): string {
  const lines = [HEAD, ...measured.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const left = (column: number): boolean => column === 0 || column === HEAD.length - 1;
  return lines.map((line) => line.map((cell, column) => (left(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  ").trimEnd()).join("\n");
}

/** `missed` where a row does not reach what it should. */
function reachOf({ row: { reach, reachNs }, ratio, medianNs }: Measured): string {
  const reaches = [
    ...(reach === undefined ? [] : [`≤ ${Number(reach.toFixed(2))}×${ratio <= reach ? "" : " missed"}`]),
    ...(reachNs === undefined ? [] : [`≤ ${duration(reachNs)}${medianNs <= reachNs ? "" : " missed"}`]),
  ];
  return reaches.join(", ");
}

function cells(measured: Measured): readonly string[] {
  const { row, medianNs, baselineNs, ratio } = measured;
  return [
    row.name, `${row.count} ${row.unit}`, duration(medianNs), `${Math.round((row.count * 1e9) / medianNs)}/s`, duration(medianNs / row.count),
    `${ratio.toFixed(2)}×`, reachOf(measured), `${row.baseline.name}, ${duration(baselineNs / row.count)}`,
  ];
}

/** Three digits and a unit. */
export function duration(ns: number): string {
  const [unit, size] = ns >= 1e9 ? ["s", 1e9] : ns >= 1e6 ? ["ms", 1e6] : ns >= 1e3 ? ["µs", 1e3] : ["ns", 1];
  return `${(ns / Number(size)).toPrecision(3)} ${unit}`;
}
