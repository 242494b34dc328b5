import { type KubeObject, objectKey } from "./kube-object.ts";
import { compareResourceVersions } from "./resource-version.ts";

/** Of objects that are gone, so many are remembered by name; of more, only how new the newest of them was. */
const MOST_GONE = 1_024;

export type Verdict =
  /** It is handed on, as that. */
  | "ADDED"
  | "MODIFIED"
  | "DELETED"
  /** Said before, or overtaken. */
  | "old"
  /** One object more than may be followed. */
  | "full";

/**
 * Which version of which object was handed on last, so that an event that comes twice or too late changes nothing: above
 * all, an object that is gone does not come back.
 */
export class KnownObjects {
  readonly #maximum: number;
  readonly #versions = new Map<string, string>();
  /** Oldest first. */
  readonly #gone = new Map<string, string>();
  /** What is not known and not newer than this is an echo. */
  #floor = "";

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  get size(): number {
    return this.#versions.size;
  }

  /** After a list: these, and nothing else. `version`: the list's. */
  reset(objects: Iterable<readonly [key: string, version: string]>, version: string): void {
    this.#versions.clear();
    this.#gone.clear();
    this.#floor = version;
    for (const [key, known] of objects) this.#versions.set(key, known);
  }

  take(type: "ADDED" | "MODIFIED" | "DELETED", object: KubeObject): Verdict {
    const key = objectKey(object);
    const version = object.metadata.resourceVersion ?? "";
    const known = this.#versions.get(key);
    if (type === "DELETED") {
      if (known === undefined) {
        if (isNewer(version, this.#gone.get(key) ?? this.#floor)) this.#bury(key, version);
        return "old";
      }
      // Older servers say the version that was stored last.
      if (version !== known && !isNewer(version, known)) return "old";
      this.#versions.delete(key);
      this.#bury(key, version);
      return "DELETED";
    }
    if (!isNewer(version, known ?? this.#gone.get(key) ?? this.#floor)) return "old";
    if (known === undefined && this.#versions.size >= this.#maximum) return "full";
    this.#gone.delete(key);
    this.#versions.set(key, version);
    return known === undefined ? "ADDED" : "MODIFIED";
  }

  #bury(key: string, version: string): void {
    this.#gone.delete(key);
    this.#gone.set(key, version);
    for (const [oldest, at] of this.#gone) {
      if (this.#gone.size <= MOST_GONE) return;
      this.#gone.delete(oldest);
      if (isNewer(at, this.#floor)) this.#floor = at;
    }
  }
}

/** Where nobody can say which of two is the newer one, the one that came later. */
function isNewer(version: string, than: string): boolean {
  const order = compareResourceVersions(version, than);
  return order === undefined || order > 0;
}
