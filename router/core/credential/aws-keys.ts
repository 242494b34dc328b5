import { fail, ok, type Result } from "../base/result.ts";

/** What a request to AWS is signed with. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary keys; sent along with each request. */
  readonly sessionToken: string | undefined;
}

const ACCESS_KEY_ID = /^[A-Z0-9]{16,128}$/;
const SECRET_ACCESS_KEY = /^[A-Za-z0-9/+=]{16,128}$/;
/** AWS names no bound and says to assume none; a header of that length still fits what servers take. */
const SESSION_TOKEN = /^[A-Za-z0-9/+=_-]{16,8192}$/;

/** The keys of three texts, from a file or from the Security Token Service. The problem names the part that is wrong. */
export function awsKeys(
  accessKeyId: string,
  secretAccessKey: string,
  sessionToken: string | undefined,
): Result<AwsKeys, string> {
  if (!ACCESS_KEY_ID.test(accessKeyId)) return fail("The access key id is none.");
  if (!SECRET_ACCESS_KEY.test(secretAccessKey)) return fail("The secret access key is none.");
  if (sessionToken !== undefined && !SESSION_TOKEN.test(sessionToken)) return fail("The session token is none.");
  return ok({ accessKeyId, secretAccessKey, sessionToken });
}

/** A file's content without its last line end: access key id, secret access key and, of temporary keys, session token. */
export function parseAwsKeys(text: string): Result<AwsKeys, string> {
  const lines = text.split(/\r?\n/, 4);
  const [accessKeyId, secretAccessKey, sessionToken] = lines;
  if (accessKeyId === undefined || secretAccessKey === undefined || lines.length > 3) {
    return fail("Needed are an access key id, a secret access key and perhaps a session token, a line each.");
  }
  return awsKeys(accessKeyId, secretAccessKey, sessionToken);
}
