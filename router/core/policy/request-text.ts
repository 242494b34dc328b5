import { fail, ok, type Result } from "../base/result.ts";
import { parseAuthority } from "../wire/authority.ts";
import { parseAbsoluteForm, parseSecureAbsoluteForm } from "../wire/request-target.ts";
import type { EgressRequest } from "./egress-request.ts";

/**
 * A request as people write it, `CONNECT host:port` or `METHOD http://host/path`, read by the very parsers that
 * stand at the door; with https it is one inside inspected TLS, or of the fetch tool. The problem is one sentence.
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
  const secure = /^https:/i.test(target);
  const form = secure ? parseSecureAbsoluteForm(target) : parseAbsoluteForm(target);
  if (!form.ok) return form;
  const { authority, path } = form.value;
  return ok({ via: "http", ...(secure ? { secure } : {}), ...authority, method, path });
}
