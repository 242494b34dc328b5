import { entryOf } from "./document-node.ts";
import type { Condition } from "./object-shape.ts";

type Key<Value> = keyof Value & string;

/** At least one of the keys is there. */
export function atLeastOneOf<Value>(keys: readonly Key<Value>[], code: string, message: string): Condition<Value> {
  return {
    schema: { anyOf: keys.map((key) => ({ required: [key] })) },
    check(_values, map, report) {
      if (map.damaged || keys.some((key) => entryOf(map, key) !== undefined)) return;
      report.add(map, code, message);
    },
  };
}

/** Exactly one of the keys is there. */
export function exactlyOneOf<Value>(keys: readonly Key<Value>[], code: string, message: string): Condition<Value> {
  return {
    schema: { oneOf: keys.map((key) => ({ required: [key] })) },
    check(_values, map, report) {
      const present = keys.filter((key) => entryOf(map, key) !== undefined).length;
      if (present > 1 || (present === 0 && !map.damaged)) report.add(map, code, message);
    },
  };
}

/** `key` makes no sense without `other`. */
export function needs<Value>(key: Key<Value>, other: Key<Value>, code: string, message: string): Condition<Value> {
  return {
    schema: { dependentRequired: { [key]: [other] } },
    check(_values, map, report) {
      const entry = entryOf(map, key);
      if (entry === undefined || map.damaged || entryOf(map, other) !== undefined) return;
      report.add({ ...entry.value, at: entry.keyAt }, code, message);
    },
  };
}

/** `key` makes sense only where `other` has this value; `isDefault`: also where `other` is left out. */
export function onlyWith<Value, Other extends Key<Value>>(
  key: Key<Value>,
  other: Other,
  { value, isDefault }: { readonly value: Value[Other] & string; readonly isDefault: boolean },
  code: string,
  message: string,
): Condition<Value> {
  const has = { properties: { [other]: { const: value } }, ...(isDefault ? {} : { required: [other] }) };
  return {
    schema: { anyOf: [{ not: { required: [key] } }, has] },
    check(values, map, report) {
      const entry = entryOf(map, key);
      const actual = values[other];
      if (entry === undefined || actual === undefined || actual === value) return;
      report.add({ ...entry.value, at: entry.keyAt }, code, message);
    },
  };
}
