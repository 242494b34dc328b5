import type { KeyObject, X509Certificate } from "node:crypto";
import { type EpochMillis, epochMillis } from "../../router/core/base/quantity.ts";
import type { CertifiedKey } from "./authority.ts";
import { bundleText, readBundle } from "./ca-bundle.ts";
import { memberOf } from "./kube-requests.ts";
import { anchorOf, type Pair, readKey, readPair } from "./pair.ts";

export interface Authority {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  readonly pem: CertifiedKey;
}

/** A CA that signs nothing any more, and is trusted until the last leaf of it has ended. */
export interface Previous {
  readonly certificate: X509Certificate;
  readonly until: EpochMillis;
}

/** What the Secret says, as far as it can be used; undefined: missing, or broken. */
export interface KeptState {
  /** Signs leaves. */
  readonly authority: Authority | undefined;
  /** To be served: the authority's leaf. */
  readonly pair: Pair | undefined;
  /** Announced in the bundle, and signs nothing yet. */
  readonly next: Authority | undefined;
  readonly previous: Previous | undefined;
}

export const EMPTY_STATE: KeptState = { authority: undefined, pair: undefined, next: undefined, previous: undefined };

/** Our own CAs only: what somebody else put there would be given a leaf under a name that is not its own. */
const OUR_SUBJECT = /^CN=sluice-webhook-ca-[0-9a-f]{12}$/;
const MOST_VALUE = 512 * 1024;

/** Reads `data` of the Secret. Whatever is broken is as if it were not there. */
export function readState(secret: unknown, host: string): KeptState {
  const value = (name: string): string => {
    const text = memberOf(secret, "data", name);
    return typeof text === "string" && text.length <= MOST_VALUE ? Buffer.from(text, "base64").toString("utf8") : "";
  };
  const authority = readAuthority(value("ca.crt"), value("ca.key"));
  const pair = readPair(value("tls.crt"), value("tls.key"), host);
  const issued = pair.ok && authority !== undefined && anchorOf(pair.value, [authority.certificate]) !== undefined;
  return {
    authority,
    pair: issued ? pair.value : undefined,
    next: readAuthority(value("next-ca.crt"), value("next-ca.key")),
    previous: readPrevious(value("previous-ca.crt"), value("previous-until")),
  };
}

/** `data` of the Secret. */
export function stateData({ authority, pair, next, previous }: KeptState): Readonly<Record<string, string>> {
  const texts: Record<string, string | undefined> = {
    "ca.crt": authority?.pem.certificate,
    "ca.key": authority?.pem.key,
    "tls.crt": pair?.certificate,
    "tls.key": pair?.key,
    "next-ca.crt": next?.pem.certificate,
    "next-ca.key": next?.pem.key,
    "previous-ca.crt": previous?.certificate.toString(),
    "previous-until": previous === undefined ? undefined : new Date(previous.until).toISOString(),
  };
  const data: Record<string, string> = {};
  for (const [name, text] of Object.entries(texts))
    if (text !== undefined) data[name] = Buffer.from(text).toString("base64");
  return data;
}

/** What the webhooks' caBundle is to be. */
export function bundleOf({ authority, next, previous }: KeptState): readonly X509Certificate[] {
  return [authority, next, previous].flatMap((part) => (part === undefined ? [] : [part.certificate]));
}

export function readAuthority(certificate: string, key: string): Authority | undefined {
  const read = readBundle(certificate);
  const [only, ...others] = read.ok ? read.value : [];
  const parsed = readKey(key);
  if (only === undefined || others.length > 0 || parsed === undefined) return undefined;
  if (!only.ca || !OUR_SUBJECT.test(only.subject) || !only.verify(only.publicKey)) return undefined;
  if (!only.checkPrivateKey(parsed) || parsed.asymmetricKeyDetails?.namedCurve !== "prime256v1") return undefined;
  return { certificate: only, key: parsed, pem: { certificate: bundleText([only]), key } };
}

function readPrevious(certificate: string, until: string): Previous | undefined {
  const read = readBundle(certificate);
  const [only] = read.ok ? read.value : [];
  if (only === undefined) return undefined;
  const end = only.validToDate.getTime();
  const said = Date.parse(until);
  return { certificate: only, until: epochMillis(Number.isNaN(said) ? end : Math.min(said, end)) };
}
