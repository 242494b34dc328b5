declare const tag: unique symbol;

/**
 * A value that only its own parser makes. `Brand<string, "Hostname">` is a string to read, and no
 * plain string can be passed where it is asked for.
 */
export type Brand<Value, Name extends string> = Value & { readonly [tag]: Name };
