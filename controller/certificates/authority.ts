import { createHash, generateKeyPair, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { promisify } from "node:util";
import type { EpochMillis, Millis } from "../../router/core/base/quantity.ts";
import * as der from "./der.ts";

/** PEM: a certificate and its key (PKCS #8). */
export interface CertifiedKey {
  readonly certificate: string;
  readonly key: string;
}

/** Clocks of API servers and nodes differ; a certificate that begins later than their now is none. */
export const BACKDATED = 60 * 60 * 1000;

const OID = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
} as const;

const generate = promisify(generateKeyPair);

/**
 * A CA of its own name, ECDSA P-256 and SHA-256: `pathlen:0`, so that it vouches for leaves alone. Valid from an hour before
 * `now` to `life` after.
 */
export async function createAuthority(now: EpochMillis, life: Millis): Promise<CertifiedKey> {
  const { publicKey, privateKey } = await generate("ec", { namedCurve: "P-256" });
  const id = keyId(publicKey);
  // Each its own name: a verifier that looks issuers up by name must not find the one before.
  const name = commonName(`sluice-webhook-ca-${Buffer.from(id).toString("hex").slice(0, 12)}`);
  const certificate = certify({
    issuer: name,
    subject: name,
    notBefore: now - BACKDATED,
    notAfter: now + life,
    publicKey,
    signer: privateKey,
    extensions: [
      extension(OID.basicConstraints, true, der.sequence(der.boolean(true), der.integer(Uint8Array.of(0)))),
      // keyCertSign alone: bit 5.
      extension(OID.keyUsage, true, der.bitString(Uint8Array.of(0b0000_0100), 2)),
      extension(OID.subjectKeyIdentifier, false, der.octetString(id)),
    ],
  });
  return { certificate, key: pkcs8(privateKey) };
}

/** A server's certificate for these DNS names. It ends no later than its CA. */
export async function issueLeaf(
  authority: { readonly certificate: X509Certificate; readonly key: KeyObject },
  names: readonly string[],
  now: EpochMillis,
  life: Millis,
): Promise<CertifiedKey> {
  const { publicKey, privateKey } = await generate("ec", { namedCurve: "P-256" });
  const dnsNames = names.map((dns) => der.implicit(2, new TextEncoder().encode(dns)));
  const certificate = certify({
    issuer: subjectOf(authority.certificate),
    // The names are in the extension; a common name is bounded to 64 characters and read by nobody.
    subject: commonName("sluice-webhook"),
    notBefore: Math.max(now - BACKDATED, authority.certificate.validFromDate.getTime()),
    notAfter: Math.min(now + life, authority.certificate.validToDate.getTime()),
    publicKey,
    signer: authority.key,
    extensions: [
      extension(OID.basicConstraints, true, der.sequence()),
      // digitalSignature alone: bit 0.
      extension(OID.keyUsage, true, der.bitString(Uint8Array.of(0b1000_0000), 7)),
      extension(OID.extendedKeyUsage, false, der.sequence(der.objectId(OID.serverAuth))),
      extension(OID.subjectAltName, false, der.sequence(...dnsNames)),
      extension(OID.subjectKeyIdentifier, false, der.octetString(keyId(publicKey))),
      extension(
        OID.authorityKeyIdentifier,
        false,
        der.sequence(der.implicit(0, keyId(authority.certificate.publicKey))),
      ),
    ],
  });
  return { certificate, key: pkcs8(privateKey) };
}

/** The names under which the API server reaches a Service's webhook; the first is the one that it verifies. */
export function serviceNames(service: string, namespace: string): readonly string[] {
  return [`${service}.${namespace}.svc`, `${service}.${namespace}.svc.cluster.local`, `${service}.${namespace}`];
}

interface Unsigned {
  readonly issuer: der.Der;
  readonly subject: der.Der;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly extensions: readonly der.Der[];
}

/** RFC 5280 section 4.1, version 3; PEM. */
function certify({ issuer, subject, notBefore, notAfter, publicKey, signer, extensions }: Unsigned): string {
  const algorithm = der.sequence(der.objectId(OID.ecdsaWithSha256));
  // Positive, not zero, 127 bits (section 4.1.2.2).
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const body = der.sequence(
    der.explicit(0, der.integer(Uint8Array.of(2))),
    der.integer(serial),
    algorithm,
    issuer,
    der.sequence(der.time(new Date(notBefore)), der.time(new Date(notAfter))),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    der.explicit(3, der.sequence(...extensions)),
  );
  const whole = der.sequence(body, algorithm, der.bitString(sign("sha256", body, signer)));
  return new X509Certificate(whole).toString();
}

function extension(id: string, critical: boolean, value: der.Der): der.Der {
  const parts = critical ? [der.boolean(true)] : [];
  return der.sequence(der.objectId(id), ...parts, der.octetString(value));
}

function commonName(name: string): der.Der {
  return der.sequence(der.set(der.sequence(der.objectId(OID.commonName), der.utf8(name))));
}

/** Of our own CAs, whose subject is one common name. */
function subjectOf(certificate: X509Certificate): der.Der {
  return commonName(certificate.subject.replace(/^CN=/, ""));
}

/** RFC 7093 section 2, method 1: the first 160 bits of SHA-256 over the key. */
function keyId(key: KeyObject): Uint8Array {
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest()
    .subarray(0, 20);
}

function pkcs8(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" });
}
