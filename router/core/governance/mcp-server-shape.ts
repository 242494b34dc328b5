import { listUpTo } from "../document/bounded-list.ts";
import { entryOf } from "../document/document-node.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { refined } from "../document/refined-shape.ts";
import { secretFile } from "../document/secret-file-shape.ts";
import type { Shape } from "../document/shape.ts";
import { size } from "../document/size-shape.ts";
import { text } from "../document/text-shape.ts";
import type { McpServer } from "../mcp/mcp-server.ts";
import { ruleId } from "../policy/rule-parts.ts";
import { reportUnreachable, specialAddress } from "../policy/special-address.ts";
import { httpOrigin, MAXIMUM_URL, parseHttpUrl } from "../wire/http-url.ts";
import { durationUpTo } from "./bounded-duration.ts";

type Endpoint = McpServer["endpoint"];

/** What rules call a tool that no MCP server offers. */
export const FUNCTION = "function";

const serverId: Shape<string> = refined(
  ruleId,
  (given, node, report) => {
    if (given !== FUNCTION) return given;
    report.add(node, "reserved_id", '"function" is what rules call the tools that the agent runs itself.');
    return undefined;
  },
  { not: { const: FUNCTION } },
);

/** Where messages are posted, in its one spelling; its path as it stands, since servers tell /mcp and /mcp/ apart. */
const endpoint: Shape<Endpoint> = refined(
  text({ maximum: MAXIMUM_URL }),
  (given, node, report) => {
    const parsed = parseHttpUrl(given);
    if (!parsed.ok) {
      report.add(node, "bad_endpoint", parsed.problem);
      return undefined;
    }
    const { query, ...url } = parsed.value;
    const place = { ...url, path: url.path === "" ? "/" : url.path };
    if (query !== "") {
      report.add(node, "bad_endpoint", "The URL of an MCP server has no query.");
    } else if (`${httpOrigin(place)}${place.path}` === given) {
      return place;
    } else {
      report.add(node, "endpoint_not_canonical", `Write it as ${httpOrigin(place)} and its path, "/" at least.`);
    }
    return undefined;
  },
  { pattern: "^https?://[^/?#@]+/[^?#]*$" },
);

/** Fields that frame or route a message, or that the protocol and the router set themselves. */
const OWN_FIELDS =
  /^(?:accept|accept-encoding|connection|content-(?:encoding|length|type)|cookie|expect|host|keep-alive|last-event-id|mcp-.*|origin|proxy-.*|set-cookie|sluice-.*|te|trailer|transfer-encoding|upgrade|user-agent|via|x-forwarded-.*|forwarded)$/;

const header: Shape<string> = refined(
  text({
    code: "bad_header",
    pattern: /^[a-z][a-z0-9-]{0,63}$/,
    hint: "a field's name is written in lower case, such as x-api-key.",
  }),
  (given, node, report) => {
    if (!OWN_FIELDS.test(given)) return given;
    report.add(
      node,
      "bad_header",
      "No credential belongs in this field: it frames the message, or the router sets it.",
    );
    return undefined;
  },
  { not: { pattern: OWN_FIELDS.source } },
);

const credential = object({
  file: required(secretFile, "A file of the secrets directory whose content is the credential."),
  header: optional(header, "The field that it is sent in, alone; without it, as authorization: Bearer."),
});

const LEAST = 1024;
/** More is never parsed (`core/mcp/rpc-message.ts`). */
const MOST = 4 * 1024 * 1024;

const resultBytes: Shape<number> = refined(size, (given, node, report) => {
  if (given >= LEAST && given <= MOST) return given;
  report.add(node, "out_of_range", "A result has from 1Ki to 4Mi octets at most.");
  return undefined;
});

const reachable: Condition<{ url: Endpoint; addresses: McpServer["addresses"] }> = {
  check({ url, addresses }, map, report) {
    if (url === undefined || addresses === undefined) return;
    reportUnreachable(url, addresses, entryOf(map, "url")?.value ?? map, report);
  },
};

const certificatesNeedHttps: Condition<{ url: Endpoint }> = {
  check({ url }, map, report) {
    const entry = entryOf(map, "caFile");
    if (entry === undefined || url?.scheme !== "http") return;
    report.add({ ...entry.value, at: entry.keyAt }, "ca_not_applicable", '"caFile" belongs to an https URL.');
  },
};

export const mcpServer: Shape<McpServer> = refined(
  object(
    {
      id: required(serverId, 'Unique among servers; what rules call "server", and the agent /mcp/<id>.'),
      url: required(endpoint, "Where it is; http only where addresses names where it leads."),
      addresses: defaulted(
        listUpTo(64, specialAddress, { unique: true, mayBeEmpty: true }),
        [],
        "Special-use addresses, with their port, that its name may lead to.",
      ),
      credential: optional(credential, "What the router sends for the agent, which never sees it."),
      caFile: optional(secretFile, "PEM certificates, in the secrets directory, that count instead of the platform's."),
      resultBytes: defaulted(resultBytes, "1Mi", "Octets of one message from the server, 1Ki to 4Mi."),
      timeout: defaulted(durationUpTo(1), "30s", "From a request to the beginning of its answer, at most 1h."),
    },
    reachable,
    certificatesNeedHttps,
  ),
  ({ url, ...given }) => ({ ...given, endpoint: url }),
);
