import { type DocumentNode, entryOf, type MapNode } from "./document-node.ts";
import type { ObjectShape } from "./object-shape.ts";
import type { Shape } from "./shape.ts";

/** A value of a document that can also come from the environment or the command line. */
export interface Setting {
  /** Keys from the spec down, joined with dots: `audit.segmentBytes`. */
  readonly path: string;
  /** `SLUICE_AUDIT_SEGMENT_BYTES`. */
  readonly environment: string;
  /** `--audit-segment-bytes`. */
  readonly flag: string;
  readonly description: string;
  /** The node for a text; lists are written `a,b`. */
  readonly node: (text: string, origin: string) => DocumentNode;
}

/** Every setting that can be written as one text, in the order of the fields. */
export function settingsOf(shape: ObjectShape<unknown>, prefix = ""): readonly Setting[] {
  return Object.entries(shape.fields).flatMap(([name, { shape: inner, description }]) => {
    const path = `${prefix}${name}`;
    if (isObject(inner)) return settingsOf(inner, `${path}.`);
    if (inner.setting === undefined) return [];
    const words = path.replaceAll(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`).replaceAll(".", "-");
    const environment = `SLUICE_${words.replaceAll("-", "_").toUpperCase()}`;
    return [{ path, environment, flag: `--${words}`, description, node: inner.setting }];
  });
}

function isObject(shape: Shape<unknown>): shape is ObjectShape<unknown> {
  return "fields" in shape;
}

/** The map with `node` at the path, whatever stood there. Where the path leads through something else, that stays. */
export function overlay(map: MapNode, path: readonly string[], node: DocumentNode): MapNode {
  const [key, ...rest] = path;
  if (key === undefined) return map;
  const present = entryOf(map, key);
  const inner = present?.value ?? { ...map, entries: [], damaged: false };
  if (rest.length > 0 && inner.kind !== "map") return map;
  const value = rest.length === 0 || inner.kind !== "map" ? node : overlay(inner, rest, node);
  const entries = map.entries.filter((entry) => entry !== present);
  return { ...map, entries: [...entries, { key, keyAt: present?.keyAt ?? map.at, value }] };
}

/** What stands at the path, or undefined. */
export function nodeAt(map: MapNode, path: readonly string[]): DocumentNode | undefined {
  const [key, ...rest] = path;
  const value = key === undefined ? map : entryOf(map, key)?.value;
  if (rest.length === 0) return value;
  return value?.kind === "map" ? nodeAt(value, rest) : undefined;
}
