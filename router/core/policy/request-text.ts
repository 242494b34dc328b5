import { fail, ok, type Result } from "../base/result.ts";
import { parseAuthority } from "../wire/authority.ts";
import { parseAbsoluteForm } from "../wire/request-target.ts";
import type { EgressRequest } from "./egress-request.ts";

/**
 * A request as people write it, `CONNECT host:port` or `METHOD http://host/path`, read by the very parsers that
 * stand at the door. The problem is one sentence.
 */
export function parseRequestText(text: string): Result<EgressRequest, string> {
  const words = text.split(" ");
  const [method, target] = words;
  if (words.length !== 2 || method === undefined || target === undefined || !/^[A-Za-z][A-Za-z0-9_-]*$/.test(method)) {
    return fail('A request is "CONNECT host:port", or a method and a URL.');
  }
  if (method === "CONNECT") {
    const authority = parseAuthority(target, undefined);
    return authority.ok ? ok({ via: "tunnel", ...authority.value }) : authority;
  }
  const form = parseAbsoluteForm(target);
  return form.ok ? ok({ via: "http", ...form.value.authority, method, path: form.value.path }) : form;
}
