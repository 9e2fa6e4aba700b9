// Sizes as people read them.

const UNITS = ["kB", "MB", "GB", "TB"] as const;

/** `512 B`, `2.0 kB`, `1.5 MB`: powers of a thousand, as disks and networks are told. */
export function byteSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes / 1000;
  let at = 0;
  while (value >= 999.95 && at < UNITS.length - 1) [value, at] = [value / 1000, at + 1];
  return `${value.toFixed(1)} ${UNITS[at]}`;
}
