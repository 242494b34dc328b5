/** `application/x-www-form-urlencoded`, and a query: every character that is not unreserved is escaped, blanks too. */
export function formBody(fields: readonly (readonly [name: string, value: string])[]): string {
  return fields.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
}

export const FORM_HEADERS = [
  ["accept", "application/json"],
  ["content-type", "application/x-www-form-urlencoded"],
] as const;
