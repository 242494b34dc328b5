import { randomUUID } from "node:crypto";

/** Any object, as it is stored. */
export interface StoredObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid: string;
    resourceVersion: string;
    generation: number;
    creationTimestamp: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    [member: string]: unknown;
  };
  [member: string]: unknown;
}

/** Where an object, or a collection, is. */
export interface Place {
  /** `/api/v1` or `/apis/group/version`. */
  readonly root: string;
  readonly plural: string;
  /** Undefined: of the cluster, or of all namespaces. */
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

export interface StoredEvent {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly place: Place;
  readonly before: StoredObject | undefined;
  readonly object: StoredObject;
}

export type Matches = (object: StoredObject) => boolean;

/** Undefined: that is no path of the API. */
export function placeOf(path: string): Place | undefined {
  const found = /^(?<root>\/api\/v1|\/apis\/[^/]+\/[^/]+)\/(?<rest>.+)$/.exec(path)?.groups;
  if (found === undefined) return undefined;
  const parts = (found["rest"] ?? "").split("/").map((part) => decodeURIComponent(part));
  const root = found["root"] ?? "";
  const isScoped = parts[0] === "namespaces" && parts.length > 2 && parts[2] !== "status" && parts[2] !== "finalize";
  const [namespace, rest] = isScoped ? [parts[1], parts.slice(2)] : [undefined, parts];
  const [plural, name, subresource] = rest;
  if (plural === undefined || rest.length > 3) return undefined;
  return { root, plural, namespace, name, subresource };
}

/** What an API server's storage does: objects by name, versions that rise, a history for who watches. */
export class KubeStore {
  readonly #objects = new Map<string, { readonly place: Place; object: StoredObject }>();
  readonly #told = new Set<(event: StoredEvent) => void>();
  #history: StoredEvent[] = [];
  #version = 1_000;
  /** Versions up to this one are not kept. */
  #compacted = 0;

  get version(): number {
    return this.#version;
  }

  /** Calls back for each change from here on; what it returns ends that. */
  onChange(told: (event: StoredEvent) => void): () => void {
    this.#told.add(told);
    return () => this.#told.delete(told);
  }

  /** Undefined: they are not kept any more. */
  since(version: number): readonly StoredEvent[] | undefined {
    return version < this.#compacted ? undefined : this.#history.filter((event) => event.version > version);
  }

  compact(): void {
    this.#version += 1;
    this.#compacted = this.#version;
    this.#history = [];
  }

  /** What it returns sets the store back to now: objects and versions. */
  backup(): () => void {
    const version = this.#version;
    const objects = [...this.#objects].map(([key, entry]) => [key, { ...entry }] as const);
    return () => {
      this.#version = this.#compacted = version;
      this.#history = [];
      this.#objects.clear();
      for (const [key, entry] of objects) this.#objects.set(key, { ...entry });
    };
  }

  get(place: Place): StoredObject | undefined {
    return this.#objects.get(keyOf(place))?.object;
  }

  list(place: Place, matches: Matches = () => true): readonly StoredObject[] {
    return [...this.#objects]
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([, entry]) => entry)
      .filter((entry) => isIn(entry.place, place) && matches(entry.object))
      .map(({ object }) => object);
  }

  /** Creates or replaces, as it stands but for what a server sets. */
  put(place: Place, given: object): StoredObject {
    const before = this.get(place);
    const members = given as Record<string, unknown>;
    this.#version += 1;
    const isSame = before !== undefined && JSON.stringify(before["spec"]) === JSON.stringify(members["spec"]);
    const object: StoredObject = {
      apiVersion: place.root.replace(/^\/apis?\//, ""),
      kind: "Unknown",
      ...structuredClone(members),
      metadata: {
        ...structuredClone(members["metadata"] as object | undefined),
        name: place.name ?? "",
        ...(place.namespace === undefined ? {} : { namespace: place.namespace }),
        uid: before?.metadata.uid ?? randomUUID(),
        creationTimestamp: before?.metadata.creationTimestamp ?? new Date().toISOString(),
        generation: before === undefined ? 1 : before.metadata.generation + (isSame ? 0 : 1),
        resourceVersion: String(this.#version),
      },
    };
    this.#objects.set(keyOf(place), { place, object });
    this.#tell({ version: this.#version, type: before === undefined ? "ADDED" : "MODIFIED", place, before, object });
    return object;
  }

  remove(place: Place): StoredObject | undefined {
    const before = this.get(place);
    if (before === undefined) return undefined;
    this.#version += 1;
    this.#objects.delete(keyOf(place));
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(this.#version) } };
    this.#tell({ version: this.#version, type: "DELETED", place, before, object });
    return object;
  }

  #tell(event: StoredEvent): void {
    this.#history.push(event);
    for (const told of this.#told) told(event);
  }
}

/** Whether an object is one of a collection, or the one that is named. */
export function isIn(object: Place, collection: Place): boolean {
  return (
    object.root === collection.root &&
    object.plural === collection.plural &&
    (collection.namespace === undefined || collection.namespace === object.namespace) &&
    (collection.name === undefined || collection.name === object.name)
  );
}

function keyOf({ root, plural, namespace, name }: Place): string {
  return [root, plural, namespace ?? "", name].join("/");
}

/** RFC 7386. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return structuredClone(patch);
  const merged: Record<string, unknown> =
    typeof target === "object" && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

/** Equality only: `a=b,c!=d,e` of labels, `metadata.name=x` and `spec.a.b=y` of fields. */
export function selected(fields: string | null, labels: string | null): Matches {
  const tests: Matches[] = [];
  for (const [text, read] of [
    [fields, (object: StoredObject, name: string) => atPath(object, name.split("."))],
    [labels, (object: StoredObject, name: string) => object.metadata.labels?.[name]],
  ] as const) {
    for (const one of (text ?? "").split(",").filter((part) => part !== "")) {
      const [, name = "", operator, value] = /^([^=!]+)(?:(==?|!=)(.*))?$/.exec(one) ?? [];
      tests.push((object) => {
        const found = read(object, name);
        if (operator === undefined) return found !== undefined;
        return operator === "!=" ? found !== value : found === value;
      });
    }
  }
  return (object) => tests.every((matches) => matches(object));
}

function atPath(object: unknown, [first, ...rest]: readonly string[]): unknown {
  if (first === undefined) return object;
  return typeof object === "object" && object !== null
    ? atPath((object as Record<string, unknown>)[first], rest)
    : undefined;
}
