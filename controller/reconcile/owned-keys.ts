import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import { FIELD_MANAGER } from "./managed.ts";

/** Keys of a ConfigMap's data that we applied, by the API server's own notes (metadata.managedFields); undefined: it has none. */
export function ownedKeys(body: unknown): ReadonlySet<string> | undefined {
  const metadata = isRecord(body) ? body["metadata"] : undefined;
  const fields = isRecord(metadata) ? metadata["managedFields"] : undefined;
  if (!Array.isArray(fields)) return undefined;
  const keys = new Set<string>();
  for (const entry of fields) {
    if (!isRecord(entry) || entry["manager"] !== FIELD_MANAGER || entry["operation"] !== "Apply") continue;
    const { fieldsV1 } = entry;
    const data = isRecord(fieldsV1) ? fieldsV1["f:data"] : undefined;
    for (const name of isRecord(data) ? Object.keys(data) : []) if (name.startsWith("f:")) keys.add(name.slice(2));
  }
  return keys;
}
