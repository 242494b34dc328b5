import type { Verifier } from "@sigstore/verify";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { quoted } from "../../core/document/quoted.ts";
import { isObject, unknownMember } from "./json-object.ts";
import type { Sigstore } from "./load-sigstore.ts";

/** One pinned `trusted_root.json`. Roots are never merged: one root's authority has no say over another's log. */
export interface CertificateRoot {
  readonly verifier: Verifier;
}

const MEDIA_TYPES = [
  "application/vnd.dev.sigstore.trustedroot.v0.2+json",
  "application/vnd.dev.sigstore.trustedroot.v0.1+json",
  "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
];
const LISTS = ["tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"];

/**
 * A verifier that asks for all the evidence the root can check: a log entry where it names logs, a signed
 * certificate timestamp where it names certificate logs, and always a time from a log or an authority,
 * because the certificates live ten minutes. The problem is one sentence.
 */
export function readTrustedRoot(sigstore: Sigstore, text: string): Result<CertificateRoot, string> {
  try {
    const json = JSON.parse(text) as unknown;
    // The library ignores a misspelt "tlogs", or one that is no list: that would ask for less evidence, silently.
    if (!isObject(json)) return fail("It is not a JSON object.");
    const unknown = unknownMember(json, ["mediaType", ...LISTS]);
    if (unknown !== undefined) return fail(`It has the unknown member ${quoted(unknown)}.`);
    const broken = LISTS.find((name) => json[name] !== undefined && !Array.isArray(json[name]));
    if (broken !== undefined) return fail(`Its member ${quoted(broken)} is not a list.`);
    const root = sigstore.TrustedRoot.fromJSON(json);
    const { tlogs, ctlogs, certificateAuthorities, timestampAuthorities } = root;
    if (!MEDIA_TYPES.includes(root.mediaType)) {
      return fail(`The media type is ${quoted(root.mediaType)}, but needed is "${MEDIA_TYPES[0]}".`);
    }
    if (certificateAuthorities.length === 0) {
      return fail("It names no certificate authority, so no certificate can be trusted.");
    }
    if (tlogs.length + timestampAuthorities.length === 0) {
      return fail("It names neither a transparency log nor a timestamp authority, so no signing time can be proved.");
    }
    const chains = [...certificateAuthorities, ...timestampAuthorities];
    if (chains.some(({ certChain }) => certChain === undefined || certChain.certificates.length === 0)) {
      return fail("An authority has no certificate.");
    }
    // The library takes a missing start for the beginning of time, which would revive a log's key before its days.
    if ([...tlogs, ...ctlogs].some(({ publicKey }) => publicKey?.validFor?.start === undefined)) {
      return fail("A log's key has no validFor.start.");
    }
    const verifier = new sigstore.Verifier(sigstore.toTrustMaterial(root, refuseKeys), {
      tlogThreshold: tlogs.length > 0 ? 1 : 0,
      ctlogThreshold: ctlogs.length > 0 ? 1 : 0,
      timestampThreshold: 1,
    });
    return ok({ verifier });
  } catch (error) {
    return fail(`It cannot be read: ${quoted(String(error))}.`);
  }
}

/** A bundle that names a bare key has no business with a certificate root. */
function refuseKeys(): never {
  throw new Error("a certificate root holds no public keys");
}
