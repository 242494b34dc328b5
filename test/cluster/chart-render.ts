import assert from "node:assert/strict";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { ControllerConfig } from "../../controller/config/controller-config.ts";
import { parseControllerConfig } from "../../controller/config/parse-controller-config.ts";
import { findTool } from "../tools/find.ts";
import type { KubeObject } from "./api-request.ts";
import { type Printed, runProgram } from "./run-program.ts";

export const CHART = join(import.meta.dirname, "../../charts/sluice");
export const NAMESPACE = "sluice-system";
/** Release, chart and namespace, as Helm's verbs take them. */
export const RELEASE = ["sluice", CHART, "--namespace", NAMESPACE];

export interface Manifest extends KubeObject {
  readonly kind: string;
  readonly metadata: KubeObject["metadata"] & { readonly name: string };
  readonly [member: string]: unknown;
}

/** Helm without a cluster; the values go in by its standard input. */
export async function helm(args: readonly string[], values: object): Promise<Printed> {
  const program = findTool("helm");
  assert.ok(program !== undefined);
  const environment = { HOME: "/nonexistent", PATH: "/usr/bin:/bin" };
  return runProgram(program, [...args, "--values", "-"], JSON.stringify(values), CHART, environment);
}

/** What `helm template` makes of them; a failure fails the test. */
export async function rendered(values: object): Promise<readonly Manifest[]> {
  const { status, stdout, stderr } = await helm(["template", ...RELEASE], values);
  assert.equal(status, 0, stderr);
  return manifests(stdout);
}

export function manifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    assert.deepEqual(document.errors, []);
    const value = document.toJS() as Manifest | null;
    return value === null ? [] : [value];
  });
}

export function one(objects: readonly Manifest[], kind: string, name: string): Manifest {
  const found = objects.filter((object) => object.kind === kind && object.metadata.name === name);
  assert.equal(found.length, 1, `${kind} ${name}`);
  return found[0] ?? assert.fail();
}

/** controller.yaml as the controller reads it. `name`: the fullname. */
export function configOf(objects: readonly Manifest[], name = "sluice-controller"): ControllerConfig {
  const source = one(objects, "ConfigMap", `${name}-config`).data?.["controller.yaml"] ?? "";
  const parsed = parseControllerConfig("controller.yaml", source);
  assert.ok(parsed.ok, JSON.stringify(parsed.ok ? "" : parsed.problem));
  return parsed.value;
}
