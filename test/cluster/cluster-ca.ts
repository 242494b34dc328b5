import { generateKeyPairSync, randomBytes } from "node:crypto";
import forge from "node-forge";

/** PEM of a certificate and of its RSA key. */
export interface Credential {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** The authority of one test cluster: it vouches for the API server, and for each client that a test names. */
export interface ClusterCa {
  readonly certificatePem: string;
  /** For the DNS names and IP addresses that it may be reached by. */
  server(names: readonly string[], addresses: readonly string[]): Credential;
  /** Kubernetes reads the user from the common name, and the groups from the organizations. */
  client(user: string, groups: readonly string[]): Credential;
}

interface Key {
  readonly publicKey: forge.pki.rsa.PublicKey;
  readonly privatePem: string;
}

const DAY = 24 * 60 * 60 * 1_000;
const ISSUER = [{ name: "commonName", value: "Sluice test cluster" }];

/** One key for the authority and one for all leaves: keys cost time, and these guard nothing. */
export function createClusterCa(): ClusterCa {
  const authority = key();
  const leaf = key();
  const signer = forge.pki.privateKeyFromPem(authority.privatePem);

  function certify(
    subject: forge.pki.CertificateField[],
    extensions: readonly object[],
    of: Key = leaf,
  ): forge.pki.Certificate {
    const certificate = forge.pki.createCertificate();
    certificate.publicKey = of.publicKey;
    // Positive and without a leading zero octet (RFC 5280 section 4.1.2.2).
    certificate.serialNumber = `4${randomBytes(16).toString("hex").slice(1)}`;
    certificate.validity.notBefore = new Date(Date.now() - DAY);
    certificate.validity.notAfter = new Date(Date.now() + DAY);
    certificate.setSubject(subject);
    certificate.setIssuer(ISSUER);
    certificate.setExtensions([...extensions]);
    certificate.sign(signer, forge.md.sha256.create());
    return certificate;
  }

  function credential(subject: forge.pki.CertificateField[], extensions: readonly object[]): Credential {
    return { certificatePem: forge.pki.certificateToPem(certify(subject, extensions)), keyPem: leaf.privatePem };
  }

  const usage = { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true };
  const root = [
    { name: "basicConstraints", cA: true, critical: true },
    { name: "keyUsage", keyCertSign: true, critical: true },
  ];
  return {
    certificatePem: forge.pki.certificateToPem(certify(ISSUER, root, authority)),
    server: (names, addresses) =>
      credential(
        [{ name: "commonName", value: names[0] ?? "server" }],
        [
          usage,
          { name: "extKeyUsage", serverAuth: true },
          {
            name: "subjectAltName",
            altNames: [...names.map((value) => ({ type: 2, value })), ...addresses.map((ip) => ({ type: 7, ip }))],
          },
        ],
      ),
    client: (user, groups) =>
      credential(
        [named("commonName", user), ...groups.map((group) => named("organizationName", group))],
        [usage, { name: "extKeyUsage", clientAuth: true }],
      ),
  };
}

/** UTF-8, because a name such as `alice@corp` is no PrintableString. What the types call a class is a type. */
function named(name: string, value: string): forge.pki.CertificateField {
  return { name, value, valueTagClass: forge.asn1.Type.UTF8 as number };
}

function key(): Key {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    publicKey: forge.pki.publicKeyFromPem(publicKey.export({ type: "spki", format: "pem" })),
    privatePem: privateKey.export({ type: "pkcs1", format: "pem" }),
  };
}
