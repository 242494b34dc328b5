import type { DocumentProblem } from "../base/problem.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { choice } from "./choice-shape.ts";
import { entryOf } from "./document-node.ts";
import { required } from "./field.ts";
import { quoted } from "./quoted.ts";
import type { SourceTree } from "./read-yaml.ts";
import type { JsonSchema, Shape } from "./shape.ts";

/** A kind of document: its name, and the shape of the whole, envelope included. */
export interface DocumentKind<Value> {
  readonly kind: string;
  /** One sentence, for editors. */
  readonly description: string;
  readonly shape: Shape<Value>;
}

export const API_VERSION = "sluice.dev/v1alpha1";

/** The first two keys of every document. */
export function envelope<const Kind extends string>(kind: Kind) {
  return {
    apiVersion: required(choice(API_VERSION), "The version of the format."),
    kind: required(choice(kind), "What this document is."),
  };
}

/** The kind that a document says it is of, known or not. */
export function kindOf({ root }: SourceTree): string | undefined {
  const value = root.kind === "map" ? entryOf(root, "kind")?.value : undefined;
  return value?.kind === "scalar" ? value.text : undefined;
}

/** Reads a whole document as the given kind: its value, or every problem of text and content at once. */
export function readDocument<Value>(
  { kind, shape }: DocumentKind<Value>,
  tree: SourceTree,
): Result<Value, readonly DocumentProblem[]> {
  const { root, report } = tree;
  const given = kindOf(tree);
  if (given !== undefined && given !== kind && root.kind === "map") {
    // Against the wrong shape every key would be a problem, and none of them would help.
    const message = `The document is of kind ${quoted(given)}, and ${quoted(kind)} is needed here.`;
    report.add(entryOf(root, "kind")?.value ?? root, "wrong_kind", message);
    return fail(report.problems());
  }
  const value = shape.read(root, report);
  if (!report.clean) return fail(report.problems());
  if (value === undefined) throw new Error(`${kind}: refused without a problem`);
  return ok(value);
}

/** What editors check a document of this kind with: JSON Schema, draft 2020-12. */
export function documentSchema({ kind, description, shape }: DocumentKind<unknown>): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: `${kind}.schema.json`,
    title: kind,
    description,
    ...shape.schema,
  };
}
