import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { EpochMillis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { SignatureAlgorithm } from "../../core/certificate/certificate.ts";
import { readIssuer } from "../../core/certificate/read-issuer.ts";
import { type Authority, validityOf } from "./authority.ts";

const PEM_END = "-----END CERTIFICATE-----";
/** The CA, and those above it. */
const MOST_CERTIFICATES = 8;
const SMALLEST_RSA = 2048;

/**
 * A CA that an operator gives instead of one made at boot. `certificates` in PEM: the CA first, then those above it, in
 * order. The problem is a sentence without anything of the key.
 */
export function readAuthority(certificates: string, key: string, now: EpochMillis): Result<Authority, string> {
  const chain = readChain(certificates);
  const certificate = chain?.[0];
  if (chain === undefined || certificate === undefined) {
    return fail(`The certificate file holds 1 to ${MOST_CERTIFICATES} certificates in PEM.`);
  }
  const privateKey = readKey(key);
  if (privateKey === undefined) return fail("The key file holds no private key in PEM.");
  if (!certificate.checkPrivateKey(privateKey)) return fail("The key is not the key of the first certificate.");
  // OpenSSL's word: basicConstraints says so, and keyUsage, where there is one, has keyCertSign.
  if (!certificate.ca) return fail("The first certificate is not one of a CA.");
  const algorithm = algorithmOf(privateKey);
  if (algorithm === undefined) {
    return fail(`The CA's key is ECDSA P-256 or P-384, or RSA of at least ${SMALLEST_RSA} bits.`);
  }
  const parts = readIssuer(certificate.raw);
  if (parts === undefined) return fail("The first certificate cannot be read.");
  const validity = validityOf(certificate);
  if (now < validity.notBefore || now >= validity.notAfter) return fail("The CA's certificate is not valid now.");
  for (const [index, below] of chain.slice(0, -1).entries()) {
    const above = chain[index + 1];
    if (above === undefined || !below.checkIssued(above) || !below.verify(above.publicKey)) {
      return fail("Each certificate of the file is issued by the one behind it.");
    }
  }
  const pem = (list: readonly X509Certificate[]): string => list.map(String).join("");
  return ok({
    trusted: pem(chain),
    // A root is shown to nobody: who trusts it has it.
    chain: pem(chain.filter((one) => !one.checkIssued(one))),
    certificate,
    key: privateKey,
    algorithm,
    name: parts.subject,
    keyId: parts.keyId,
    ...validity,
  });
}

function readChain(text: string): readonly X509Certificate[] | undefined {
  const blocks = text.split(PEM_END).slice(0, -1);
  if (blocks.length === 0 || blocks.length > MOST_CERTIFICATES) return undefined;
  try {
    return blocks.map((block) => new X509Certificate(`${block}${PEM_END}\n`));
  } catch {
    return undefined;
  }
}

function readKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

function algorithmOf(key: KeyObject): SignatureAlgorithm | undefined {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "rsa") return modulusLength >= SMALLEST_RSA ? "rsa-sha256" : undefined;
  if (key.asymmetricKeyType !== "ec") return undefined;
  if (namedCurve === "prime256v1") return "ecdsa-sha256";
  return namedCurve === "secp384r1" ? "ecdsa-sha384" : undefined;
}
