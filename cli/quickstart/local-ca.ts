import { generateKeyPairSync, randomBytes } from "node:crypto";
import forge from "node-forge";

/** A certificate authority for one run on this machine: nothing of it is ever written outside the run's own directory. */
export interface LocalCa {
  readonly certificatePem: string;
  /** A server certificate for these DNS names, signed by the authority. */
  issue(names: readonly string[]): { readonly certificatePem: string; readonly keyPem: string };
}

const DAY = 24 * 60 * 60 * 1_000;

/** Keys come from the platform (node-forge's own take seconds), certificates from node-forge. RSA 2048, SHA-256, one day. */
export function createLocalCa(): LocalCa {
  const authority = keyPair();
  const issuer = [{ name: "commonName", value: "Sluice quickstart CA" }];
  const root = unsigned(authority.publicKeyPem, issuer, issuer);
  root.setExtensions([
    { name: "basicConstraints", cA: true, critical: true },
    { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    { name: "subjectKeyIdentifier" },
  ]);
  const authorityKey = forge.pki.privateKeyFromPem(authority.privateKeyPem);
  root.sign(authorityKey, forge.md.sha256.create());
  return {
    certificatePem: forge.pki.certificateToPem(root),
    issue(names) {
      const leaf = keyPair();
      const certificate = unsigned(leaf.publicKeyPem, [{ name: "commonName", value: names[0] ?? "localhost" }], issuer);
      certificate.setExtensions([
        { name: "basicConstraints", cA: false },
        { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true },
        { name: "extKeyUsage", serverAuth: true },
        { name: "subjectAltName", altNames: names.map((value) => ({ type: 2, value })) },
        { name: "subjectKeyIdentifier" },
        { name: "authorityKeyIdentifier", keyIdentifier: root.generateSubjectKeyIdentifier().getBytes() },
      ]);
      certificate.sign(authorityKey, forge.md.sha256.create());
      return { certificatePem: forge.pki.certificateToPem(certificate), keyPem: leaf.privateKeyPem };
    },
  };
}

function unsigned(
  publicKeyPem: string,
  subject: forge.pki.CertificateField[],
  issuer: forge.pki.CertificateField[],
): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKeyPem);
  // Positive and without a leading zero octet (RFC 5280 section 4.1.2.2).
  certificate.serialNumber = `4${randomBytes(16).toString("hex").slice(1)}`;
  certificate.validity.notBefore = new Date(Date.now() - DAY);
  certificate.validity.notAfter = new Date(Date.now() + DAY);
  certificate.setSubject(subject);
  certificate.setIssuer(issuer);
  return certificate;
}

function keyPair(): { readonly publicKeyPem: string; readonly privateKeyPem: string } {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    publicKeyPem: publicKey.export({ type: "spki", format: "pem" }),
    privateKeyPem: privateKey.export({ type: "pkcs1", format: "pem" }),
  };
}
