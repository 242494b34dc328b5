import { createPublicKey, type KeyObject } from "node:crypto";
import type { PeerKey } from "../../core/peer/trust.ts";

/** SubjectPublicKeyInfo of an Ed25519 key up to the key itself (RFC 8410 section 4). */
const ED25519_HEAD = 12;

/**
 * The points of Ed25519 whose order divides 8, by their y in hex, without the sign (RFC 8032 section 5.1.2: little-endian);
 * the last two are 0 and 1 written as p and p + 1. Under such a key a signature can be made without any secret.
 */
const WEAK = new Set([
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

/** The key; undefined where it is no point of its curve, or one under which anybody can sign. */
export function pinnedKey({ algorithm, spki }: PeerKey): KeyObject | undefined {
  const octets = Buffer.from(spki, "base64");
  try {
    const key = createPublicKey({ key: octets, format: "der", type: "spki" });
    if (algorithm === "ES256") {
      return key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1" ? key : undefined;
    }
    return key.asymmetricKeyType === "ed25519" && !isWeak(octets.subarray(ED25519_HEAD)) ? key : undefined;
  } catch {
    return undefined;
  }
}

function isWeak(point: Uint8Array): boolean {
  const y = Buffer.from(point);
  y[31] = (y[31] ?? 0) & 0x7f;
  return WEAK.has(y.toString("hex"));
}
