import type { CertificateFields, SignatureAlgorithm } from "./certificate.ts";
import type { Der } from "./der.ts";
import * as extensions from "./extensions.ts";

interface Subject {
  readonly serial: Uint8Array;
  /** Both as `Date.toISOString` writes them; whole seconds count. */
  readonly notBefore: string;
  readonly notAfter: string;
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Der;
  /** Of that key, for subjectKeyIdentifier. */
  readonly keyId: Uint8Array;
}

export interface NewAuthority extends Subject {
  readonly name: Der;
}

export interface NewLeaf extends Subject {
  readonly algorithm: SignatureAlgorithm;
  readonly issuer: Der;
  /** What the issuer says of its own key; undefined: it says nothing, and then neither does the leaf. */
  readonly issuerKeyId: Uint8Array | undefined;
  readonly subject: Der;
  /** From `dnsName` and `hostName`: who the leaf is for. */
  readonly names: readonly Der[];
}

/** A CA for leaves alone, signed by its own ECDSA P-256 key; what OpenSSL's `-x509_strict` asks of a CA is there. */
export function authorityFields({ name, keyId, ...subject }: NewAuthority): CertificateFields {
  return {
    ...subject,
    algorithm: "ecdsa-sha256",
    issuer: name,
    subject: name,
    extensions: [extensions.authorityConstraints(), extensions.signsCertificates(), extensions.subjectKey(keyId)],
  };
}

/** A server's certificate, of a key that signs handshakes. */
export function leafFields({ names, keyId, issuerKeyId, ...leaf }: NewLeaf): CertificateFields {
  return {
    ...leaf,
    extensions: [
      extensions.leafConstraints(),
      extensions.signsHandshakes(),
      extensions.forServers(),
      extensions.forNames(names),
      extensions.subjectKey(keyId),
      ...(issuerKeyId === undefined ? [] : [extensions.authorityKey(issuerKeyId)]),
    ],
  };
}
