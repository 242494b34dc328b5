/**
 * The bill of materials of an image, CycloneDX 1.6 as JSON, on standard output:
 * `node packaging/sbom.ts --name sluice-router --app DIR --node FILE [--system MANIFEST]...`. DIR holds package.json and the node_modules
 * that are shipped; the lock is that of the working directory; manifests are those of `system-root.ts`. The time is
 * SOURCE_DATE_EPOCH (seconds since 1970), or 0. Exit code 1 where what lies in DIR is not what the lock says.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bill, type Component } from "./cyclonedx.ts";
import { installedPackages } from "./installed-packages.ts";
import { type Lock, lockParts } from "./lock-parts.ts";
import { nodePart, type SystemFiles, systemParts } from "./system-parts.ts";

/** Where every image has its engine. */
const NODE_PATH = "/usr/bin/node";

const { values } = parseArgs({
  options: {
    name: { type: "string", default: "sluice" },
    app: { type: "string", default: "." },
    node: { type: "string", default: process.execPath },
    system: { type: "string", multiple: true, default: [] },
  },
});
const product = read(join(values.app, "package.json")) as { name: string; version: string; license: string };
const parts = lockParts(read("package-lock.json") as Lock, installedPackages(values.app));
if (parts.ok) {
  const engine = nodePart(versionsOf(values.node), sha256(readFileSync(values.node)));
  const system = values.system.map((manifest) => systemParts(read(manifest) as SystemFiles, NODE_PATH));
  const subject: Component = {
    type: values.system.length === 0 ? "application" : "container",
    "bom-ref": `${values.name}@${product.version}`,
    name: values.name,
    version: product.version,
    licenses: [{ expression: product.license }],
  };
  const needs = [
    ...parts.value.needs,
    engine["bom-ref"],
    ...system.flatMap(({ components }) => components.map((component) => component["bom-ref"])),
  ];
  const node = { components: [engine], dependencies: [{ ref: engine["bom-ref"], dependsOn: [] }] };
  // oxlint-disable-next-line node/no-process-env -- the one variable that reproducible builds agree on
  const created = Number(process.env["SOURCE_DATE_EPOCH"] ?? "0");
  const { components, dependencies } = parts.value;
  const whole = bill(subject, needs, [{ components, dependencies }, node, ...system], created, sha256);
  process.stdout.write(`${JSON.stringify(whole, undefined, 2)}\n`);
} else {
  for (const problem of parts.problem) process.stderr.write(`sbom: ${problem}\n`);
  process.exitCode = 1;
}

function versionsOf(node: string): Readonly<Record<string, string>> {
  const { status, stdout, stderr } = spawnSync(node, ["-p", "JSON.stringify(process.versions)"], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${node} does not run: ${stderr}`);
  return JSON.parse(stdout) as Readonly<Record<string, string>>;
}

function read(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
