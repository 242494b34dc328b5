/** What a suffix multiplies with; milli and smaller ones as powers of ten below one. */
const DECIMAL: readonly (readonly [suffix: string, exponent: number])[] = [
  ["E", 18],
  ["P", 15],
  ["T", 12],
  ["G", 9],
  ["M", 6],
  ["k", 3],
  ["", 0],
  ["m", -3],
  ["u", -6],
  ["n", -9],
];
const BINARY: readonly (readonly [suffix: string, exponent: number])[] = [
  ["Ei", 60],
  ["Pi", 50],
  ["Ti", 40],
  ["Gi", 30],
  ["Mi", 20],
  ["Ki", 10],
];
const DECIMAL_SUFFIXES = new Map<string, number>(DECIMAL);
const BINARY_SUFFIXES = new Map<string, number>(BINARY);
const NANO = 1_000_000_000n;
const MILLI = 1_000_000n;
const QUANTITY = /^(\d{1,18})(?:\.(\d{1,9}))?([A-Za-z]{0,2})$/;

/**
 * A Kubernetes quantity as the API server writes it (apimachinery, `resource.Quantity`): rounded up to milli, with the
 * largest suffix that leaves no fraction, of the family that it was given in. "1024Mi" is "1Gi", "1000m" is "1". The
 * template is written in this form, so that what comes back can be compared as text. What is no plain quantity (signs,
 * exponents, longer than 30 characters) is returned as it is.
 */
export function canonicalQuantity(quantity: string): string {
  const match = quantity.length > 30 ? null : QUANTITY.exec(quantity);
  if (match === null) return quantity;
  const [, whole = "0", fraction = "", suffix = ""] = match;
  const digits = BigInt(whole + fraction.padEnd(9, "0"));
  const binary = BINARY_SUFFIXES.get(suffix);
  if (binary !== undefined) {
    const nano = wholeMilli(digits << BigInt(binary));
    // Below 1024, or with a fraction, the API server goes over to decimal suffixes.
    return nano % NANO === 0n && nano >= 1024n * NANO ? inBinary(nano / NANO) : inDecimal(nano);
  }
  const exponent = DECIMAL_SUFFIXES.get(suffix);
  if (exponent === undefined) return quantity;
  const power = 10n ** BigInt(Math.abs(exponent));
  return inDecimal(wholeMilli(exponent < 0 ? (digits + power - 1n) / power : digits * power));
}

function wholeMilli(nano: bigint): bigint {
  return ((nano + MILLI - 1n) / MILLI) * MILLI;
}

function inDecimal(nano: bigint): string {
  if (nano === 0n) return "0";
  for (const [suffix, exponent] of DECIMAL) {
    const unit = 10n ** BigInt(exponent + 9);
    if (nano % unit === 0n) return `${nano / unit}${suffix}`;
  }
  throw new Error("every integer is a multiple of one nano");
}

function inBinary(value: bigint): string {
  for (const [suffix, exponent] of BINARY) {
    const unit = 1n << BigInt(exponent);
    if (value % unit === 0n) return `${value / unit}${suffix}`;
  }
  return value.toString();
}
