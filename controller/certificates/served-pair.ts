import type { X509Certificate } from "node:crypto";
import type { EpochMillis } from "../../router/core/base/quantity.ts";
import type { CertificateCondition } from "./kept-certificate.ts";
import type { Pair } from "./pair.ts";
import { isValid, renewalAt } from "./plan-rotation.ts";

/** What a replica serves, and the CA that has to be in the webhooks' bundles for it; undefined: that is others' affair. */
export interface Served {
  readonly pair: Pair;
  readonly anchor: X509Certificate | undefined;
}

export interface ServingView {
  readonly now: EpochMillis;
  readonly isKnown: (certificate: X509Certificate) => boolean;
}

/**
 * Whether the candidate is to be served instead: at once where there is nothing better, or where it hangs on the same CA;
 * under another CA only when that is known everywhere.
 */
export function isToBeServed(candidate: Served, served: Served | undefined, { now, isKnown }: ServingView): boolean {
  if (!isValid(candidate.pair.leaf, now)) return false;
  if (served === undefined || !isValid(served.pair.leaf, now)) return true;
  if (candidate.pair.certificate === served.pair.certificate && candidate.pair.key === served.pair.key) return false;
  const { anchor } = candidate;
  if (anchor === undefined || anchor.fingerprint256 === served.anchor?.fingerprint256) return true;
  return isKnown(anchor);
}

/** What readiness says. `published`: the webhooks have trusted the pair at some time since it is served. */
export function certificateCondition(
  served: Served | undefined,
  published: boolean,
  trouble: string,
  now: EpochMillis,
): CertificateCondition {
  const because = trouble === "" ? "" : ` ${trouble}`;
  if (served === undefined) return { state: "failed", reason: `There is no certificate to serve yet.${because}` };
  const { leaf, notBefore, notAfter } = served.pair;
  if (now >= notAfter)
    return { state: "failed", reason: `The certificate ended at ${new Date(notAfter).toISOString()}.${because}` };
  if (now < notBefore)
    return { state: "failed", reason: `The certificate begins at ${new Date(notBefore).toISOString()}.${because}` };
  if (!published) return { state: "failed", reason: `The webhooks do not trust the certificate yet.${because}` };
  if (trouble !== "") return { state: "degraded", reason: trouble };
  const end = leaf.validToDate.getTime();
  if (now < end - (end - renewalAt(leaf)) / 2) return { state: "ok", reason: "" };
  return { state: "degraded", reason: `The certificate ends at ${new Date(end).toISOString()} and was not renewed.` };
}
