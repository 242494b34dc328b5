import { createPrivateKey, type KeyObject, type X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { EpochMillis } from "../../router/core/base/quantity.ts";
import { epochMillis } from "../../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../../router/core/base/result.ts";
import { readBundle } from "./ca-bundle.ts";

/** A certificate and its key that a server can serve. PEM. */
export interface Pair {
  /** The chain, leaf first. */
  readonly certificate: string;
  readonly key: string;
  readonly leaf: X509Certificate;
  readonly chain: readonly X509Certificate[];
  readonly notBefore: EpochMillis;
  readonly notAfter: EpochMillis;
}

const MOST_KEY = 16 * 1024;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

/**
 * Reads a pair and holds everything about it against what the API server will: the key is the certificate's, it is for
 * servers, and it names `host`. Whether it is valid now is not asked: that changes. The problem is a sentence.
 */
export function readPair(certificate: string, key: string, host: string): Result<Pair, string> {
  const chain = readBundle(certificate);
  if (!chain.ok) return fail(`tls.crt ${chain.problem}`);
  const [leaf] = chain.value;
  if (leaf === undefined) return fail("tls.crt is empty.");
  const parsed = readKey(key);
  if (parsed === undefined) return fail("tls.key is no private key in PEM.");
  if (!leaf.checkPrivateKey(parsed)) return fail("tls.key is not the key of tls.crt.");
  if (leaf.checkHost(host, { subject: "never" }) === undefined) return fail(`tls.crt does not name ${host}.`);
  // Typed as always there; a certificate without the extension has none.
  const usage = leaf.keyUsage as readonly string[] | undefined;
  if (usage !== undefined && !usage.includes(SERVER_AUTH)) return fail("tls.crt is not for servers (serverAuth).");
  try {
    // OpenSSL has rules of its own: keys too small, digests too weak.
    createSecureContext({ cert: certificate, key, minVersion: "TLSv1.2" });
  } catch {
    return fail("tls.crt and tls.key are not a pair that OpenSSL would serve.");
  }
  const notBefore = epochMillis(leaf.validFromDate.getTime());
  const notAfter = epochMillis(leaf.validToDate.getTime());
  return ok({ certificate, key, leaf, chain: chain.value, notBefore, notAfter });
}

export function readKey(pem: string): KeyObject | undefined {
  if (pem.length > MOST_KEY) return undefined;
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

/** The certificate of `bundle` that the pair leads to; undefined: who trusts the bundle does not trust the pair. */
export function anchorOf(pair: Pair, bundle: readonly X509Certificate[]): X509Certificate | undefined {
  let at = pair.leaf;
  for (let step = 0; step <= pair.chain.length; step++) {
    const below = at;
    const anchor = bundle.find((certificate) => isIssuer(certificate, below));
    if (anchor !== undefined) return anchor;
    const above = pair.chain.find((certificate) => certificate !== below && isIssuer(certificate, below));
    if (above === undefined) return undefined;
    at = above;
  }
  return undefined;
}

function isIssuer(certificate: X509Certificate, below: X509Certificate): boolean {
  return certificate.ca && below.checkIssued(certificate) && below.verify(certificate.publicKey);
}
