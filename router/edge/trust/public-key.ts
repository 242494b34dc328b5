import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { fail, ok, type Result } from "../../core/base/result.ts";

export interface PublicKey {
  readonly key: KeyObject;
  /** Base64 of SHA-256 over the SPKI in DER: what cosign writes as the hint of a keyed bundle, and the key's identity here. */
  readonly hint: string;
}

export interface KeyProblem {
  readonly code: "private_key" | "not_a_public_key" | "key_type";
  /** One sentence. */
  readonly message: string;
}

/** RFC 7468 section 13, one block and nothing else. */
const oneBlock = /^-----BEGIN PUBLIC KEY-----\r?\n[A-Za-z0-9+/=\r\n]+-----END PUBLIC KEY-----\s*$/;

/**
 * The key that a PEM file holds. P-256 is what `cosign generate-key-pair` makes; RSA of 2048 to 4096 bits is
 * what some key management services have. Others are refused at load rather than at every signature: the
 * library checks P-384, P-521 and Ed25519 with another digest than cosign signs with (measured,
 * governance-audit.md 3.3).
 */
export function readPublicKey(pem: string): Result<PublicKey, KeyProblem> {
  if (pem.includes("PRIVATE KEY-----")) {
    const message =
      "This is a private key, and it was mounted into a pod: remove it, make a new pair, and put the public key here.";
    return fail({ code: "private_key", message });
  }
  if (!oneBlock.test(pem)) {
    const message = 'Needed is exactly one PEM block "PUBLIC KEY" (as in cosign.pub), and nothing else.';
    return fail({ code: "not_a_public_key", message });
  }
  const key = parse(pem);
  if (key === undefined) {
    return fail({ code: "not_a_public_key", message: 'The PEM block "PUBLIC KEY" holds no key that can be read.' });
  }
  if (!isSupported(key)) {
    const message = `The key is ${describe(key)}, but needed is ECDSA P-256 (recommended), or RSA of 2048 to 4096 bits.`;
    return fail({ code: "key_type", message });
  }
  const spki = key.export({ type: "spki", format: "der" });
  return ok({ key, hint: createHash("sha256").update(spki).digest("base64") });
}

function parse(pem: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: pem, format: "pem", type: "spki" });
  } catch {
    return undefined;
  }
}

function isSupported(key: KeyObject): boolean {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "ec") return namedCurve === "prime256v1";
  return key.asymmetricKeyType === "rsa" && modulusLength >= 2048 && modulusLength <= 4096;
}

function describe(key: KeyObject): string {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  return `${key.asymmetricKeyType ?? "of an unknown type"} ${namedCurve ?? modulusLength ?? ""}`.trimEnd();
}
