/** What a witness's signature line holds (C2SP tlog-cosignature): when it saw the checkpoint, and its signature on both. */
export interface TimestampedSignature {
  /** Seconds since 1970-01-01T00:00:00Z, by the witness's clock. */
  readonly time: number;
  /** 64 octets: Ed25519 over `cosignedText`. */
  readonly signature: Uint8Array;
}

const TIME_OCTETS = 8;
const SIGNATURE_OCTETS = 64;

/** What a witness signs for a checkpoint: its whole text, extension lines and all, under a header that no checkpoint has. */
export function cosignedText(text: string, time: number): string {
  return `cosignature/v1\ntime ${time}\n${text}`;
}

/** The octets of a cosignature behind its key id. */
export function formatTimestampedSignature({ time, signature }: TimestampedSignature): Uint8Array {
  if (!Number.isSafeInteger(time) || time < 0) throw new Error("not a time in seconds");
  if (signature.length !== SIGNATURE_OCTETS) throw new Error("not an Ed25519 signature");
  const octets = new Uint8Array(TIME_OCTETS + SIGNATURE_OCTETS);
  new DataView(octets.buffer).setBigUint64(0, BigInt(time));
  octets.set(signature, TIME_OCTETS);
  return octets;
}

/** Undefined where the octets are no timestamped Ed25519 signature, or its time is 2^53 or more. */
export function parseTimestampedSignature(octets: Uint8Array): TimestampedSignature | undefined {
  if (octets.length !== TIME_OCTETS + SIGNATURE_OCTETS) return undefined;
  const time = Number(new DataView(octets.buffer, octets.byteOffset).getBigUint64(0));
  return Number.isSafeInteger(time) ? { time, signature: octets.slice(TIME_OCTETS) } : undefined;
}
