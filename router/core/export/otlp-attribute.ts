/** `KeyValue` (opentelemetry-proto, common/v1). An int64 is a decimal text in JSON. */
export interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue: string } | { readonly intValue: string };
}

export function textAttribute(key: string, value: string): Attribute {
  return { key, value: { stringValue: value } };
}

/** Of a safe integer. */
export function countAttribute(key: string, value: number): Attribute {
  return { key, value: { intValue: String(value) } };
}
