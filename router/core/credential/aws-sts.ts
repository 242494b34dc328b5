import { type EpochMillis, type Millis, millis } from "../base/quantity.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { awsKeys, type AwsKeys } from "./aws-keys.ts";
import { formBody } from "./form-body.ts";
import { parseStsXml } from "./sts-xml.ts";
import { lifeUntil, MAXIMUM_TOKEN_ANSWER, type TokenHttpAnswer, type TokenHttpRequest } from "./token-answer.ts";

export interface IssuedAwsKeys {
  readonly keys: AwsKeys;
  readonly life: Millis;
}

/** What is asked for; no role allows less than an hour. */
const DURATION_SECONDS = 3_600;
const VERSION = "2011-06-15";
const CREDENTIALS = "AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/Credentials";

/** The errors that the API reference lists for this action, and the common ones. */
const ERROR_CODES = new Set(
  (
    "AccessDenied ExpiredTokenException IDPCommunicationError IDPRejectedClaim InternalFailure InvalidAction " +
    "InvalidIdentityToken MalformedPolicyDocument MissingParameter PackedPolicyTooLarge RegionDisabledException " +
    "RequestExpired ServiceUnavailable Throttling ThrottlingException ValidationError"
  ).split(" "),
);

/**
 * AWS Security Token Service, `AssumeRoleWithWebIdentity`: not signed, the pod's projected token is the proof. `session`
 * names the caller in AWS's own logs (2 to 64 of `[\w+=,.@-]`).
 */
export function assumeRoleRequest(base: string, role: string, session: string, assertion: string): TokenHttpRequest {
  return {
    method: "POST",
    path: `${base}/`,
    query: "",
    headers: [
      ["accept", "text/xml"],
      ["content-type", "application/x-www-form-urlencoded; charset=utf-8"],
    ],
    body: formBody([
      ["Action", "AssumeRoleWithWebIdentity"],
      ["Version", VERSION],
      ["RoleArn", role],
      ["RoleSessionName", session],
      ["DurationSeconds", String(DURATION_SECONDS)],
      ["WebIdentityToken", assertion],
    ]),
  };
}

/** `now` is that of the request. A clock that is behind gives the keys no longer life than was asked for. */
export function readAssumedRole(answer: TokenHttpAnswer, now: EpochMillis): Result<IssuedAwsKeys, string> {
  if (answer.body.length > MAXIMUM_TOKEN_ANSWER) return fail("The answer is too large.");
  const xml = parseStsXml(answer.body);
  if (answer.status !== 200) return fail(`Status ${answer.status}${xml.ok ? codeOf(xml.value) : ""}.`);
  if (!xml.ok) return xml;
  const part = (name: string): string => xml.value.get(`${CREDENTIALS}/${name}`) ?? "";
  const keys = awsKeys(part("AccessKeyId"), part("SecretAccessKey"), part("SessionToken"));
  if (!keys.ok) return keys;
  const life = lifeUntil(part("Expiration"), now);
  if (life === undefined) return fail("The answer does not say how long the keys live.");
  return ok({ keys: keys.value, life: millis(Math.min(life, DURATION_SECONDS * 1_000)) });
}

function codeOf(leaves: ReadonlyMap<string, string>): string {
  const code = leaves.get("ErrorResponse/Error/Code") ?? "";
  return ERROR_CODES.has(code) ? `, ${code}` : "";
}
