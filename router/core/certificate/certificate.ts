import * as der from "./der.ts";

/** How the issuer's key signs. Named twice in a certificate: inside what is signed, and beside the signature. */
export type SignatureAlgorithm = "ecdsa-sha256" | "ecdsa-sha384" | "rsa-sha256";

export interface CertificateFields {
  /** 1 to 20 octets, of which the first bit is zero; not all zero (RFC 5280 section 4.1.2.2). */
  readonly serial: Uint8Array;
  readonly algorithm: SignatureAlgorithm;
  /** Names in DER. */
  readonly issuer: der.Der;
  readonly subject: der.Der;
  /** Both as `Date.toISOString` writes them; whole seconds count. */
  readonly notBefore: string;
  readonly notAfter: string;
  /** SubjectPublicKeyInfo in DER, as the platform exports it. */
  readonly publicKey: der.Der;
  readonly extensions: readonly der.Der[];
}

const COMMON_NAME = "2.5.4.3";
/** ub-common-name (RFC 5280 appendix A.1). */
const LONGEST_NAME = 64;

/** RFC 3279 section 2.2.1 (RSA: with NULL), RFC 5758 section 3.2 (ECDSA: without parameters). */
const ALGORITHMS: Readonly<Record<SignatureAlgorithm, () => der.Der>> = {
  "ecdsa-sha256": () => der.sequence(der.objectId("1.2.840.10045.4.3.2")),
  "ecdsa-sha384": () => der.sequence(der.objectId("1.2.840.10045.4.3.3")),
  "rsa-sha256": () => der.sequence(der.objectId("1.2.840.113549.1.1.11"), der.nothing()),
};

/** TBSCertificate, version 3 (RFC 5280 section 4.1.2): the octets that the issuer signs. */
export function toBeSigned(fields: CertificateFields): der.Der {
  return der.sequence(
    der.explicit(0, der.integer(Uint8Array.of(2))),
    der.integer(fields.serial),
    ALGORITHMS[fields.algorithm](),
    fields.issuer,
    der.sequence(der.time(fields.notBefore), der.time(fields.notAfter)),
    fields.subject,
    fields.publicKey,
    der.explicit(3, der.sequence(...fields.extensions)),
  );
}

/** The certificate. `signature` over `toBeSigned(fields)`; that of ECDSA as `Ecdsa-Sig-Value` in DER. */
export function signed(body: der.Der, algorithm: SignatureAlgorithm, signature: Uint8Array): der.Der {
  return der.sequence(body, ALGORITHMS[algorithm](), der.bitString(signature));
}

/** A name of one common name. What is too long for one is cut: it is for people, and no verifier reads it. */
export function commonName(name: string): der.Der {
  const attribute = der.sequence(der.objectId(COMMON_NAME), der.text(name.slice(0, LONGEST_NAME)));
  return der.sequence(der.set(attribute));
}

/** Of random octets, the serial number that they make: positive, not zero, of the same length everywhere. */
export function serialNumber(random: Uint8Array): Uint8Array {
  const serial = random.slice(0, 16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}
