import type { Brand } from "./brand.ts";

/** Milliseconds since 1970-01-01T00:00:00Z by the wall clock. */
export type EpochMillis = Brand<number, "EpochMillis">;
/** A length of time in milliseconds. */
export type Millis = Brand<number, "Millis">;
/** A count of octets. */
export type Bytes = Brand<number, "Bytes">;
/** A TCP or UDP port, 1 to 65535. */
export type Port = Brand<number, "Port">;

export function epochMillis(value: number): EpochMillis {
  return value as EpochMillis;
}

export function millis(value: number): Millis {
  return value as Millis;
}

export function bytes(value: number): Bytes {
  return value as Bytes;
}

/**
 * The port that a decimal text names, or undefined. Strict: one to five digits, no sign, no leading
 * zero, 1 to 65535 (tinyproxy CVE-2025-63938 was an integer that overflowed).
 */
export function parsePort(text: string): Port | undefined {
  if (!/^[1-9][0-9]{0,4}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= 65_535 ? (value as Port) : undefined;
}

/** The port that a number is, or undefined. */
export function portOf(value: number): Port | undefined {
  return Number.isInteger(value) && value >= 1 && value <= 65_535 ? (value as Port) : undefined;
}
