import { X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { fail, ok, type Result } from "../../core/base/result.ts";

const PEM_END = "-----END CERTIFICATE-----";
const MIN_VERSION = "TLSv1.2";
/** Parents with certificates of their own; an operator has one or two. */
const MOST_CONTEXTS = 8;
const contexts = new Map<string | undefined, SecureContext>();

/**
 * What a parent's certificate is verified by: those in `ca` (PEM) and nobody else's, or the platform's roots. Made once
 * for each text: reading roots costs milliseconds. What Node cannot read of `ca` it would leave out in silence.
 */
export function parentTrust(ca: string | undefined): Result<SecureContext, string> {
  const known = contexts.get(ca);
  if (known !== undefined) return ok(known);
  const made = trustIn(ca);
  if (made === undefined) return fail("The certificates that vouch for it cannot be read.");
  if (contexts.size >= MOST_CONTEXTS) contexts.clear();
  contexts.set(ca, made);
  return ok(made);
}

function trustIn(ca: string | undefined): SecureContext | undefined {
  if (ca === undefined) return createSecureContext({ minVersion: MIN_VERSION });
  const blocks = ca.split(PEM_END).slice(0, -1);
  try {
    for (const block of blocks) new X509Certificate(`${block}${PEM_END}\n`).toLegacyObject();
    return blocks.length === 0 ? undefined : createSecureContext({ minVersion: MIN_VERSION, ca });
  } catch {
    return undefined;
  }
}
