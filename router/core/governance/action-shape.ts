import { boolean } from "../document/boolean-shape.ts";
import { choice } from "../document/choice-shape.ts";
import type { DocumentNode } from "../document/document-node.ts";
import { optional, required } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { list } from "../document/list-shape.ts";
import { object } from "../document/object-shape.ts";
import { plainTypeOf } from "../document/plain-type.ts";
import { port } from "../document/port-shape.ts";
import { quoted } from "../document/quoted.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { textOf } from "../document/text-shape.ts";
import type { Json } from "../json/json.ts";
import { type Host, parseHost } from "../wire/host.ts";
import type { Action, ToolAction } from "./action.ts";
import { variant } from "./variant-shape.ts";

/** Also empty, or with characters that no policy would hold: an agent sends what it likes. */
const anyText: Shape<string> = { schema: { type: "string" }, read: textOf };

const host: Shape<Host> = refined(anyText, (given, node, report) => {
  const parsed = parseHost(given);
  if (parsed.ok) return parsed.value;
  report.add(node, "bad_host", `${quoted(given)}: ${parsed.problem}`);
  return undefined;
});

const count = integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const fact = optional(anyText, "Left out: not known.");
const kind = <const Kind extends string>(name: Kind) => required(choice(name), "The kind of action.");

type Arguments = ToolAction["arguments"];

/** `pending`, or the arguments themselves as YAML writes them. */
const toolArguments: Shape<Arguments> = {
  schema: { anyOf: [{ const: "pending" }, { type: "object" }] },
  read(node, report): Arguments | undefined {
    if (node.kind === "scalar" && node.text === "pending") return { state: "pending" };
    if (node.kind !== "map") {
      if (node.kind !== "broken") report.add(node, "wrong_type", 'Arguments are a map, or "pending".');
      return undefined;
    }
    const value = jsonOf(node);
    return value === undefined ? undefined : { state: "known", value };
  },
};

/** Undefined: a part of it could not be read, and that was reported. */
function jsonOf(node: DocumentNode): Json | undefined {
  switch (node.kind) {
    case "broken":
      return undefined;
    case "list": {
      const items = node.items.map((item) => jsonOf(item));
      return items.every((item) => item !== undefined) ? items : undefined;
    }
    case "map": {
      const entries = node.entries.map(({ key, value }): readonly [string, Json | undefined] => [key, jsonOf(value)]);
      const read = entries.filter((entry): entry is readonly [string, Json] => entry[1] !== undefined);
      // Own members, whatever their names are.
      return read.length === entries.length && !node.damaged ? Object.fromEntries(read) : undefined;
    }
    case "scalar":
      return node.plain ? plainOf(node.text) : node.text;
    default:
      return undefined;
  }
}

function plainOf(text: string): Json {
  const type = plainTypeOf(text);
  if (type === "null") return null;
  if (type === "boolean") return text.toLowerCase() === "true";
  return type === "text" ? text : Number(text);
}

const forms = variant("kind", {
  inference: object({
    kind: kind("inference"),
    model: fact,
    provider: fact,
    api: fact,
    stream: optional(boolean, "Left out: not known."),
    bytes: optional(count, "Left out: not known."),
  }),
  egress: object({
    kind: kind("egress"),
    host: optional(host, "A name, an IPv4 address, or an IPv6 address in brackets."),
    port: optional(port, "Left out: not known."),
    protocol: optional(choice("tls", "http", "tcp"), "Left out: not known."),
    method: fact,
    path: fact,
  }),
  exec: object({
    kind: kind("exec"),
    program: fact,
    argv: optional(list(anyText, { mayBeEmpty: true }), "Without the program; left out: not known."),
    directory: fact,
  }),
  spawn: object({ kind: kind("spawn"), agent: fact, image: fact, depth: optional(count, "Left out: not known.") }),
  tool: object({
    kind: kind("tool"),
    server: fact,
    tool: fact,
    arguments: optional(toolArguments, 'What it is called with, or "pending"; left out: not known.'),
    model: fact,
  }),
  "mesh.send": object({
    kind: kind("mesh.send"),
    peer: fact,
    topic: fact,
    bytes: optional(count, "Left out: not known."),
  }),
  admin: object({ kind: kind("admin"), operation: fact, target: fact }),
});

/** An action as people write it in YAML, such as `{ kind: exec, program: /usr/bin/git, argv: [status] }`. */
export const action: Shape<Action> = refined(forms, (given): Action =>
  given.kind === "tool" ? { ...given, arguments: given.arguments ?? { state: "missing" } } : given,
);
