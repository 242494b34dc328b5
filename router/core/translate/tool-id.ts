const MAXIMUM_LENGTH = 256;
const NATIVE = /^[A-Za-z0-9_-]+$/;
const FOREIGN_UNIT = /[^A-Za-z0-9_-]/g;
// oxlint-disable-next-line no-control-regex -- control characters are what it finds
const CONTROL = /[\x00-\x1f\x7f]/;

/** Whether an id can name a tool call: 1 to 256 UTF-16 units without control characters. */
export function isToolId(id: string): boolean {
  return id !== "" && id.length <= MAXIMUM_LENGTH && !CONTROL.test(id);
}

/**
 * An id as Anthropic takes it (`^[a-zA-Z0-9_-]+$`): its own are kept, in those of other providers ("functions.get:0") each
 * foreign UTF-16 unit becomes "_" and its code in hex. A call and its result get the same.
 */
export function anthropicToolId(id: string): string {
  return NATIVE.test(id) ? id : id.replace(FOREIGN_UNIT, (unit) => `_${unit.charCodeAt(0).toString(16)}`);
}
