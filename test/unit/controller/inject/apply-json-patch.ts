type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/**
 * RFC 6902 as it is written, by itself: knows nothing of how our patches are made. Throws where the RFC says that an
 * operation is an error: a path that is not there, an index beyond the end, a pointer that is none.
 */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  const holder = { root: structuredClone(document) };
  for (const operation of structuredClone(patch) as readonly Record<string, unknown>[]) {
    const { op, path, value } = operation as { op: string; path: string; value: Json };
    if (path !== "" && !path.startsWith("/")) throw new Error(`no pointer: ${path}`);
    const tokens = ["root", ...path.split("/").slice(1).map(unescaped)];
    const last = tokens.pop() ?? "";
    let target: unknown = holder;
    for (const token of tokens) target = step(target, token);
    if (op !== "remove" && !Object.hasOwn(operation, "value")) throw new Error(`no value: ${path}`);
    if (Array.isArray(target)) applyToList(target as unknown[], op, last, value);
    else applyToObject(target, op, last, value);
  }
  return holder.root;
}

function unescaped(token: string): string {
  if (/~(?![01])/.test(token)) throw new Error(`no pointer: ${token}`);
  return token.replaceAll("~1", "/").replaceAll("~0", "~");
}

function step(target: unknown, token: string): unknown {
  if (Array.isArray(target)) return (target as unknown[])[index(token, target.length - 1)];
  if (typeof target !== "object" || target === null || !Object.hasOwn(target, token)) throw new Error(`no ${token}`);
  return (target as Record<string, unknown>)[token];
}

function index(token: string, maximum: number): number {
  if (!/^(?:0|[1-9]\d*)$/.test(token) || Number(token) > maximum) throw new Error(`no index: ${token}`);
  return Number(token);
}

function applyToList(list: unknown[], op: string, token: string, value: unknown): void {
  if (op === "add") list.splice(token === "-" ? list.length : index(token, list.length), 0, value);
  else if (op === "remove") list.splice(index(token, list.length - 1), 1);
  else if (op === "replace") list[index(token, list.length - 1)] = value;
  else throw new Error(`no operation of ours: ${op}`);
}

function applyToObject(target: unknown, op: string, token: string, value: unknown): void {
  if (typeof target !== "object" || target === null) throw new Error(`no container for ${token}`);
  const object = target as Record<string, unknown>;
  if (op !== "add" && !Object.hasOwn(object, token)) throw new Error(`no ${token}`);
  if (op === "remove") delete object[token];
  else if (op === "add" || op === "replace") {
    Object.defineProperty(object, token, { value, enumerable: true, configurable: true, writable: true });
  } else throw new Error(`no operation of ours: ${op}`);
}
