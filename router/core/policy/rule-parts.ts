import { choice } from "../document/choice-shape.ts";
import { atLeastOneOf } from "../document/conditions.ts";
import { duration } from "../document/duration-shape.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { list } from "../document/list-shape.ts";
import { object } from "../document/object-shape.ts";
import { quoted } from "../document/quoted.ts";
import { refined } from "../document/refined-shape.ts";
import { secretFile } from "../document/secret-file-shape.ts";
import type { Shape } from "../document/shape.ts";
import { size } from "../document/size-shape.ts";
import { text } from "../document/text-shape.ts";
import { uniqueIds } from "../document/unique-ids.ts";
import { addressAndPort } from "./address-shapes.ts";
import { parsePathPattern } from "./path-pattern.ts";
import type { Injection } from "./permit.ts";

export const ruleId = text({
  code: "bad_id",
  pattern: /^[a-z0-9][a-z0-9._-]{0,62}$/,
  hint: "an id is 1 to 63 of a-z 0-9 . _ - and begins with a letter or a digit.",
});

export const addresses = list(addressAndPort, { unique: true });

const method: Shape<string> = refined(
  text({
    code: "bad_method",
    pattern: /^[A-Z][A-Z0-9_-]{0,31}$/,
    hint: "a method is written in upper case, such as GET.",
  }),
  (given, node, report) => {
    if (given !== "CONNECT") return given;
    report.add(node, "bad_method", "CONNECT opens a tunnel, which the rule's ports and protocol allow or refuse.");
    return undefined;
  },
  { not: { const: "CONNECT" } },
);

const path: Shape<string> = refined(
  text(),
  (given, node, report) => {
    const pattern = parsePathPattern(given);
    if (pattern.ok) return given;
    report.add(node, "bad_path", `${quoted(given)}: ${pattern.problem}`);
    return undefined;
  },
  { pattern: "^/[^?#]*$" },
);

const requests = {
  methods: optional(list(method, { unique: true }), "Methods; without them, every method."),
  paths: optional(
    list(path, { unique: true }),
    "Path globs: * within a segment, ** over segments, %2F for an encoded slash; without them, every path.",
  ),
};

export const deniedHttp = object(
  requests,
  atLeastOneOf(["methods", "paths"], "empty_http", 'An empty "http" constrains nothing: say "methods" or "paths".'),
);

/** Of a field that a rule may ask for or write: what ends a message, or says whom it is for, is the router's. */
const fieldName = refined(
  text({
    code: "bad_field",
    maximum: 64,
    pattern: /^[a-z0-9][a-z0-9!#$%&'*+.^_`|~-]*$/,
    hint: "a field's name is written in lower case, such as x-api-version.",
  }),
  (given, node, report) => {
    if (!ROUTERS_FIELDS.has(given) && !given.startsWith("proxy-")) return given;
    report.add(node, "bad_field", `${quoted(given)} is the router's own to write: no rule can ask for it or set it.`);
    return undefined;
  },
);

const ROUTERS_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const fieldValue = text({
  code: "bad_value",
  maximum: 1024,
  pattern: /^[!-~](?:[ -~]*[!-~])?$/,
  hint: "a field's value is made of printable ASCII characters, without blanks at its ends.",
});

export const http = object(
  {
    ...requests,
    headers: optional(
      list(
        object({
          name: required(fieldName, "In lower case."),
          values: required(list(fieldValue, { unique: true }), "One of them."),
        }),
      ),
      "Fields that must come exactly once, with one of the values.",
    ),
    bodyBytes: optional(size, "Octets of one request's content."),
  },
  atLeastOneOf(
    ["methods", "paths", "headers", "bodyBytes"],
    "empty_http",
    'An empty "http" constrains nothing: say "methods", "paths", "headers" or "bodyBytes".',
  ),
  uniqueIds(["headers"], "name"),
);

const injected = object({
  header: required(fieldName, "The field, in lower case; what the agent sends under its name is removed."),
  secret: required(secretFile, "A file in the secrets directory."),
  prefix: optional(
    text({
      code: "bad_prefix",
      maximum: 64,
      pattern: /^[!-~][ -~]*$/,
      hint: "a prefix is made of printable ASCII characters, such as Bearer and a blank.",
    }),
    "Written before the secret.",
  ),
});

export const injection: Shape<Injection> = refined(injected, ({ header, secret, prefix = "" }) => ({
  header,
  secret,
  prefix,
}));

export const proxyName = text({
  code: "bad_name",
  maximum: 63,
  pattern: /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/,
  hint: "a name is made of small letters, digits and - and begins and ends with a letter or a digit.",
});

export const tls = object({
  missingSni: defaulted(choice("refuse", "allow"), "refuse", "What becomes of a ClientHello that names no server."),
  ech: defaulted(
    choice("refuse", "allow"),
    "refuse",
    "What becomes of an encrypted ClientHello, whose outer name is judged.",
  ),
});

export const limits = object({
  bytesOut: optional(
    size,
    "Octets from the agent to the origin, per tunnel or exchange. Of a request, its path, query and fields count with its content.",
  ),
  bytesIn: optional(size, "Octets from the origin to the agent, per tunnel or exchange."),
  lifetime: optional(duration(), "Longest life of a connection."),
  idle: optional(duration(), "How long a connection may carry nothing."),
  connectionsPerMinute: optional(
    integer({ minimum: 1, maximum: 1_000_000 }),
    "New connections (tunnels, or plain-HTTP requests) per rolling minute, over the whole rule.",
  ),
  hostConnectionsPerMinute: optional(
    integer({ minimum: 1, maximum: 1_000_000 }),
    "The same for each host of the rule.",
  ),
  connections: optional(
    integer({ minimum: 1, maximum: 1_000_000 }),
    "Connections open at the same time, over the whole rule.",
  ),
  hostConnections: optional(integer({ minimum: 1, maximum: 1_000_000 }), "The same for each host of the rule."),
});
