/**
 * Request headers that never leave with an agent's request, in lower case: the router alone says who calls. Also those
 * that choose whose account is charged under the router's credential (`openai-organization`, `x-goog-user-project`): the
 * account is the operator's choice, and the credential's own default is it.
 */
const REQUEST_NAMES: ReadonlySet<string> = new Set(
  (
    "api-key apikey authentication authorization cf-access-client-id cf-access-client-secret cf-access-token cf-aig-authorization chatgpt-account-id cookie cookie2 dpop helicone-auth " +
    "ocp-apim-subscription-key openai-api-key openai-organization openai-project private-token proxy-authorization " +
    "x-access-token x-api-key x-apikey x-auth-token x-authorization x-client-cert x-forwarded-access-token " +
    "x-forwarded-authorization x-forwarded-client-cert x-functions-key x-github-token x-litellm-api-key " +
    "x-ms-authorization-auxiliary x-ms-token-aad-access-token x-ms-token-aad-id-token x-original-authorization " +
    "x-portkey-api-key x-serverless-authorization x-vault-token"
  ).split(" "),
);

/** `x-amz-` is all of SigV4; Bedrock's own options are `x-amzn-bedrock-` and pass. */
const REQUEST_PREFIXES = [
  "x-amz-",
  "x-goog-api-key",
  "x-goog-auth",
  "x-goog-iam-",
  "x-goog-user-project",
  "x-ms-client-principal",
];

/**
 * Response headers that never reach the agent: those that set or ask for a credential, those that would carry one, and
 * those that tell whose it is.
 */
const RESPONSE_NAMES: ReadonlySet<string> = new Set(
  (
    "anthropic-organization-id api-key apikey authentication-info authorization clear-site-data cookie " +
    "ocp-apim-subscription-key openai-organization openai-project proxy-authenticate proxy-authentication-info " +
    "proxy-authorization set-cookie set-cookie2 www-authenticate x-api-key x-auth-token x-goog-api-key x-ms-token-aad-access-token"
  ).split(" "),
);

const RESPONSE_PREFIXES = ["x-amz-security-token", "x-goog-iam-"];

/** Query parameters that providers take instead of a header, in lower case. */
const PARAMETERS: ReadonlySet<string> = new Set(
  "access_token api-key api_key apikey auth authorization key oauth_token subscription-key token".split(" "),
);

const PARAMETER_PREFIXES = ["x-amz-", "x-goog-"];

/**
 * `name` in lower case. Servers behind CGI's successors take "_" for "-" (RFC 3875 section 4.1.18), so `x_api_key` is as
 * much a credential there.
 */
export function isClientCredential(name: string): boolean {
  const plain = name.includes("_") ? name.replaceAll("_", "-") : name;
  return REQUEST_NAMES.has(plain) || begins(plain, REQUEST_PREFIXES);
}

/** `name` in lower case. What else holds a secret in its value, `SecretForms` finds. */
export function isOriginCredential(name: string): boolean {
  return RESPONSE_NAMES.has(name) || begins(name, RESPONSE_PREFIXES);
}

/** The query (without "?") without parameters that are credentials, however their names are escaped; the rest as it was. */
export function withoutCredentialParameters(query: string): string {
  if (query === "") return query;
  return query
    .split("&")
    .filter((parameter) => !isCredentialParameter(parameter))
    .join("&");
}

/**
 * A client's `sec-websocket-protocol` without what carries its key, account or project: browsers speak to OpenAI's
 * Realtime API with `openai-insecure-api-key.<key>`. Empty where nothing is left.
 */
export function withoutCredentialProtocols(protocols: string): string {
  return protocols
    .split(",")
    .map((protocol) => protocol.trim())
    .filter((protocol) => !/^openai-(?:insecure-api-key|organization|project)\./i.test(protocol) && protocol !== "")
    .join(", ");
}

function isCredentialParameter(parameter: string): boolean {
  const equals = parameter.indexOf("=");
  const raw = equals === -1 ? parameter : parameter.slice(0, equals);
  let name: string;
  try {
    name = decodeURIComponent(raw.replaceAll("+", " ")).trim().toLowerCase();
  } catch {
    // An origin may still make something of it.
    return true;
  }
  return PARAMETERS.has(name) || begins(name, PARAMETER_PREFIXES);
}

function begins(name: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => name.startsWith(prefix));
}
