import type { Container, JsonObject } from "../pod/pod.ts";

const PROXY = "http://127.0.0.1:18080";
const LOCAL = "localhost,127.0.0.1,::1";
const AGENT_API = "http://127.0.0.1:18084";
/** A placeholder, for clients that do not start without a key: the router has the credentials. */
const KEY = "sluice";

/** What happens to traffic of a container that sets such a variable to something else, for the warning. */
type Meaning = "proxy" | "base" | "key";

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

const NAMES: ReadonlySet<unknown> = new Set(VARIABLES.map(([name]) => name));

const KEEPS: Readonly<Record<Meaning, string>> = {
  proxy: "keeps its own value; the guard refuses what does not go through the router",
  base: "keeps its own value; calls to models elsewhere than at the agent API are refused",
  key: "keeps its own value; the agent needs no key, the router has the credentials",
};

/**
 * The container with the variables that lead clients to the router, each added only where the container has none of that
 * name (`env`, whatever its value comes from; `envFrom` yields to `env`). Appended: `$(NAME)` in what stands there means
 * what it meant. Says of each that is set to something else what follows.
 */
export function withAgentEnv(container: Container, warn: (subject: string, what: string) => void): Container {
  const given = container.env ?? [];
  // Of two entries with one name the last counts.
  const present = new Map<unknown, JsonObject>();
  for (const entry of given) if (NAMES.has(entry["name"])) present.set(entry["name"], entry);
  const added: JsonObject[] = [];
  for (const [name, value, meaning] of VARIABLES) {
    const entry = present.get(name);
    if (entry === undefined) added.push({ name, value });
    else if (meaning !== undefined && entry["value"] !== value) warn(name, KEEPS[meaning]);
  }
  return added.length === 0 ? container : { ...container, env: [...given, ...added] };
}
