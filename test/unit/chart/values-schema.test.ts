/** That values.yaml and values.schema.json name the same settings, and that nothing unknown gets through. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { parseControllerConfig } from "../../../controller/config/parse-controller-config.ts";

const CHART = join(import.meta.dirname, "../../../charts/sluice");
const SOURCE = readFileSync(join(CHART, "values.yaml"), "utf8");

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
}
const SCHEMA = JSON.parse(readFileSync(join(CHART, "values.schema.json"), "utf8")) as Schema;

/** What users fill in freely has no defaults: maps, and members of what may be empty. */
const WITHOUT_DEFAULTS =
  /^(?:global|router\.\w+|seccomp\.profiles\.\w+|certificates\.certManager\.issuerRef\.\w+|.*\.claims)$/;

function settings(value: unknown, at = ""): readonly string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [at];
  const entries = Object.entries(value);
  return entries.length === 0
    ? [at]
    : entries.flatMap(([key, inner]) => settings(inner, at === "" ? key : `${at}.${key}`));
}

function schemaAt(path: string): Schema | undefined {
  let found: Schema | undefined = SCHEMA;
  for (const key of path.split(".")) {
    if (found?.properties === undefined) return found;
    found = found.properties[key];
  }
  return found;
}

function known(schema: Schema, at = ""): readonly string[] {
  const { properties } = schema;
  if (properties === undefined) return [at];
  return Object.entries(properties).flatMap(([key, inner]) => known(inner, at === "" ? key : `${at}.${key}`));
}

test("every setting of values.yaml is in the schema", () => {
  const values = settings(parse(SOURCE));
  assert.ok(values.length > 100);
  assert.deepEqual(
    values.filter((path) => schemaAt(path) === undefined),
    [],
  );
});

test("every setting of the schema has its default in values.yaml", () => {
  const values = settings(parse(SOURCE));
  const missing = known(SCHEMA).filter(
    (path) => !WITHOUT_DEFAULTS.test(path) && !values.some((value) => value === path || value.startsWith(`${path}.`)),
  );
  assert.deepEqual(missing, []);
});

test("router takes the sections of a RouterConfig that the controller may be given", () => {
  const file = join(CHART, "../../policies/schema/RouterConfig.schema.json");
  const sections = (JSON.parse(readFileSync(file, "utf8")) as Schema).properties?.["spec"]?.properties ?? {};
  const decided = ["guard", "identity", "listeners", "state", "trust"];
  const refused = decided.map((name) => checked({ [name]: {} }));
  assert.ok(refused.every((codes) => codes.includes("decided_elsewhere")));
  assert.deepEqual(
    Object.keys(schemaAt("router")?.properties ?? {}).toSorted(),
    Object.keys(sections)
      .filter((name) => !decided.includes(name))
      .toSorted(),
  );
});

function checked(router: object): readonly string[] {
  const spec = { namespace: "s", injection: { routerImage: "a", guardImage: "b" }, router };
  const document = { apiVersion: "sluice.dev/v1alpha1", kind: "ControllerConfig", spec };
  const parsed = parseControllerConfig("controller.yaml", JSON.stringify(document));
  return parsed.ok ? [] : parsed.problem.map(({ code }) => code);
}

test("objects with settings of their own take no others", () => {
  const open: string[] = [];
  const walk = (schema: Schema, at: string): void => {
    if (schema.properties === undefined) return;
    if (schema.additionalProperties !== false) open.push(at);
    for (const [key, inner] of Object.entries(schema.properties)) walk(inner, `${at}.${key}`);
  };
  walk(SCHEMA, "");
  assert.deepEqual(open, []);
});
