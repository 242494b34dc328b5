import { spelling } from "../inference/inner-names.ts";
import type { SourceList, SourceNode, SourceObject } from "./source-tree.ts";

/** A member's value; undefined: it is not there, or null. */
export function memberIn(node: SourceNode | undefined, name: string): SourceNode | undefined {
  if (node?.kind !== "object") return undefined;
  const value = node.members.get(name);
  return value === undefined || isNull(value) ? undefined : value;
}

export function objectIn(node: SourceNode | undefined, name: string): SourceObject | undefined {
  const value = memberIn(node, name);
  return value?.kind === "object" ? value : undefined;
}

export function listIn(node: SourceNode | undefined, name: string): SourceList | undefined {
  const value = memberIn(node, name);
  return value?.kind === "list" ? value : undefined;
}

export function textIn(node: SourceNode | undefined, name: string): string | undefined {
  const value = memberIn(node, name);
  return value?.kind === "text" ? value.value : undefined;
}

export function isNull(node: SourceNode): boolean {
  return node.kind === "plain" && node.value === null;
}

/** Names that a reader of ours looks for in an object, by their spelling. */
export type KnownNames = ReadonlyMap<string, ReadonlySet<string>>;

export function knownNames(...names: readonly string[]): KnownNames {
  const known = new Map<string, Set<string>>();
  for (const name of names) known.set(spelling(name), (known.get(spelling(name)) ?? new Set<string>()).add(name));
  return known;
}

/**
 * Whether each of these names stands in an object only as it is written here, and once in all its spellings: an origin or
 * a client that ignores case takes another member for it otherwise.
 */
export function isPlainlySpelled({ members }: SourceObject, known: KnownNames): boolean {
  const seen = new Set<string>();
  for (const name of members.keys()) {
    const spelled = spelling(name);
    const written = known.get(spelled);
    if (written === undefined) continue;
    if (!written.has(name) || seen.has(spelled)) return false;
    seen.add(spelled);
  }
  return true;
}

const LONGEST_NAME = 256;

/** Whether a text can be a tool's name. */
export function isToolName(name: string): boolean {
  return name !== "" && name.length <= LONGEST_NAME && name.isWellFormed();
}

/** Readers take some names for more than one tool: vLLM takes "*" for all of a server's. */
const ONE_NAME = /^[\w.:/-]+$/;

/**
 * The tools that a list of names lets be called: one nameless one where it is empty or one of its names is no plain one,
 * for then nobody here can say which those are.
 */
export function hostedNames(names: readonly string[]): readonly (string | undefined)[] {
  return names.length > 0 && names.every((name) => ONE_NAME.test(name)) ? names : [undefined];
}
