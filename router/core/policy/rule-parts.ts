import { choice } from "../document/choice-shape.ts";
import { atLeastOneOf } from "../document/conditions.ts";
import { duration } from "../document/duration-shape.ts";
import { defaulted, optional } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { list } from "../document/list-shape.ts";
import { object } from "../document/object-shape.ts";
import { quoted } from "../document/quoted.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { size } from "../document/size-shape.ts";
import { text } from "../document/text-shape.ts";
import { addressAndPort } from "./address-shapes.ts";
import { parsePathPattern } from "./path-pattern.ts";

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

export const http = object(
  {
    methods: optional(list(method, { unique: true }), "Methods; without them, every method."),
    paths: optional(
      list(path, { unique: true }),
      "Path globs: * within a segment, ** over segments; without them, every path.",
    ),
  },
  atLeastOneOf(["methods", "paths"], "empty_http", 'An empty "http" constrains nothing: say "methods" or "paths".'),
);

export const tls = object({
  missingSni: defaulted(choice("refuse", "allow"), "refuse", "What becomes of a ClientHello that names no server."),
  ech: defaulted(
    choice("refuse", "allow"),
    "refuse",
    "What becomes of an encrypted ClientHello, whose outer name is judged.",
  ),
});

export const limits = object({
  bytesOut: optional(size, "Octets from the agent to the origin, per tunnel or exchange."),
  bytesIn: optional(size, "Octets from the origin to the agent, per tunnel or exchange."),
  lifetime: optional(duration(), "Longest life of a connection."),
  idle: optional(duration(), "How long a connection may carry nothing."),
  connectionsPerMinute: optional(
    integer({ minimum: 1, maximum: 1_000_000 }),
    "New connections (tunnels, or plain-HTTP requests) per rolling minute, over the whole rule.",
  ),
});
