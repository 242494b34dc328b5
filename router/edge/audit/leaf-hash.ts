import { hash } from "node:crypto";

/**
 * The RFC 6962 leaf of `bytes[start, end)`, in hex. The octet before `start` must be the caller's to lend: it holds the
 * 0x00 of the leaf for as long as the call takes, so that a line is hashed where it lies, without a copy.
 */
export function leafHash(bytes: Buffer, start: number, end: number): string {
  const lent = bytes[start - 1] ?? 0;
  bytes[start - 1] = 0;
  const leaf = hash("sha256", bytes.subarray(start - 1, end), "hex");
  bytes[start - 1] = lent;
  return leaf;
}
