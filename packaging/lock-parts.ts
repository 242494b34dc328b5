import { fail, ok, type Result } from "../router/core/base/result.ts";
import type { Component, Dependency, Parts } from "./cyclonedx.ts";

/** An entry of `packages` in a package-lock.json of version 3, as far as a bill tells of it. */
export interface LockEntry {
  readonly name?: string;
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export interface Lock {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, LockEntry>>;
}

const ALGORITHMS = { sha1: "SHA-1", sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" } as const;

/**
 * The production packages of a lock. `installed` maps each package's place in the tree that is shipped (`node_modules/a`) to the
 * version that lies there. Fails where something lies there that the lock does not have, in another version, or without an integrity;
 * or where a package that is not optional is missing. `needs` are the references of what the root package asks for.
 */
export function lockParts(
  lock: Lock,
  installed: ReadonlyMap<string, string>,
): Result<Parts & { readonly needs: readonly string[] }, readonly string[]> {
  const problems: string[] = [];
  const components: Component[] = [];
  const dependencies: Dependency[] = [];
  for (const place of installed.keys()) {
    const entry = lock.packages[place];
    if (entry === undefined) problems.push(`${place} is not in the lock`);
    else if (isDevelopment(entry)) problems.push(`${place} is for development`);
  }
  for (const [place, entry] of Object.entries(lock.packages)) {
    const version = installed.get(place);
    if (place === "" || isDevelopment(entry)) continue;
    if (version === undefined) {
      if (entry.optional !== true && entry.devOptional !== true) problems.push(`${place} is missing`);
      continue;
    }
    const hashes = hashesOf(entry.integrity ?? "");
    if (version !== entry.version) problems.push(`${place} is ${version}, the lock says ${entry.version}`);
    else if (hashes.length === 0) problems.push(`${place} has no integrity in the lock`);
    else {
      components.push(component(place, entry, version, hashes));
      dependencies.push({ ref: reference(place, entry), dependsOn: needsOf(lock, installed, place) });
    }
  }
  return problems.length > 0 ? fail(problems) : ok({ components, dependencies, needs: needsOf(lock, installed, "") });
}

function isDevelopment(entry: LockEntry): boolean {
  return entry.dev === true;
}

function component(place: string, entry: LockEntry, version: string, hashes: Component["hashes"] & object): Component {
  return {
    type: "library",
    "bom-ref": reference(place, entry),
    name: nameOf(place, entry),
    version,
    purl: purl(nameOf(place, entry), version),
    hashes,
    ...(entry.license === undefined ? {} : { licenses: [{ expression: entry.license }] }),
    properties: [{ name: "cdx:npm:package:path", value: place }],
  };
}

/** One package may lie in two places: the place is part of the reference. */
function reference(place: string, entry: LockEntry): string {
  return `${nameOf(place, entry)}@${entry.version ?? ""}|${place}`;
}

function nameOf(place: string, entry: LockEntry): string {
  return entry.name ?? place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length);
}

/** The scope is a namespace, its "@" percent-encoded (purl specification, npm). */
function purl(name: string, version: string): string {
  return `pkg:npm/${name.replace("@", "%40")}@${encodeURIComponent(version)}`;
}

/** Node's search: the package's own node_modules first, then each one further up. */
function needsOf(lock: Lock, installed: ReadonlyMap<string, string>, place: string): readonly string[] {
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = lock.packages[place] ?? {};
  const found = new Set<string>();
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
    for (let from = place; ; from = from.slice(0, Math.max(0, from.lastIndexOf("/node_modules/")))) {
      const candidate = `${from === "" ? "" : `${from}/`}node_modules/${name}`;
      const entry = lock.packages[candidate];
      if (entry !== undefined && installed.has(candidate)) {
        found.add(reference(candidate, entry));
        break;
      }
      if (from === "") break;
    }
  }
  return [...found].toSorted();
}

/** Subresource Integrity: `sha512-<base64>`, more than one apart by spaces. */
function hashesOf(integrity: string): Component["hashes"] & object {
  return integrity.split(/\s+/u).flatMap((word) => {
    const [name = "", base64 = ""] = word.split("-", 2);
    const alg = name in ALGORITHMS ? ALGORITHMS[name as keyof typeof ALGORITHMS] : undefined;
    return alg === undefined || base64 === "" ? [] : [{ alg, content: Buffer.from(base64, "base64").toString("hex") }];
  });
}
