/** Sorts the values in place. NaN where there are none. */
export function quantiles(values: number[]): (share: number) => number {
  values.sort((one, other) => one - other);
  return (share) => values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
}
