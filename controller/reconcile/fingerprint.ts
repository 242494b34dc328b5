import { createHash } from "node:crypto";
import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import { MANAGED_BY, MANAGED_LABEL } from "./managed.ts";

/**
 * What of an object is ours, as SHA-256 in hex: everything but `metadata` and `status`, and whether it bears our label.
 * Members in any order give the same, and empty ones are none.
 */
export function fingerprint(object: Readonly<Record<string, unknown>>): string {
  const { metadata, status: _status, apiVersion: _version, kind: _kind, ...content } = object;
  const labels = isRecord(metadata) ? metadata["labels"] : undefined;
  const isOurs = isRecord(labels) && labels[MANAGED_LABEL] === MANAGED_BY;
  return createHash("sha256")
    .update(JSON.stringify(sorted({ ...content, isOurs })))
    .digest("hex");
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined && !(isRecord(member) && Object.keys(member).length === 0))
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}
