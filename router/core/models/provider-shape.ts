import { boolean } from "../document/boolean-shape.ts";
import { canonical } from "../document/canonical-shape.ts";
import { choice } from "../document/choice-shape.ts";
import { atLeastOneOf, onlyWith } from "../document/conditions.ts";
import { type DocumentNode, entryOf, type MapNode } from "../document/document-node.ts";
import { duration } from "../document/duration-shape.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { text } from "../document/text-shape.ts";
import type { AddressAndPort } from "../policy/egress-policy.ts";
import { ruleId } from "../policy/rule-parts.ts";
import { fileName } from "../policy/signer-shapes.ts";
import { reportUnreachable, specialAddress } from "../policy/special-address.ts";
import { parseHostname } from "../wire/hostname.ts";
import { listUpTo } from "../document/bounded-list.ts";
import { credentialEndpoints } from "./credential-endpoints.ts";
import { credential, CREDENTIALS_OF } from "./credential-shape.ts";
import type { CredentialSource, Provider, ProviderApi, ProviderEndpoint } from "./inference-policy.ts";
import { providerEndpoint } from "./provider-endpoint.ts";

const serverName: Shape<string> = canonical({
  noun: "server_name",
  maximum: 254,
  pattern: /^[a-z0-9_][a-z0-9_.-]*$/,
  hint: "a host name is needed.",
  parse: (given) => {
    const name = parseHostname(given);
    return name.ok ? { value: name.value, canonical: name.value } : undefined;
  },
});

const apiVersion = text({
  code: "bad_api_version",
  pattern: /^[A-Za-z0-9][A-Za-z0-9.-]{0,31}$/,
  hint: "an API version is written as 2024-10-21 or 2025-04-01-preview is.",
});

const tls = object(
  {
    caFile: optional(fileName, "PEM certificates, in the trust directory, that count instead of the platform's."),
    serverName: optional(serverName, "The name that the certificate must be for; without it, the endpoint's."),
  },
  atLeastOneOf(["caFile", "serverName"], "empty_tls", 'An empty "tls" changes nothing: leave it out.'),
);

const timeouts = object({
  connect: defaulted(duration(), "5s", "To connect, TLS included."),
  firstToken: defaulted(duration(), "60s", "From the end of the request to the first token of a stream."),
  idle: defaulted(duration(), "60s", "Between two reads of a stream."),
  total: defaulted(duration(), "10m", "For the whole call: of one that is no stream nothing comes before its end."),
});

interface Reach {
  api: ProviderApi;
  endpoint: ProviderEndpoint;
  credential: CredentialSource;
  addresses: readonly AddressAndPort[];
}

/** Where calls and credentials may not go: in clear to a public address, or to a special-use one that nobody named. */
const reachable: Condition<Reach> = {
  check({ endpoint, credential: source, addresses }, map, report) {
    if (addresses === undefined) return;
    if (endpoint !== undefined) reportUnreachable(endpoint, addresses, placeOf(map, "endpoint"), report);
    if (source === undefined) return;
    const written = entryOf(map, "credential")?.value;
    const inner = written?.kind === "map" ? entryOf(written, source.kind)?.value : undefined;
    for (const { key, endpoint: place } of credentialEndpoints(source)) {
      reportUnreachable(place, addresses, inner?.kind === "map" ? placeOf(inner, key) : map, report);
    }
  },
};

function placeOf(map: MapNode, key: string): DocumentNode {
  return entryOf(map, key)?.value ?? map;
}

const fittingCredential: Condition<Reach> = {
  check({ api, credential: source }, map, report) {
    if (api === undefined || source === undefined || CREDENTIALS_OF[api].includes(source.kind)) return;
    const message = `The api ${api} is called with ${CREDENTIALS_OF[api].join(", ")}, not with ${source.kind}.`;
    report.add(placeOf(map, "credential"), "credential_not_applicable", message);
  },
};

const tlsNeedsHttps: Condition<{ endpoint: ProviderEndpoint }> = {
  check({ endpoint }, map, report) {
    const entry = entryOf(map, "tls");
    if (entry === undefined || endpoint?.scheme !== "http") return;
    report.add({ ...entry.value, at: entry.keyAt }, "tls_not_applicable", '"tls" belongs to an https endpoint.');
  },
};

const fields = object(
  {
    id: required(ruleId, "Unique among providers; models name it, and so do audit and metrics."),
    api: required(
      choice("openai", "azure", "anthropic", "gemini", "bedrock", "ollama"),
      "What it speaks; openai is everything compatible.",
    ),
    endpoint: required(providerEndpoint, "Its base URL; http only where addresses names where it leads."),
    apiVersion: optional(apiVersion, "Azure: the api-version that replaces the caller's."),
    credential: required(credential, "Where its credential comes from; none: true where it asks for none."),
    tls: optional(tls, "How its certificate is checked."),
    addresses: defaulted(
      listUpTo(64, specialAddress, { unique: true, mayBeEmpty: true }),
      [],
      "Special-use addresses, with their port, that its endpoints may lead to.",
    ),
    timeouts: defaulted(timeouts, {}, "How long a call may take."),
    streamUsage: defaulted(boolean, true, "false: it is known to refuse stream_options."),
  },
  onlyWith(
    "apiVersion",
    "api",
    { value: "azure", isDefault: false },
    "api_version_not_applicable",
    '"apiVersion" belongs to "api: azure".',
  ),
  reachable,
  fittingCredential,
  tlsNeedsHttps,
);

export const provider: Shape<Provider> = refined(fields, ({ tls: checked, ...given }, node, report) => ({
  ...given,
  tls: { caFile: checked?.caFile, serverName: checked?.serverName },
  line: report.lineOf(node.at),
}));
