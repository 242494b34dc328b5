import { createHmac } from "node:crypto";
import type { AuditEvent, AuditValue } from "../../core/audit/audit-event.ts";
import { canonicalJson } from "../../core/audit/canonical-json.ts";

/** What stands in a record instead of a hidden value: the same for the same value and key. */
const PREFIX = "hmac-sha256:";
const DETAIL = "detail.";

export type Redactor = (event: AuditEvent) => AuditEvent;

/** `hmac-sha256:` and the HMAC of a text in hex: what to look for in a log to find that text. */
export function redactedText(text: string, key: Uint8Array): string {
  return PREFIX + createHmac("sha256", key).update(text, "utf8").digest("hex");
}

/**
 * Hides fields (`target`, `detail.<name>`) before an event is kept anywhere: a text by its HMAC-SHA-256, of a list each
 * item, anything else by the HMAC of its RFC 8785 form; null stays. Whoever has the key can find what he knows already,
 * and guess what has few values: keep it apart from the log. 2 us a field.
 */
export function createRedactor(fields: readonly string[], key: Uint8Array): Redactor {
  const hidesTarget = fields.includes("target");
  const members = fields.filter((field) => field.startsWith(DETAIL)).map((field) => field.slice(DETAIL.length));
  const hide = (value: AuditValue): AuditValue => {
    if (value === null) return null;
    if (typeof value === "string") return redactedText(value, key);
    if (Array.isArray(value)) return value.map((item: AuditValue) => hide(item));
    return redactedText(canonicalJson(value) ?? "", key);
  };
  return (event) => {
    const { detail } = event;
    const target = hidesTarget && event.target !== "" ? redactedText(event.target, key) : event.target;
    const found = detail === undefined ? [] : members.filter((name) => Object.hasOwn(detail, name));
    if (detail === undefined || found.length === 0) return target === event.target ? event : { ...event, target };
    const hidden = Object.fromEntries(found.map((name) => [name, hide(detail[name] ?? null)]));
    return { ...event, target, detail: { ...detail, ...hidden } };
  };
}
