import { createHash } from "node:crypto";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import type { Reason } from "../../../../router/core/base/reason.ts";
import { parseShape, shapeOf } from "../../../../router/core/learning/path-shape.ts";
import { namedMethod, type Observation, type SeenEntry } from "../../../../router/core/learning/seen.ts";
import type { SeenKind } from "../../../../router/core/learning/seen-kind.ts";
import { parseAuthority } from "../../../../router/core/wire/authority.ts";

export const AT = epochMillis(Date.UTC(2026, 10, 20, 3));

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** `tls api.example:443`, `http GET www.example:80/path`, `https-inspected GET ...`. */
export function seen(text: string, changes: Partial<Observation> = {}): Observation {
  const words = text.split(" ");
  const kind = words[0] as SeenKind;
  const [method, target = ""] = words.length > 2 ? [words[1], words[2]] : [undefined, words[1]];
  const slash = target.indexOf("/");
  const authority = parseAuthority(slash < 0 ? target : target.slice(0, slash), undefined);
  if (!authority.ok) throw new Error(authority.problem);
  return {
    ...authority.value,
    kind,
    method: method === undefined ? undefined : namedMethod(method),
    shape: slash < 0 ? undefined : shapeOf(target.slice(slash)),
    at: AT,
    bytesOut: 10,
    bytesIn: 100,
    outcome: { allowed: true, rule: undefined, unlisted: "host_not_allowed" },
    ...changes,
  };
}

export function refused(text: string, reason: Reason): Observation {
  return seen(text, { outcome: { allowed: false, reason } });
}

/** What an entry is about, and how often it came. */
export function told({ host, port, kind, method, shape, count }: SeenEntry): string {
  const path = shape === undefined ? "" : `/${shape.join("/")}`;
  return [kind, method, `${host.text}:${port}${path}`, `x${count}`].filter((part) => part !== undefined).join(" ");
}

export function shape(text: string): readonly string[] {
  const found = parseShape(text);
  if (found === undefined) throw new Error(`no shape: ${text}`);
  return found;
}
