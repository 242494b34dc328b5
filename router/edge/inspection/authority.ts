import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { type EpochMillis, epochMillis } from "../../core/base/quantity.ts";
import {
  type CertificateFields,
  commonName,
  type SignatureAlgorithm,
  serialNumber,
  signed,
  toBeSigned,
} from "../../core/certificate/certificate.ts";
import type { Der } from "../../core/certificate/der.ts";
import { authorityFields } from "../../core/certificate/profiles.ts";

/** The CA that this router's leaves are issued by. Its key is in no file that this program writes, and in no log. */
export interface Authority {
  /** PEM: what agents are to trust. Of a given CA, with the certificates above it. */
  readonly trusted: string;
  /** PEM of what a handshake shows behind the leaf; empty: agents hold the issuer already. */
  readonly chain: string;
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  readonly algorithm: SignatureAlgorithm;
  /** Its subject, in DER. */
  readonly name: Der;
  readonly keyId: Uint8Array | undefined;
  readonly notBefore: EpochMillis;
  readonly notAfter: EpochMillis;
}

/** Clocks of agents in the pod are the router's own; certificates begin a little before now all the same. */
export const BACKDATED = 5 * 60 * 1000;
/** Longer than any pod lives: agents read the CA once, and its key ends with the process. */
const AUTHORITY_LIFE = 5 * 365 * 24 * 60 * 60 * 1000;

/** An ECDSA P-256 CA for this process alone; `pod` is in its name, for people. */
export function makeAuthority(pod: string, now: EpochMillis): Authority {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const id = keyIdOf(publicKey);
  // Each its own name: a verifier that looks issuers up by name must not find the one of an earlier process.
  const mark = Buffer.from(id).toString("hex").slice(0, 8);
  const name = commonName(`Sluice CA ${mark} of ${pod}`);
  const fields = authorityFields({
    serial: serialNumber(randomBytes(16)),
    name,
    // Whole seconds: what is in the certificate is what the leaves are held against.
    notBefore: timeText(now - BACKDATED),
    notAfter: timeText(now + AUTHORITY_LIFE),
    publicKey: publicKeyOctets(publicKey),
    keyId: id,
  });
  const certificate = certify(fields, privateKey);
  return {
    trusted: certificate.toString(),
    chain: "",
    certificate,
    key: privateKey,
    algorithm: "ecdsa-sha256",
    name,
    keyId: id,
    ...validityOf(certificate),
  };
}

/** Signs what the core has laid out. */
export function certify(fields: CertificateFields, signer: KeyObject): X509Certificate {
  const body = toBeSigned(fields);
  const hash = fields.algorithm === "ecdsa-sha384" ? "sha384" : "sha256";
  return new X509Certificate(signed(body, fields.algorithm, sign(hash, body, signer)));
}

export function validityOf(certificate: X509Certificate): Pick<Authority, "notBefore" | "notAfter"> {
  return {
    notBefore: epochMillis(certificate.validFromDate.getTime()),
    notAfter: epochMillis(certificate.validToDate.getTime()),
  };
}

export function timeText(at: number): string {
  return new Date(at).toISOString();
}

/** SubjectPublicKeyInfo, DER. */
export function publicKeyOctets(key: KeyObject): Buffer {
  return key.export({ type: "spki", format: "der" });
}

/** RFC 7093 section 2, method 1: the first 160 bits of SHA-256 over the key. */
export function keyIdOf(key: KeyObject): Uint8Array {
  return createHash("sha256").update(publicKeyOctets(key)).digest().subarray(0, 20);
}
