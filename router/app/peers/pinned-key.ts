import { createPublicKey, type KeyObject } from "node:crypto";
import type { PeerKey } from "../../core/peer/trust.ts";

/**
 * The key; undefined where it is none, or none for the algorithm. Keys of Ed25519 under which anybody can sign (points
 * whose order divides 8) verify nothing on this platform: Node 26 with OpenSSL 3.5, which the tests hold.
 */
export function pinnedKey({ algorithm, spki }: PeerKey): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(spki, "base64"), format: "der", type: "spki" });
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
    const isRight = algorithm === "EdDSA" ? type === "ed25519" : type === "ec" && details?.namedCurve === "prime256v1";
    return isRight ? key : undefined;
  } catch {
    return undefined;
  }
}
