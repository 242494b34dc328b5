import type { Bill, Component } from "../../packaging/cyclonedx.ts";

const LENGTHS = { "SHA-1": 40, "SHA-256": 64, "SHA-384": 96, "SHA-512": 128 } as const;

/**
 * What the schema of CycloneDX 1.6 and its prose ask of a bill like ours, and this one lacks: form of the serial number, unique
 * references, dependencies among what is there, form of purl and hashes, a version and a hash or a purl of every component.
 */
export function billProblems(bill: Bill): readonly string[] {
  const problems: string[] = [];
  const check = (holds: boolean, problem: string): void => void (holds || problems.push(problem));
  check(bill.bomFormat === "CycloneDX" && bill.specVersion === "1.6" && Number.isInteger(bill.version), "head");
  check(
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u.test(bill.serialNumber),
    "serialNumber",
  );
  check(new Date(bill.metadata.timestamp).toISOString() === bill.metadata.timestamp, "timestamp");
  const all = [bill.metadata.component, ...bill.components.flatMap(withNested)];
  const references = new Set<string>();
  for (const { "bom-ref": reference } of all) {
    check(!references.has(reference), `bom-ref ${reference} twice`);
    references.add(reference);
  }
  for (const component of bill.components) componentProblems(component, check);
  const told = new Set<string>();
  for (const { ref, dependsOn } of bill.dependencies) {
    check(references.has(ref), `dependencies of ${ref}, which is not there`);
    check(!told.has(ref), `dependencies of ${ref} twice`);
    told.add(ref);
    check(!dependsOn.includes(ref), `dependency ${ref} of itself`);
    for (const other of dependsOn) check(references.has(other), `dependency ${ref} on ${other}, which is not there`);
  }
  for (const component of bill.components)
    check(told.has(component["bom-ref"]), `no dependencies of ${component["bom-ref"]}`);
  return problems;
}

function withNested(component: Component): readonly Component[] {
  return [component, ...(component.components ?? []).flatMap(withNested)];
}

function componentProblems(component: Component, check: (holds: boolean, problem: string) => void): void {
  const { name, type, version, purl, hashes = [], licenses } = component;
  check(name !== "", "a component without a name");
  if (type === "file") check(hashes.length > 0, `no hash of ${name}`);
  else {
    check((version ?? "") !== "", `version of ${name}`);
    check(
      /^pkg:(?:npm\/(?:%40[\w.-]+\/)?|deb\/[a-z]+\/|generic\/)[\w.%-]+@[\w.%~-]+(?:\?[\w=&.-]+)?$/u.test(purl ?? ""),
      `purl of ${name}`,
    );
  }
  if (purl?.startsWith("pkg:npm/") === true) check(hashes.length > 0, `no hash of ${name}`);
  for (const { alg, content } of hashes)
    check(new RegExp(`^[0-9a-f]{${LENGTHS[alg]}}$`, "u").test(content), `hash of ${name}`);
  for (const { expression } of licenses ?? []) check(/^[\w().+ -]+$/u.test(expression), `licence of ${name}`);
}
