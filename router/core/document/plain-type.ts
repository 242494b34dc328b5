/** What an unquoted YAML value is under the core schema of YAML 1.2 (section 10.3.2): `no`, `on` and `1_000` are texts. */
export type PlainType = "null" | "boolean" | "integer" | "float" | "text";

export function plainTypeOf(text: string): PlainType {
  if (!mayBeTyped.test(text)) return "text";
  if (/^(?:~|null|Null|NULL|)$/.test(text)) return "null";
  if (/^(?:true|True|TRUE|false|False|FALSE)$/.test(text)) return "boolean";
  if (/^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$/.test(text)) return "integer";
  if (/^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(text)) return "float";
  if (/^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/.test(text)) return "float";
  return "text";
}

/** A cheap no for almost every text: the first character of a null, boolean or number, or nothing at all. */
const mayBeTyped = /^(?:[-+.0-9~nNtTfF]|$)/;
