import { API_VERSION } from "../../router/core/document/document-kind.ts";
import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { KubeObject } from "../../router/edge/kubernetes/kube-object.ts";
import type { PolicyKind } from "../policies/parse-policy.ts";
import { ANNOTATION, CONFIG_MAP } from "../pod/names.ts";

export const POLICY_PLURALS: Readonly<Record<PolicyKind, string>> = {
  EgressPolicy: "egresspolicies",
  InferencePolicy: "inferencepolicies",
  GovernancePolicy: "governancepolicies",
};

/** A policy that is kept as a resource, as far as it was looked at. */
export interface PolicyResource {
  readonly kind: PolicyKind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number | undefined;
  /** RFC 3339 in whole seconds: as text, earlier is smaller. */
  readonly createdAt: string;
  readonly isDeleted: boolean;
  readonly apiVersion: string;
  readonly spec: unknown;
  readonly target: string;
  readonly signatures: string | undefined;
  readonly status: Readonly<Record<string, unknown>>;
}

/** `kind`: of the collection, since items of a list need not say theirs. */
export function policyResource(kind: PolicyKind, object: KubeObject): PolicyResource {
  const { metadata, apiVersion, spec, status } = object;
  const { annotations, creationTimestamp, deletionTimestamp, generation } = metadata;
  const noted = isRecord(annotations) ? annotations : {};
  const { [ANNOTATION.policy]: target, [ANNOTATION.signatures]: signatures } = noted;
  return {
    kind,
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    uid: metadata.uid ?? "",
    resourceVersion: metadata.resourceVersion ?? "",
    generation: typeof generation === "number" ? generation : undefined,
    createdAt: typeof creationTimestamp === "string" ? creationTimestamp : "",
    isDeleted: deletionTimestamp !== undefined && deletionTimestamp !== null,
    apiVersion: apiVersion ?? API_VERSION,
    spec,
    target: typeof target === "string" && target !== "" ? target : CONFIG_MAP.policy,
    signatures: typeof signatures === "string" ? signatures : undefined,
    status: isRecord(status) ? status : {},
  };
}

/** `EgressPolicy/research/main`; no name has a slash. */
export function policyKey({ kind, namespace, name }: Pick<PolicyResource, "kind" | "namespace" | "name">): string {
  return `${kind}/${namespace}/${name}`;
}

export function policyFile({ kind, name }: Pick<PolicyResource, "kind" | "name">): string {
  return `${kind.toLowerCase()}-${name}.yaml`;
}
