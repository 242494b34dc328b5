import type { DocumentNode, MapEntry, MapNode, ScalarNode } from "./document-node.ts";
import { plainTypeOf } from "./plain-type.ts";
import { quoted } from "./quoted.ts";
import type { Report } from "./report.ts";

/** Up to this many keys, comparing with each is cheaper than a set. */
const FEW = 12;

/** Gathers the entries of one map and refuses the keys that YAML would let pass or quietly merge. */
export class MapBuilder {
  readonly #report: Report;
  readonly #entries: MapEntry[] = [];
  #seen: Set<string> | undefined;
  #damaged = false;

  constructor(report: Report) {
    this.#report = report;
  }

  add(key: ScalarNode, value: DocumentNode): void {
    const problem = this.#refusal(key);
    if (problem === undefined) {
      this.#entries.push({ key: key.text, keyAt: key.at, value });
      this.#seen?.add(key.text);
    } else {
      this.#report.add(key, problem.code, problem.message);
      this.damage();
    }
  }

  /** An entry could not be read at all. */
  damage(): void {
    this.#damaged = true;
  }

  build(at: number): MapNode {
    return { kind: "map", at, entries: this.#entries, damaged: this.#damaged };
  }

  #refusal(key: ScalarNode): { readonly code: string; readonly message: string } | undefined {
    if (key.plain && key.text === "<<") {
      return { code: "merge_key", message: "Merge keys (<<) are not supported: write the entries out." };
    }
    if (key.plain && plainTypeOf(key.text) !== "text") {
      const message = `A key must be a text, and ${quoted(key.text)} without quotes is something else.`;
      return { code: "key_not_text", message };
    }
    if (this.#has(key.text)) {
      return { code: "duplicate_key", message: `The key ${quoted(key.text)} stands twice in this map.` };
    }
    return undefined;
  }

  #has(key: string): boolean {
    if (this.#entries.length <= FEW) return this.#entries.some((entry) => entry.key === key);
    this.#seen ??= new Set(this.#entries.map((entry) => entry.key));
    return this.#seen.has(key);
  }
}
