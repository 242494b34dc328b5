import type { EpochMillis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { Action, EgressAction, InferenceAction } from "../../core/governance/action.ts";
import type { GovernanceSnapshot } from "../../core/governance/compile-governance-policy.ts";
import type { InferencePolicySnapshot } from "../../core/models/compile-inference-policy.ts";
import { peersAt } from "../../core/peer/peers-at.ts";
import { admitAddresses } from "../../core/policy/admit-address.ts";
import type { Decision } from "../../core/policy/decision.ts";
import type { EgressRequest } from "../../core/policy/egress-request.ts";
import type { NetworkFacts } from "../../core/policy/network.ts";
import type { NamePermit, PolicyIdentity } from "../../core/policy/permit.ts";
import type { PolicySnapshot } from "../../core/policy/snapshot.ts";
import { accessStanding, requestOf } from "./access-standing.ts";
import { ASKABLE } from "./egress-governance.ts";
import type { Denial, Governed, Governor, Grants } from "./governor.ts";

export interface PassingRooms {
  readonly governor: Pick<Governor, "preview">;
  readonly grants: Pick<Grants, "find">;
  policy(): GovernanceSnapshot;
  egress(): PolicySnapshot;
  /** The egress policy's word, without any approval. */
  egressDecision(request: EgressRequest): Decision;
  models(): InferencePolicySnapshot;
  time(): EpochMillis;
  network(): NetworkFacts;
}

/**
 * What would be said of an action where it passes the router: by the egress policy or the inference policy first, then by
 * the governance policy. Nothing is taken. What only the passing itself shows (addresses of a name, budgets, a body) is not
 * looked at.
 */
export function previewPassing(rooms: PassingRooms, action: Action): Governed {
  if (rooms.policy().state === "missing") return rooms.governor.preview(action);
  if (action.kind === "egress") return previewEgress(rooms, action);
  return action.kind === "inference" ? previewCall(rooms, action) : rooms.governor.preview(action);
}

function previewEgress(rooms: PassingRooms, action: EgressAction): Governed {
  const request = requestOf(action);
  if (request === undefined) {
    const governed = rooms.governor.preview(action);
    return governed.kind === "refused" ? governed : refused("malformed_request", undefined, undefined, INCOMPLETE);
  }
  const first = rooms.egressDecision(request);
  const inside = first.effect === "permit" && first.permit.obligations.inspect ? withinTls(action, request) : undefined;
  const decision = inside === undefined ? first : rooms.egressDecision(inside);
  if (decision.effect === "deny") return unlisted(rooms, action, decision);
  const { permit } = decision;
  const { host } = permit;
  if (host.kind === "address" && !admitAddresses(rooms.network(), permit, [host.text]).ok) {
    return refused("address_not_allowed", permit.policy, permit.rule);
  }
  for (const one of passingActions(rooms, action, permit)) {
    const governed = rooms.governor.preview(one);
    if (governed.kind === "refused" || one.kind === "egress") return governed;
  }
  throw new Error("the egress itself comes last");
}

/** A request in a tunnel that is looked into, where the action says which. */
function withinTls({ method, path }: EgressAction, { host, port }: EgressRequest): EgressRequest | undefined {
  if (method === undefined || path === undefined) return undefined;
  return { via: "http", secure: true, host, port, method, path };
}

function passingActions(rooms: PassingRooms, action: EgressAction, permit: NamePermit): readonly Action[] {
  const policy = rooms.policy();
  const peers = policy.state === "loaded" ? peersAt(policy, permit) : [];
  const { protocol } = permit.obligations;
  // A tunnel is judged by the rule's protocol, whatever the agent calls it.
  const passing = action.protocol === "http" || protocol === "http" ? action : { ...action, protocol };
  return [
    ...peers.map(({ id }): Action => ({ kind: "mesh.send", peer: id, topic: undefined, bytes: undefined })),
    passing,
  ];
}

/** No rule of the egress policy allows it: an approval may. */
function unlisted(
  rooms: PassingRooms,
  action: EgressAction,
  { reason, rule }: Extract<Decision, { effect: "deny" }>,
): Governed {
  const found = ASKABLE.has(reason) ? rooms.grants.find(action) : undefined;
  if (typeof found === "object") {
    const governed = rooms.governor.preview(action);
    return governed.kind === "refused" ? governed : { ...governed, approval: governed.approval ?? found.id };
  }
  const standing = accessStanding(
    {
      egress: (request) => rooms.egressDecision(request),
      granted: () => undefined,
      preview: (asked) => rooms.governor.preview(asked),
    },
    action,
  );
  const askable = standing.kind === "askable";
  return refused(found === "expired" ? "approval_expired" : reason, rooms.egress().identity, rule, undefined, askable);
}

function previewCall(rooms: PassingRooms, action: InferenceAction): Governed {
  const models = rooms.models();
  if (models.state === "missing") return refused("policy_missing", undefined, undefined, NO_MODELS);
  if (!(rooms.time() < models.deniesFrom)) return refused("policy_expired", models.identity, undefined);
  const model = action.model === undefined ? undefined : models.model(action.model);
  const providers = [...new Set(model?.targets.map(({ provider }) => provider))].filter(
    (provider) => action.provider === undefined || provider === action.provider,
  );
  if (model === undefined || providers.length === 0) return refused("model_not_allowed", models.identity, undefined);
  // One that may be asked is enough.
  let first: Governed | undefined;
  for (const provider of providers) {
    const governed = rooms.governor.preview({ ...action, model: model.name, provider });
    if (governed.kind === "allowed") return governed;
    first ??= governed;
  }
  if (first === undefined) throw new Error("a model without targets");
  return first;
}

const INCOMPLETE = "Not all of the action is there: no policy of egress allows a part of it.";
const NO_MODELS = "No inference policy is loaded.";

function refused(
  reason: Reason,
  policy: PolicyIdentity | undefined,
  rule: string | undefined,
  message?: string,
  askable = false,
): Denial {
  return { kind: "refused", reason, policy, rule, message, retryAfter: undefined, askable };
}
