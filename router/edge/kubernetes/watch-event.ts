import { isRecord } from "./is-record.ts";
import { type KubeObject, kubeObject } from "./kube-object.ts";
import { statusMessage } from "./kube-status.ts";

/** One line of a watch. */
export type WatchEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: KubeObject }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string }
  /** `code`: as of HTTP, 0 where none is said. */
  | { readonly type: "ERROR"; readonly code: number; readonly message: string };

/** Undefined: it is none, and what it was meant to say is lost. */
export function watchEvent(line: string): WatchEvent | undefined {
  const event = parsed(line);
  if (!isRecord(event)) return undefined;
  const { type, object } = event;
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED": {
      const named = kubeObject(object);
      return named?.metadata.resourceVersion === undefined ? undefined : { type, object: named };
    }
    case "BOOKMARK": {
      // It has no name: only its version is meant.
      const metadata = isRecord(object) ? object["metadata"] : undefined;
      const version = isRecord(metadata) ? metadata["resourceVersion"] : undefined;
      return typeof version === "string" && version !== "" && version.length <= 253
        ? { type, resourceVersion: version }
        : undefined;
    }
    case "ERROR": {
      const { code, reason, message } = statusMessage(object);
      return { type, code: reason === "Expired" || reason === "Gone" ? 410 : code, message };
    }
    default:
      return undefined;
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
