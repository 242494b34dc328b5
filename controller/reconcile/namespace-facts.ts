import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { KubeObject } from "../../router/edge/kubernetes/kube-object.ts";
import { LABEL } from "../pod/names.ts";

export interface NamespaceFacts {
  readonly name: string;
  readonly uid: string;
  /** By its label; whether it is exempt is the settings' to say. */
  readonly isEnforced: boolean;
  /** By the label that only the controller may set. */
  readonly isKept: boolean;
  readonly isTerminating: boolean;
  readonly resourceVersion: string;
}

export function namespaceFacts({ metadata }: KubeObject): NamespaceFacts {
  const { labels, deletionTimestamp } = metadata;
  return {
    name: metadata.name,
    uid: metadata.uid ?? "",
    isEnforced: isRecord(labels) && labels[LABEL.enforce] === "true",
    isKept: isRecord(labels) && labels[LABEL.kept] === "true",
    isTerminating: deletionTimestamp !== undefined && deletionTimestamp !== null,
    resourceVersion: metadata.resourceVersion ?? "",
  };
}
