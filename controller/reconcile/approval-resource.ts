import { API_VERSION } from "../../router/core/document/document-kind.ts";
import type { EgressApproval } from "../../router/core/approval/approval.ts";
import { readApprovalObject } from "../../router/core/approval/read-approval-object.ts";
import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { KubeObject } from "../../router/edge/kubernetes/kube-object.ts";

export const APPROVALS = { root: "/apis/sluice.dev/v1alpha1", plural: "egressapprovals" } as const;

/** An EgressApproval, read as a router reads it. */
export interface ApprovalResource {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number | undefined;
  /** It was deleted, and only somebody's finalizers keep it. */
  readonly isDeleting: boolean;
  /** Milliseconds since the epoch; 0: nobody knows. */
  readonly createdAt: number;
  /** Undefined: a router takes it for nothing. */
  readonly approval: EgressApproval | undefined;
  /** Why. */
  readonly problem: string;
  /** As they stand, all members. */
  readonly conditions: readonly unknown[];
  readonly phase: string | undefined;
  readonly approvedBy: string | undefined;
  readonly expiresAt: string | undefined;
  readonly observedGeneration: number | undefined;
  readonly pods: { readonly matching: number; readonly active: number } | undefined;
}

export function approvalResource(object: KubeObject): ApprovalResource {
  const { metadata } = object;
  const status = isRecord(object["status"]) ? object["status"] : {};
  const { conditions, phase, approvedBy, expiresAt, observedGeneration, pods } = status;
  const { creationTimestamp, deletionTimestamp, generation } = metadata;
  const created = typeof creationTimestamp === "string" ? Date.parse(creationTimestamp) : Number.NaN;
  const kind = { apiVersion: API_VERSION, kind: "EgressApproval" };
  const read = readApprovalObject(metadata.name, { ...kind, ...object });
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    uid: metadata.uid ?? "",
    resourceVersion: metadata.resourceVersion ?? "",
    generation: typeof generation === "number" ? generation : undefined,
    isDeleting: deletionTimestamp !== undefined && deletionTimestamp !== null,
    createdAt: Number.isNaN(created) ? 0 : created,
    approval: read.ok ? read.value : undefined,
    problem: read.ok
      ? ""
      : read.problem
          .slice(0, 4)
          .map(({ code, message }) => `${code}: ${message}`)
          .join(" "),
    conditions: Array.isArray(conditions) ? conditions : [],
    phase: typeof phase === "string" ? phase : undefined,
    approvedBy: typeof approvedBy === "string" ? approvedBy : undefined,
    expiresAt: typeof expiresAt === "string" ? expiresAt : undefined,
    observedGeneration: typeof observedGeneration === "number" ? observedGeneration : undefined,
    pods:
      isRecord(pods) && typeof pods["matching"] === "number" && typeof pods["active"] === "number"
        ? { matching: pods["matching"], active: pods["active"] }
        : undefined,
  };
}
