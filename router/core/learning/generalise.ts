import type { PathShape } from "./path-shape.ts";

/** Words that may stand side by side at one place of a path; more are taken for names of things. */
export const MOST_SIBLINGS = 12;

/** Segments before the `**`. */
function depthOf(shape: PathShape): number {
  return shape.at(-1) === "**" ? shape.length - 1 : shape.length;
}

/**
 * For each of the shapes what it becomes, where at one place more than `MOST_SIBLINGS` words follow the same beginning:
 * they become `*`. Undefined: all stay.
 */
export function withFewSiblings(shapes: readonly PathShape[]): readonly PathShape[] | undefined {
  const changed = shapes.map((shape) => [...shape]);
  const deepest = Math.max(0, ...shapes.map((shape) => shape.length));
  let isChanged = false;
  for (let at = 0; at < deepest; at += 1) {
    const groups = new Map<string, string[][]>();
    for (const shape of changed) {
      const segment = shape[at];
      // The end of a path ("") and what is a star already are no names.
      if (segment === undefined || segment === "" || segment.startsWith("*")) continue;
      const beginning = shape.slice(0, at).join("/");
      const group = groups.get(beginning);
      if (group === undefined) groups.set(beginning, [shape]);
      else group.push(shape);
    }
    for (const group of groups.values()) {
      if (new Set(group.map((shape) => shape[at])).size <= MOST_SIBLINGS) continue;
      for (const shape of group) shape[at] = "*";
      isChanged = true;
    }
  }
  return isChanged ? changed : undefined;
}

/** The deepest shapes by one segment shorter, which `**` stands for. Undefined: all are `/**` already. */
export function shortened(shapes: readonly PathShape[]): readonly PathShape[] | undefined {
  const deepest = Math.max(0, ...shapes.map(depthOf));
  if (deepest === 0) return undefined;
  return shapes.map((shape) => (depthOf(shape) === deepest ? [...shape.slice(0, deepest - 1), "**"] : shape));
}
