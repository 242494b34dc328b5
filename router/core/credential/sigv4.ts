import { fail, ok, type Result } from "../base/result.ts";
import type { AwsKeys } from "./aws-keys.ts";
import { canonicalRequest, type SignablePart } from "./sigv4-canonical.ts";

/** Hashing, which this room does not have. Texts are hashed as UTF-8. */
export interface SigningHashes {
  /** 64 lower-case hex digits. */
  sha256(text: string): string;
  /** HMAC-SHA256, 32 octets. */
  hmac(key: string | Uint8Array, text: string): Uint8Array;
}

/** Where a signature counts: one UTC day, one region, one service. */
export interface SigningScope {
  /** `YYYYMMDD` */
  readonly day: string;
  readonly region: string;
  readonly service: string;
}

/**
 * The key that signs within a scope (AWS Signature Version 4, "Calculate the signature"). Four HMACs: worth keeping for
 * the day. It is a secret.
 */
export function signingKey(hashes: SigningHashes, secretAccessKey: string, scope: SigningScope): Uint8Array {
  const day = hashes.hmac(`AWS4${secretAccessKey}`, scope.day);
  return hashes.hmac(hashes.hmac(hashes.hmac(day, scope.region), scope.service), "aws4_request");
}

/** The value of `authorization` for a request of which `date` and everything else to be signed are headers already. */
export function authorization(
  hashes: SigningHashes,
  request: SignablePart,
  date: string,
  accessKeyId: string,
  scope: SigningScope,
  key: Uint8Array,
): Result<string, string> {
  const canonical = canonicalRequest(request);
  if (!canonical.ok) return canonical;
  const { text, signedHeaders } = canonical.value;
  const within = `${scope.day}/${scope.region}/${scope.service}/aws4_request`;
  const signature = hashes.hmac(key, `AWS4-HMAC-SHA256\n${date}\n${within}\n${hashes.sha256(text)}`).toHex();
  return ok(
    `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${within}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
  );
}

/**
 * The headers that a signed request gains: date, digest of the body, session token, signature. `request.headers` are
 * those to be signed, `host` among them, and none of these four; `key` is of the scope of `date`.
 */
export function signedHeadersOf(
  hashes: SigningHashes,
  request: SignablePart,
  date: string,
  keys: AwsKeys,
  scope: SigningScope,
  key: Uint8Array,
): Result<(readonly [name: string, value: string])[], string> {
  if (request.headers.some(([name]) => name === "authorization" || name.startsWith("x-amz-"))) {
    return fail("The request is signed already.");
  }
  const added: (readonly [string, string])[] = [
    ["x-amz-content-sha256", request.bodySha256],
    ["x-amz-date", date],
  ];
  if (keys.sessionToken !== undefined) added.push(["x-amz-security-token", keys.sessionToken]);
  const whole = { ...request, headers: [...request.headers, ...added] };
  const signature = authorization(hashes, whole, date, keys.accessKeyId, scope, key);
  if (!signature.ok) return signature;
  added.push(["authorization", signature.value]);
  return ok(added);
}
