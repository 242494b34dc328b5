import { canonicalJson } from "../../router/core/audit/canonical-json.ts";
import type { AuditValue } from "../../router/core/audit/audit-event.ts";

export interface PolicyDocument {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly spec: AuditValue;
}

/**
 * The text of a policy that is kept as a resource: the RFC 8785 form of its apiVersion, kind, metadata.name and spec, and a
 * newline. It is what is signed, what the controller writes into the ConfigMap and what the sidecar verifies, since the API
 * server keeps no one's bytes. Undefined where there is no such form (canonical-json.ts).
 */
export function canonicalDocument({ apiVersion, kind, name, spec }: PolicyDocument): string | undefined {
  const text = canonicalJson({ apiVersion, kind, metadata: { name }, spec });
  return text === undefined ? undefined : `${text}\n`;
}
