import type { KubeObject } from "../../router/edge/kubernetes/kube-object.ts";
import type { ControllerConfig } from "../config/controller-config.ts";
import { LABEL } from "../pod/names.ts";
import { POLICY_KINDS } from "../policies/parse-policy.ts";
import { APPROVALS, approvalResource, type ApprovalResource } from "./approval-resource.ts";
import { fingerprint } from "./fingerprint.ts";
import { type Followed, followCollection } from "./followed-collection.ts";
import { MANAGED_BY, MANAGED_KINDS, MANAGED_LABEL, RENDERED_LABEL } from "./managed.ts";
import { namespaceFacts, type NamespaceFacts } from "./namespace-facts.ts";
import { type PodFacts, podFacts } from "./pod-facts.ts";
import { POLICY_PLURALS, policyResource, type PolicyResource } from "./policy-resource.ts";
import type { ReconcileRooms } from "./reconcile-rooms.ts";
import { isHeld } from "./replace-object.ts";

/** An object of ours as it stands, without what is in it. */
export interface ManagedFacts {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly fingerprint: string;
  /** On its way out, or with finalizers. */
  readonly isHeld: boolean;
}

/** Told of each change, with what was there before. */
export interface ViewListener {
  namespace(now: NamespaceFacts | undefined, before: NamespaceFacts | undefined): void;
  pod(now: PodFacts | undefined, before: PodFacts | undefined): void;
  managed(now: ManagedFacts | undefined, before: ManagedFacts | undefined): void;
  rendered(namespace: string, name: string): void;
  policy(now: PolicyResource | undefined, before: PolicyResource | undefined): void;
  approval(now: ApprovalResource | undefined, before: ApprovalResource | undefined): void;
}

/** Everything that is followed in the API server. */
export interface ClusterView {
  readonly namespaces: Followed<NamespaceFacts>;
  /** Injected ones. */
  readonly pods: Followed<PodFacts>;
  readonly managed: readonly Followed<ManagedFacts>[];
  /** ConfigMaps that policies are rendered into. */
  readonly rendered: Followed<Place>;
  readonly policies: readonly Followed<PolicyResource>[];
  readonly approvals: Followed<ApprovalResource>;
  readonly all: readonly Pick<Followed<unknown>, "name" | "condition" | "isKnown" | "close">[];
}

export interface Place {
  readonly namespace: string;
  readonly name: string;
}

export function openClusterView(rooms: ReconcileRooms, listener: ViewListener): ClusterView {
  const { root } = APPROVALS;
  const namespaces = followCollection(rooms, {
    name: "namespaces",
    path: "/api/v1/namespaces",
    project: namespaceFacts,
    changed: (now, before) => listener.namespace(now, before),
  });
  const pods = followCollection(rooms, {
    name: "pods",
    path: "/api/v1/pods",
    labelSelector: `${LABEL.injected}=true`,
    project: podFacts,
    changed: (now, before) => listener.pod(now, before),
  });
  const managed = MANAGED_KINDS.map(({ kind, root: at, plural }) =>
    followCollection(rooms, {
      name: plural,
      path: `${at}/${plural}`,
      labelSelector: `${MANAGED_LABEL}=${MANAGED_BY}`,
      project: (object) => managedFacts(kind, object),
      changed: (now, before) => listener.managed(now, before),
    }),
  );
  const rendered = followCollection(rooms, {
    name: "rendered configmaps",
    path: "/api/v1/configmaps",
    labelSelector: `${RENDERED_LABEL}=true`,
    project: ({ metadata }): Place => ({ namespace: metadata.namespace ?? "", name: metadata.name }),
    changed(now, before) {
      const place = now ?? before;
      if (place !== undefined) listener.rendered(place.namespace, place.name);
    },
  });
  const policies = POLICY_KINDS.map((kind) =>
    followCollection(rooms, {
      name: POLICY_PLURALS[kind],
      path: `${root}/${POLICY_PLURALS[kind]}`,
      project: (object) => policyResource(kind, object),
      changed: (now, before) => listener.policy(now, before),
    }),
  );
  const approvals = followCollection(rooms, {
    name: APPROVALS.plural,
    path: `${root}/${APPROVALS.plural}`,
    project: approvalResource,
    changed: (now, before) => listener.approval(now, before),
  });
  const all = [namespaces, pods, ...managed, rendered, ...policies, approvals];
  return { namespaces, pods, managed, rendered, policies, approvals, all };
}

/** Never: whatever it is labelled. */
export function isExempt({ exemptNamespaces, namespace }: ControllerConfig, name: string): boolean {
  return name === namespace || exemptNamespaces.includes(name);
}

function managedFacts(kind: string, object: KubeObject): ManagedFacts {
  const { metadata } = object;
  return {
    kind,
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    uid: metadata.uid ?? "",
    fingerprint: fingerprint(object),
    isHeld: isHeld(metadata),
  };
}
