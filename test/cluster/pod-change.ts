import type { PodObject } from "../../controller/pod/pod.ts";

/** Steps from one pod to another, done in order. */
export type Change = readonly Step[];

/** `at` is a path of members and indices with spaces between, since names of labels hold every other separator. */
export interface Step {
  readonly at: string;
  /** What is there, to what shall be; undefined: nothing. */
  readonly to: (was: unknown) => unknown;
}

export const set = (at: string, value: unknown): Step => ({ at, to: () => value });
export const remove = (at: string): Step => ({ at, to: () => undefined });
export const append = (at: string, item: unknown): Step => ({ at, to: (was) => [...listOf(was), item] });
export const insert = (at: string, index: number, item: unknown): Step => ({
  at,
  to: (was) => listOf(was).toSpliced(index, 0, item),
});
export const swap = (at: string, one: number, other: number): Step => ({
  at,
  to: (was) => {
    const items = listOf(was);
    return items.with(one, items[other]).with(other, items[one]);
  },
});

/** A pod with the steps done; the one given stays as it is. Objects on the way are made, list items must be there. */
export function change(pod: PodObject, steps: Change): PodObject {
  let result: unknown = pod;
  for (const { at, to } of steps) result = changed(result, at.split(" "), to, at);
  return result as PodObject;
}

function changed(value: unknown, path: readonly string[], to: Step["to"], at: string): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return to(value);
  if (Array.isArray(value)) {
    const index = Number(name);
    if (!(index in value)) throw new Error(`${at}: there is no item ${name}`);
    const item = changed(value[index], rest, to, at);
    return item === undefined ? value.toSpliced(index, 1) : value.with(index, item);
  }
  const object = (value ?? {}) as Readonly<Record<string, unknown>>;
  const member = changed(object[name], rest, to, at);
  const others = Object.entries(object).filter(([other]) => other !== name);
  const inPlace = Object.entries(object).map(([other, was]) => [other, other === name ? member : was]);
  if (member === undefined) return Object.fromEntries(others);
  return Object.fromEntries(Object.hasOwn(object, name) ? inPlace : [...others, [name, member]]);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}
