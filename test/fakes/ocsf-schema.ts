import { readFileSync } from "node:fs";

/**
 * Checks events against the published schema of OCSF 1.8.0 (`test/vectors/ocsf`): classes, required attributes, types,
 * enums with their captions, profiles, constraints, and no attribute that is not in the schema. An object that is not
 * kept there fails too, so that nothing goes unchecked.
 */
export function ocsfProblems(event: unknown): string[] {
  if (!isObject(event)) return ["the event is no object"];
  const found = Object.entries(schema.classes).find(([, one]) => uidOf(one) === event["class_uid"]);
  if (found === undefined) return ["class_uid: unknown class"];
  const [, eventClass] = found;
  const metadata = isObject(event["metadata"]) ? event["metadata"] : {};
  const applied: unknown[] = Array.isArray(metadata["profiles"]) ? metadata["profiles"] : [];
  const problems = checkMembers(event, eventClass, applied, "");
  for (const profile of applied) {
    if (!(eventClass.profiles ?? []).includes(String(profile)))
      problems.push(`metadata.profiles: no ${String(profile)}`);
  }
  if (metadata["version"] !== schema.version) problems.push("metadata.version: not the schema's");
  if (event["type_uid"] !== Number(event["class_uid"]) * 100 + Number(event["activity_id"])) {
    problems.push("type_uid: not class_uid * 100 + activity_id");
  }
  return problems;
}

interface Attribute {
  readonly type: string;
  readonly requirement: "required" | "recommended" | "optional";
  readonly object_type?: string;
  readonly is_array?: boolean;
  readonly enum?: Readonly<Record<string, { readonly caption: string }>>;
  /** The attribute with the caption of this one's value. */
  readonly sibling?: string;
  /** Absent or null: there in every event of the class, whatever its profiles. */
  readonly profiles?: readonly string[] | null;
  readonly "@deprecated"?: unknown;
}

interface Shape {
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly profiles?: readonly string[];
  readonly constraints?: { readonly at_least_one?: readonly string[]; readonly just_one?: readonly string[] };
}

interface TypeRow {
  readonly type?: string;
  readonly regex?: string;
  readonly range?: readonly [number, number];
  readonly max_len?: number;
  readonly values?: readonly unknown[];
}

interface Schema {
  readonly version: string;
  readonly classes: Readonly<Record<string, Shape>>;
  readonly objects: Readonly<Record<string, Shape>>;
  readonly types: Readonly<Record<string, TypeRow>>;
}

const schema = JSON.parse(readFileSync(new URL("../vectors/ocsf/1.8.0.json", import.meta.url), "utf8")) as Schema;

/** An export's `uid` is that within the category; the one of events is in the enum of `class_uid`. */
function uidOf(one: Shape): number {
  return Number(Object.keys(one.attributes["class_uid"]?.enum ?? {})[0]);
}

function checkMembers(value: Members, shape: Shape, applied: readonly unknown[], path: string): string[] {
  const problems: string[] = [];
  const isIn = ({ profiles }: Attribute): boolean =>
    profiles === undefined || profiles === null || profiles.some((profile) => applied.includes(profile));
  for (const [name, member] of Object.entries(value)) {
    const attribute = Object.hasOwn(shape.attributes, name) ? shape.attributes[name] : undefined;
    const at = `${path}${name}`;
    if (attribute === undefined) problems.push(`${at}: unknown attribute`);
    else if (!isIn(attribute)) problems.push(`${at}: profile ${String(attribute.profiles)} is not applied`);
    else if (attribute["@deprecated"] !== undefined) problems.push(`${at}: deprecated`);
    else problems.push(...checkAttribute(member, attribute, applied, at), ...checkSibling(value, name, attribute, at));
  }
  for (const [name, attribute] of Object.entries(shape.attributes)) {
    if (attribute.requirement === "required" && isIn(attribute) && !Object.hasOwn(value, name)) {
      problems.push(`${path}${name}: required`);
    }
  }
  const present = (names: readonly string[]): number => names.filter((name) => Object.hasOwn(value, name)).length;
  const { at_least_one: some, just_one: one } = shape.constraints ?? {};
  if (some !== undefined && present(some) === 0) problems.push(`${path || "event"}: at least one of ${some.join()}`);
  if (one !== undefined && present(one) !== 1) problems.push(`${path || "event"}: just one of ${one.join()}`);
  return problems;
}

/** An enum's caption, where it is there, is the value's; a value of 99 needs one of its own. */
function checkSibling(value: Members, name: string, attribute: Attribute, at: string): string[] {
  const { sibling } = attribute;
  if (attribute.enum === undefined || sibling === undefined) return [];
  const caption = value[sibling];
  const id = String(value[name]);
  if (id === "99" && name !== "type_uid") return caption === undefined ? [`${at}: 99 needs ${sibling}`] : [];
  const row = attribute.enum[id];
  return caption === undefined || row === undefined || caption === row.caption
    ? []
    : [`${at}: ${sibling} is not its caption`];
}

function checkAttribute(value: unknown, attribute: Attribute, applied: readonly unknown[], at: string): string[] {
  if (attribute.is_array !== true) return checkValue(value, attribute, applied, at);
  if (!Array.isArray(value)) return [`${at}: not an array`];
  return value.flatMap((item, index) => checkValue(item, attribute, applied, `${at}[${index}]`));
}

function checkValue(value: unknown, attribute: Attribute, applied: readonly unknown[], at: string): string[] {
  const { type, object_type: objectType } = attribute;
  if (type !== "object_t") {
    if (!isOfType(value, type)) return [`${at}: not a ${type}`];
    return attribute.enum === undefined || Object.hasOwn(attribute.enum, String(value))
      ? []
      : [`${at}: not in the enum`];
  }
  if (!isObject(value)) return [`${at}: not an object`];
  // The base of all objects has no attributes of its own: anything may be in it.
  if (objectType === "object") return [];
  const shape = objectType === undefined ? undefined : schema.objects[objectType];
  return shape === undefined
    ? [`${at}: object ${objectType} is not kept`]
    : checkMembers(value, shape, applied, `${at}.`);
}

function isOfType(value: unknown, name: string): boolean {
  const row = schema.types[name];
  if (row === undefined) return false;
  if (row.type !== undefined && !isOfType(value, row.type)) return false;
  if (row.type === undefined && !isOfBaseType(value, name)) return false;
  if (row.range !== undefined && (Number(value) < row.range[0] || Number(value) > row.range[1])) return false;
  if (row.max_len !== undefined && String(value).length > row.max_len) return false;
  if (row.regex !== undefined && !new RegExp(row.regex).test(String(value))) return false;
  return row.values === undefined || row.values.includes(value);
}

function isOfBaseType(value: unknown, name: string): boolean {
  switch (name) {
    case "boolean_t":
      return typeof value === "boolean";
    case "integer_t":
    case "long_t":
      return Number.isSafeInteger(value);
    case "float_t":
      return typeof value === "number";
    case "string_t":
      return typeof value === "string";
    case "json_t":
      return value !== undefined;
    default:
      return false;
  }
}

type Members = { readonly [name: string]: unknown };

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
