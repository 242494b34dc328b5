import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";
import { REASONS } from "../../router/core/base/reason.ts";
import { MOST_REASON } from "../../router/core/approval/parse-egress-approval.ts";
import type { RequestState } from "../../router/core/approval/approval.ts";
import { ACTION_KINDS, type ActionKind } from "../../router/core/governance/action-kind.ts";
import { governanceRoute, type GovernanceRoute } from "../../router/core/governance/governance-route.ts";
import { readAction } from "../../router/core/governance/read-action.ts";
import type { Json } from "../../router/core/json/json.ts";
import { GOVERNANCE_DECISIONS } from "../../router/edge/metrics/governance-families.ts";
import { satisfiesSchema } from "./policies/satisfies-schema.ts";

/** The file that clients are written by says what the router does, no more and no less. */
type Map = { readonly [name: string]: Json };

const file = parse(readFileSync("openapi/governance.yaml", "utf8")) as Map;

function at(value: Json | undefined, ...names: readonly string[]): Json {
  let found = value;
  for (const name of names) found = isMap(found) ? found[name] : undefined;
  assert.ok(found !== undefined, `nothing at ${names.join("/")}`);
  return found;
}

function map(value: Json | undefined): Map {
  assert.ok(isMap(value));
  return value;
}

function isMap(value: Json | undefined): value is Map {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The same without references. */
function whole(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => whole(item));
  if (!isMap(value)) return value;
  const reference = value["$ref"];
  if (typeof reference === "string") {
    assert.ok(reference.startsWith("#/"), `${reference} is elsewhere`);
    return whole(at(file, ...reference.slice(2).split("/")));
  }
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, whole(inner)]));
}

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"] as const;
const paths = map(whole(at(file, "paths")));
const operations = Object.entries(paths).flatMap(([path, item]) =>
  METHODS.filter((method) => method in map(item)).map((method) => ({
    path,
    method,
    operation: map(at(item, method)),
  })),
);
const schemas = map(whole(at(file, "components", "schemas")));

/** `mcp` has a specification of its own; `method` is every other method. */
const KINDS = {
  evaluate: true,
  report: true,
  ask: true,
  asked: true,
  answer: true,
  withdraw: true,
  card: true,
  mcp: false,
  method: false,
} satisfies Record<GovernanceRoute["kind"], boolean>;

test("openapi: its operations are the router's routes", () => {
  const served = operations.map(({ path, method }) => {
    const route = governanceRoute(method.toUpperCase(), path.replace("{id}", "some-id"));
    assert.ok(route !== undefined && route.kind !== "method", `${method} ${path} is not served`);
    return route.kind === "ask" ? `${route.kind} ${route.scope}` : route.kind;
  });
  const known = Object.entries(KINDS).flatMap(([kind, described]) => (described ? [kind] : []));
  assert.deepEqual(new Set(served.map((text) => text.split(" ")[0])), new Set(known));
  assert.ok(served.includes("ask egress") && served.includes("ask governance"));
  assert.match(JSON.stringify(at(file, "info", "description")), /\/mcp\/\{server\}/);
});

for (const [path, item] of Object.entries(paths)) {
  test(`openapi: ${path} has no other methods`, () => {
    const described = METHODS.filter((method) => method in map(item)).map((method) => method.toUpperCase());
    for (const method of METHODS.map((name) => name.toUpperCase())) {
      const route = governanceRoute(method, path.replace("{id}", "some-id"));
      if (described.includes(method)) continue;
      assert.ok(route?.kind === "method", `${method} ${path} is served and not described`);
      assert.deepEqual(route.allow.split(", ").toSorted(), described.toSorted());
    }
  });
}

const actions = new globalThis.Map(
  ACTION_KINDS.map((kind): [ActionKind, Map] => {
    const found = (at(schemas, "Action", "oneOf") as Json[]).filter(
      (schema) => at(schema, "properties", "kind", "const") === kind,
    );
    assert.equal(found.length, 1, `${kind} is described ${found.length} times`);
    return [kind, map(found[0])];
  }),
);

test("openapi: who asks for egress says what an egress action has, and why", () => {
  const { kind: _, ...members } = map(at(actions.get("egress"), "properties"));
  const asked = Object.keys(map(at(schemas, "AskEgress", "properties")));
  assert.deepEqual(asked.toSorted(), [...Object.keys(members), "reason"].toSorted());
});

test("openapi: it has the kinds of action that there are, and no other", () => {
  assert.equal((at(schemas, "Action", "oneOf") as Json[]).length, ACTION_KINDS.length);
});

for (const [kind, schema] of actions) {
  const properties = map(at(schema, "properties"));

  test(`openapi: ${kind} has the members that are read`, () => {
    const refused = readAction({ kind, "no such member": true });
    assert.ok(!refused.ok);
    const [, listed = ""] = /has only the members (.*)\.$/.exec(refused.problem) ?? [];
    assert.deepEqual(Object.keys(properties).toSorted(), listed.split(", ").toSorted());
    assert.equal(schema["additionalProperties"], false);
    assert.deepEqual(schema["required"], ["kind"]);
  });

  for (const [name, property] of Object.entries(properties)) {
    if (name === "kind") continue;
    test(`openapi: ${kind}.${name} has the bounds that are read`, () => {
      for (const value of candidates(name, map(property))) {
        const described = satisfiesSchema(schema, { kind, [name]: value });
        const read = readAction({ kind, [name]: value });
        const shown = JSON.stringify(value).slice(0, 40);
        assert.equal(read.ok, described, `${shown}: ${read.ok ? "read" : read.problem}`);
      }
    });
  }
}

/** Values at and beyond each bound of a schema, and of every other type. */
function candidates(name: string, schema: Map): readonly Json[] {
  const values: Json[] = [null, true, false, "", "1", 0, 1, -1, 1.5, 65_535, 65_536, 2 ** 53 - 1, 2 ** 53, [], {}];
  values.push(["a", "", "b"], ["a", 1], [["a"]], ["a", null], { a: 1 }, "x", "tls", "TLS");
  const longest = schema["maxLength"];
  if (typeof longest === "number" && name !== "host") values.push("x".repeat(longest), "x".repeat(longest + 1));
  const most = schema["maxItems"];
  if (typeof most === "number") values.push(Array<string>(most).fill(""), Array<string>(most + 1).fill(""));
  // What is no host, though it is a text, is for the description to say.
  return name === "host" ? values.filter((value) => value !== "1") : values;
}

test("openapi: reasons, decisions and states are the router's", () => {
  assert.deepEqual(at(schemas, "Reason", "enum"), Object.keys(REASONS));
  const decisions = [
    at(schemas, "Allowed", "properties", "decision", "const"),
    ...(at(schemas, "Refused", "properties", "decision", "enum") as Json[]),
  ];
  // In metrics, `observe` is an allow of another colour.
  assert.deepEqual(new Set(decisions), new Set(GOVERNANCE_DECISIONS.filter((decision) => decision !== "observe")));
  const states = { pending: 0, approved: 0, denied: 0, expired: 0, revoked: 0, used: 0, withdrawn: 0 } satisfies Record<
    RequestState,
    0
  >;
  assert.deepEqual(at(schemas, "RequestState", "enum"), Object.keys(states));
  assert.equal(at(schemas, "Why", "maxLength"), MOST_REASON);
});

for (const { path, method, operation } of operations) {
  const body = operation["requestBody"];
  const content = body === undefined ? undefined : map(at(body, "content", "application/json"));
  for (const [name, example] of Object.entries(map(content?.["examples"] ?? {}))) {
    const value = map(at(example, "value"));
    const refused = name.startsWith("refused-");
    test(`openapi: example ${name} of ${method} ${path} is ${refused ? "refused" : "accepted"}`, () => {
      assert.equal(satisfiesSchema(at(content, "schema"), value), !refused);
      const given = value["action"] === undefined ? value["actions"] : [value["action"]];
      if (given === undefined || !Array.isArray(given)) return;
      const read = given.map((action: Json) => readAction(action));
      // Of what is wrong around it, an action knows nothing.
      const isAround = name.startsWith("refused-around-") || name === "refused-nothing" || name === "refused-both";
      if (refused && !isAround) assert.ok(read.every(({ ok }) => !ok));
      if (!refused) assert.deepEqual(read.map((one) => (one.ok ? "" : one.problem)).join(""), "");
    });
  }
  for (const [status, response] of Object.entries(map(operation["responses"]))) {
    const answer = map(response)["content"];
    if (answer === undefined) continue;
    const described = map(at(answer, "application/json"));
    for (const [name, example] of Object.entries(map(described["examples"] ?? {}))) {
      test(`openapi: example ${name} of the answer ${status} to ${method} ${path} is one`, () =>
        assert.ok(satisfiesSchema(at(described, "schema"), at(example, "value"))));
    }
  }
}

test("openapi: no schema has a keyword that is quietly without effect", () => {
  for (const [name, schema] of Object.entries(schemas)) {
    assert.doesNotThrow(() => [null, "x", 1, [], {}, { kind: "exec" }].map((v) => satisfiesSchema(schema, v)), name);
  }
});
