import type { Container, JsonObject } from "../pod/pod.ts";
import { TRUST_PATH } from "./trust-mount.ts";

const PROXY = "http://127.0.0.1:18080";
const LOCAL = "localhost,127.0.0.1,::1";
const AGENT_API = "http://127.0.0.1:18084";
/** A placeholder, for clients that do not start without a key: the router has the credentials. */
const KEY = "sluice";

/** The pod's own authority, for programs that trust it besides what they trust anyway. */
const CA = `${TRUST_PATH}/ca.pem`;
/** The same and the platform's, for programs that trust one file in the place of theirs. */
const BUNDLE = `${TRUST_PATH}/bundle.pem`;

/** What happens to traffic of a container that sets such a variable to something else, for the warning. */
type Meaning = "proxy" | "base" | "key" | "trust";

const VARIABLES: readonly (readonly [name: string, value: string, meaning?: Meaning])[] = [
  ["HTTP_PROXY", PROXY, "proxy"],
  ["HTTPS_PROXY", PROXY, "proxy"],
  ["ALL_PROXY", PROXY, "proxy"],
  ["http_proxy", PROXY, "proxy"],
  ["https_proxy", PROXY, "proxy"],
  ["all_proxy", PROXY, "proxy"],
  ["NO_PROXY", LOCAL, "proxy"],
  ["no_proxy", LOCAL, "proxy"],
  ["NODE_USE_ENV_PROXY", "1"],
  ["OPENAI_BASE_URL", `${AGENT_API}/v1`, "base"],
  ["OPENAI_API_KEY", KEY, "key"],
  ["ANTHROPIC_BASE_URL", AGENT_API, "base"],
  ["ANTHROPIC_API_KEY", KEY, "key"],
  ["AZURE_OPENAI_ENDPOINT", AGENT_API, "base"],
  ["AZURE_OPENAI_API_KEY", KEY, "key"],
  ["GOOGLE_GEMINI_BASE_URL", AGENT_API, "base"],
  ["GEMINI_API_KEY", KEY, "key"],
  ["OLLAMA_HOST", AGENT_API, "base"],
  ["SLUICE_URL", AGENT_API, "base"],
];

/**
 * Where each kind of program looks for roots. The router has written the files before it is ready, and so before any of
 * these containers starts. Not SSL_CERT_DIR: it would take away the directory that programs read beside the file.
 */
const TRUST_VARIABLES: readonly (readonly [name: string, value: string, meaning: Meaning])[] = [
  // Node, and Bun: besides those compiled in.
  ["NODE_EXTRA_CA_CERTS", CA, "trust"],
  // Deno: besides its own.
  ["DENO_CERT", CA, "trust"],
  // OpenSSL, and so Python's ssl, Ruby, PHP; Go; rustls where it reads the platform's roots.
  ["SSL_CERT_FILE", BUNDLE, "trust"],
  // Python's requests has roots of its own.
  ["REQUESTS_CA_BUNDLE", BUNDLE, "trust"],
  // curl is often built to read one file and no variable of OpenSSL's.
  ["CURL_CA_BUNDLE", BUNDLE, "trust"],
  // git hands libcurl a file of its own.
  ["GIT_SSL_CAINFO", BUNDLE, "trust"],
  // AWS's command line and SDKs have roots of their own.
  ["AWS_CA_BUNDLE", BUNDLE, "trust"],
  // So has pip.
  ["PIP_CERT", BUNDLE, "trust"],
  // cargo carries a libcurl of its own.
  ["CARGO_HTTP_CAINFO", BUNDLE, "trust"],
  // gRPC in C++, Python, Ruby and PHP has roots of its own.
  ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", BUNDLE, "trust"],
];

const ALL = [...VARIABLES, ...TRUST_VARIABLES];
const NAMES: ReadonlySet<unknown> = new Set(ALL.map(([name]) => name));

const KEEPS: Readonly<Record<Meaning, string>> = {
  proxy: "keeps its own value; the guard refuses what does not go through the router",
  base: "keeps its own value; calls to models elsewhere than at the agent API are refused",
  key: "keeps its own value; the agent needs no key, the router has the credentials",
  trust: `keeps its own value; hosts that are inspected fail where it does not trust ${CA}`,
};

/**
 * The container with the variables that lead clients to the router, each added only where the container has none of that
 * name (`env`, whatever its value comes from; `envFrom` yields to `env`). Appended: `$(NAME)` in what stands there means
 * what it meant. Says of each that is set to something else what follows. `trusts`: the router's certificates are mounted.
 */
export function withAgentEnv(
  container: Container,
  trusts: boolean,
  warn: (subject: string, what: string) => void,
): Container {
  const given = container.env ?? [];
  // Of two entries with one name the last counts.
  const present = new Map<unknown, JsonObject>();
  for (const entry of given) if (NAMES.has(entry["name"])) present.set(entry["name"], entry);
  const added: JsonObject[] = [];
  for (const [name, value, meaning] of trusts ? ALL : VARIABLES) {
    const entry = present.get(name);
    if (entry === undefined) added.push({ name, value });
    else if (meaning !== undefined && entry["value"] !== value) warn(name, KEEPS[meaning]);
  }
  return added.length === 0 ? container : { ...container, env: [...given, ...added] };
}
