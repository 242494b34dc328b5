import type { AdminRooms, Condition } from "../../router/edge/admin/admin-routes.ts";
import type { KeptCertificate } from "../certificates/kept-certificate.ts";
import type { ControllerMetrics } from "./controller-metrics.ts";

export interface RoomSources {
  readonly metrics: Pick<ControllerMetrics, "render">;
  readonly certificate: Pick<KeptCertificate, "served" | "condition">;
  /** Of what else readiness hangs on: watches, reconcilers, draining. */
  readonly conditions: () => readonly Condition[];
}

/** What the controller's admin listener shows: `openAdminServer` of router/edge/admin answers. */
export function controllerRooms({ metrics, certificate, conditions }: RoomSources): AdminRooms {
  const all = (): readonly Condition[] => [{ name: "certificate", ...certificate.condition() }, ...conditions()];
  return {
    conditions: all,
    status: () => {
      const pair = certificate.served();
      return {
        conditions: all(),
        certificate:
          pair === undefined
            ? null
            : {
                names: pair.leaf.subjectAltName ?? "",
                fingerprint: pair.leaf.fingerprint256,
                notBefore: new Date(pair.notBefore).toISOString(),
                notAfter: new Date(pair.notAfter).toISOString(),
              },
      };
    },
    metrics: () => metrics.render(),
    // The controller enforces nothing itself that could be attested.
    attestation: () => undefined,
  };
}
