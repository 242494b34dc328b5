import { createHash, generateKeyPair, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { promisify } from "node:util";
import type { EpochMillis, Millis } from "../../router/core/base/quantity.ts";
import {
  type CertificateFields,
  commonName,
  serialNumber,
  signed,
  toBeSigned,
} from "../../router/core/certificate/certificate.ts";
import type { Der } from "../../router/core/certificate/der.ts";
import { dnsName } from "../../router/core/certificate/extensions.ts";
import { authorityFields, leafFields } from "../../router/core/certificate/profiles.ts";

/** PEM: a certificate and its key (PKCS #8). */
export interface CertifiedKey {
  readonly certificate: string;
  readonly key: string;
}

/** Clocks of API servers and nodes differ; a certificate that begins later than their now is none. */
export const BACKDATED = 60 * 60 * 1000;

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
  const fields = authorityFields({
    serial: serialNumber(randomBytes(16)),
    name,
    notBefore: timeText(now - BACKDATED),
    notAfter: timeText(now + life),
    publicKey: spki(publicKey),
    keyId: id,
  });
  const certificate = certify(fields, privateKey);
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
  const fields = leafFields({
    serial: serialNumber(randomBytes(16)),
    algorithm: "ecdsa-sha256",
    issuer: subjectOf(authority.certificate),
    issuerKeyId: keyId(authority.certificate.publicKey),
    // The names are in the extension; a common name is bounded to 64 characters and read by nobody.
    subject: commonName("sluice-webhook"),
    names: names.map(dnsName),
    notBefore: timeText(Math.max(now - BACKDATED, authority.certificate.validFromDate.getTime())),
    notAfter: timeText(Math.min(now + life, authority.certificate.validToDate.getTime())),
    publicKey: spki(publicKey),
    keyId: keyId(publicKey),
  });
  const certificate = certify(fields, authority.key);
  return { certificate, key: pkcs8(privateKey) };
}

/** The names under which the API server reaches a Service's webhook; the first is the one that it verifies. */
export function serviceNames(service: string, namespace: string): readonly string[] {
  return [`${service}.${namespace}.svc`, `${service}.${namespace}.svc.cluster.local`, `${service}.${namespace}`];
}

function certify(fields: CertificateFields, signer: KeyObject): string {
  const body = toBeSigned(fields);
  return new X509Certificate(signed(body, fields.algorithm, sign("sha256", body, signer))).toString();
}

/** Of our own CAs, whose subject is one common name. */
function subjectOf(certificate: X509Certificate): Der {
  return commonName(certificate.subject.replace(/^CN=/, ""));
}

/** RFC 7093 section 2, method 1: the first 160 bits of SHA-256 over the key. */
function keyId(key: KeyObject): Uint8Array {
  return createHash("sha256").update(spki(key)).digest().subarray(0, 20);
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: "spki", format: "der" });
}

function timeText(at: number): string {
  return new Date(at).toISOString();
}

function pkcs8(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" });
}
