import { X509Certificate } from "node:crypto";
import { fail, ok, type Result } from "../../router/core/base/result.ts";

const MOST_OCTETS = 256 * 1024;
const MOST_CERTIFICATES = 64;
const BLOCK = /-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]{1,20000}-----END CERTIFICATE-----/g;
const BEGIN = "-----BEGIN CERTIFICATE-----";

/** Certificates in PEM, text between them ignored; one that cannot be read makes the whole a problem (a predicate). */
export function readBundle(pem: string): Result<readonly X509Certificate[], string> {
  if (pem.length > MOST_OCTETS) return fail(`is longer than ${MOST_OCTETS} octets.`);
  const blocks = pem.match(BLOCK) ?? [];
  if (blocks.length === 0 || pem.split(BEGIN).length - 1 !== blocks.length) return fail("is not certificates in PEM.");
  if (blocks.length > MOST_CERTIFICATES) return fail(`has more than ${MOST_CERTIFICATES} certificates.`);
  try {
    return ok(blocks.map((block) => new X509Certificate(block)));
  } catch {
    return fail("has a certificate that cannot be read.");
  }
}

/** One form for one set, in the order given: what differs in it differs in what is trusted. */
export function bundleText(certificates: readonly X509Certificate[]): string {
  const texts = new Map(certificates.map((certificate) => [certificate.fingerprint256, certificate.toString()]));
  return [...texts.values()].join("");
}
