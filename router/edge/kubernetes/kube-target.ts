/** RFC 3986 `pchar`, "/" and escapes; names of objects are put in with `encodeURIComponent`. */
const PATH = /^\/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2}){0,2000}$/;
/** Servers resolve these, and a name that is one would lead to another object. */
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

/** The request-target of a path and its query; undefined: that is no path. */
export function kubeTarget(path: string, query: Readonly<Record<string, string>> | undefined): string | undefined {
  if (!PATH.test(path) || path.includes("//") || DOT_SEGMENT.test(path)) return undefined;
  const parameters = query === undefined ? "" : new URLSearchParams(query).toString();
  return parameters === "" ? path : `${path}?${parameters}`;
}
