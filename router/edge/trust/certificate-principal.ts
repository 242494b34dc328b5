import { X509Certificate } from "node:crypto";
import type { Signer } from "@sigstore/verify";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Refusal } from "./trust-problem.ts";
import { decodeUtf8 } from "./utf8.ts";

/** Who a signing certificate was given to, and who vouched for that. */
export interface CertificatePrincipal {
  /** The only subject alternative name: a URI or a mail address. */
  readonly identity: string;
  /** The OpenID Connect issuer. */
  readonly issuer: string;
}

/** Fulcio's extensions (sigstore/fulcio docs/oid-info.md): issuer as raw text, and as a DER UTF8String. */
const ISSUER_V1 = "1.3.6.1.4.1.57264.1.1";
const ISSUER_V2 = "1.3.6.1.4.1.57264.1.8";
const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
const UTF8_STRING = 0x0c;
/** Longer identities are refused before any pattern sees them. */
const MAXIMUM = 1024;

/**
 * The principal of a certificate whose chain and signature the library has already verified. The library
 * reads names as 7-bit ASCII (other octets collapse onto ASCII ones) and takes the first of several; here the
 * certificate is read again by OpenSSL, and anything that is not plainly one name of one kind is refused.
 */
export function certificatePrincipal(der: Uint8Array, signer: Signer): Result<CertificatePrincipal, Refusal> {
  const certificate = new X509Certificate(der);
  // `keyUsage` is the extended key usage, and undefined where there is none.
  if (certificate.ca || !new Set(certificate.keyUsage).has(CODE_SIGNING)) return unusable("is not for signing code");
  const identity = signer.identity?.subjectAlternativeName ?? "";
  if (identity === "" || identity.length > MAXIMUM) return unusable("has no name, or too long a one");
  // OpenSSL's text of *all* names, with anything unusual quoted: equal only where there is one plain name.
  const names = certificate.subjectAltName;
  if (names !== `URI:${identity}` && names !== `email:${identity}`) {
    return unusable("must have exactly one name, a URI or a mail address in plain ASCII");
  }
  const issuers = issuersOf(signer);
  const issuer = issuers[0] ?? "";
  if (issuer === "" || issuer.length > MAXIMUM || issuers.some((other) => other !== issuer)) {
    return unusable("must name one issuer");
  }
  return ok({ identity, issuer });
}

function issuersOf(signer: Signer): readonly (string | undefined)[] {
  return (signer.identity?.oids ?? []).flatMap(({ oid, value }) => {
    const id = oid?.id.join(".");
    if (id === ISSUER_V1) return [decodeUtf8(value)];
    return id === ISSUER_V2 ? [utf8String(value)] : [];
  });
}

/** The text of a DER UTF8String of at most 255 octets (X.690 section 8.1.3: the shortest length form). */
function utf8String(der: Buffer): string | undefined {
  const long = der[1] === 0x81;
  const text = der.subarray(long ? 3 : 2);
  if (der[0] !== UTF8_STRING || text.length !== der[long ? 2 : 1] || text.length >= 128 !== long) return undefined;
  return decodeUtf8(text);
}

function unusable(what: string): Result<never, Refusal> {
  return fail({ code: "identity_unusable", message: `The signing certificate ${what}.` });
}
