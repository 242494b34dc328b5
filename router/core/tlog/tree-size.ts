const DECIMAL = /^(?:0|[1-9][0-9]{0,15})$/;

/**
 * A count of leaves in decimal without leading zeros (C2SP tlog-checkpoint); also the form of a cosignature's time.
 * Undefined for what is not that, and from 2^53 on, where a number is no longer exact.
 */
export function parseTreeSize(text: string): number | undefined {
  if (!DECIMAL.test(text)) return undefined;
  const size = Number(text);
  return Number.isSafeInteger(size) ? size : undefined;
}
