/** What a JSON text stands for (RFC 8259), as `JSON.parse` gives it: a number beyond the range of a double is Infinity. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
