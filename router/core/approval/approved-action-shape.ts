import { exactlyOneOf } from "../document/conditions.ts";
import { entryOf } from "../document/document-node.ts";
import { type Field, optional, required } from "../document/field.ts";
import { type Condition, object } from "../document/object-shape.ts";
import type { JsonSchema, Shape } from "../document/shape.ts";
import { text } from "../document/text-shape.ts";
import { choice } from "../document/choice-shape.ts";
import type { Action } from "../governance/action.ts";
import type { ActionKind } from "../governance/action-kind.ts";
import { readAction } from "../governance/read-action.ts";
import { variant } from "../governance/variant-shape.ts";
import type { Json } from "../json/json.ts";
import { isApprovable } from "./approvable.ts";
import { json } from "./json-shape.ts";

/** What an approval is for. */
export interface ApprovedAction {
  readonly action: Action;
  readonly argumentsDigest: string | undefined;
}

/** Longest texts: those of `read-action.ts`, which has the last word on every member. */
const NAME: JsonSchema = { type: "string", minLength: 1, maxLength: 256 };
const PATH: JsonSchema = { type: "string", minLength: 1, maxLength: 4096 };

const kind = (name: ActionKind): Field<ActionKind> => required(choice(name), "The kind of action.");
const name = (description: string): Field<Json> => required(json(NAME), description);
const maybe = (schema: JsonSchema, description: string): Field<Json | undefined> => optional(json(schema), description);

/** Of plain HTTP each request is judged by itself, and of a tunnel none: an approval that says otherwise never matches. */
const requestOfHttp: Condition<unknown> = {
  schema: {
    anyOf: [
      { properties: { protocol: { const: "http" } }, required: ["method", "path"] },
      {
        properties: { protocol: { enum: ["tls", "tcp"] } },
        allOf: [{ not: { required: ["method"] } }, { not: { required: ["path"] } }],
      },
    ],
  },
  check(_values, map, report) {
    const protocol = entryOf(map, "protocol")?.value;
    if (protocol?.kind !== "scalar" || map.damaged) return;
    for (const key of ["method", "path"]) {
      const has = entryOf(map, key) !== undefined;
      if (has === (protocol.text === "http")) continue;
      const message = has ? `"${key}" belongs to protocol http.` : `An http request has a "${key}".`;
      report.add(map, has ? "not_http" : "missing_key", message);
    }
  },
};

/** Only what a grant binds to; see `action-form.ts`. */
const members: Shape<Readonly<Record<string, Json | undefined>>> = variant("kind", {
  inference: object({ kind: kind("inference"), model: name("The policy's name of the model.") }),
  egress: object(
    {
      kind: kind("egress"),
      host: name("A host as it is asked for; no pattern, and no special-use address."),
      port: required(json({ type: "integer", minimum: 1, maximum: 65_535 }), "The port."),
      protocol: required(json({ enum: ["tls", "http", "tcp"] }), "What is spoken there."),
      method: maybe(NAME, "Of an http request, as sent."),
      path: maybe(PATH, "Of an http request, as sent, without its query."),
    },
    requestOfHttp,
  ),
  exec: object({
    kind: kind("exec"),
    program: required(json(PATH), "The real path of what is run."),
    argv: required(json({ type: "array", items: { type: "string" }, maxItems: 1024 }), "Without the program."),
    directory: maybe(PATH, "Where it runs."),
  }),
  spawn: object({
    kind: kind("spawn"),
    agent: name("What is spawned."),
    image: maybe(PATH, "Its image."),
    depth: maybe({ type: "integer", minimum: 0 }, "How many agents stand above it."),
  }),
  tool: object(
    {
      kind: kind("tool"),
      server: name("The policy's name of an MCP server, or function."),
      tool: name("The tool's name."),
      arguments: maybe({}, "What it is called with, in full."),
      argumentsDigest: optional(
        text({
          code: "bad_digest",
          pattern: /^sha256:[0-9a-f]{64}$/,
          hint: "sha256: and 64 hex digits are needed.",
          maximum: 71,
        }),
        "Instead of the arguments: SHA-256 of their RFC 8785 form.",
      ),
    },
    exactlyOneOf(
      ["arguments", "argumentsDigest"],
      "which_arguments",
      'One of "arguments" and "argumentsDigest" is needed.',
    ),
  ),
  "mesh.send": object({
    kind: kind("mesh.send"),
    peer: name("The policy's name of a peer."),
    topic: maybe(NAME, "What the message is about."),
  }),
  admin: object({
    kind: kind("admin"),
    operation: name("What is done."),
    target: maybe(PATH, "To what."),
  }),
});

/** The very action that is approved: no patterns, nothing left open. */
export const approvedAction: Shape<ApprovedAction> = {
  schema: members.schema,
  read(node, report) {
    const given = members.read(node, report);
    if (given === undefined) return undefined;
    const { argumentsDigest, ...rest } = given;
    const stated = Object.entries(rest).filter((entry): entry is [string, Json] => entry[1] !== undefined);
    const action = readAction(Object.fromEntries(stated));
    if (!action.ok) {
      report.add(node, "bad_action", action.problem);
      return undefined;
    }
    const { value } = action;
    if (value.kind === "egress" && value.host !== undefined && !isApprovable(value.host)) {
      const message = "A special-use address is never approved: a rule of the signed policy must name it.";
      report.add(node, "address_not_approvable", message);
      return undefined;
    }
    return { action: value, argumentsDigest: typeof argumentsDigest === "string" ? argumentsDigest : undefined };
  },
};
