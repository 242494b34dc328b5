import type { Result } from "../router/core/base/result.ts";
import { inCluster, type KubeEndpoint } from "../router/edge/kubernetes/kube-endpoint.ts";

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** What a pod is told of itself by its environment. */
export interface PodEnvironment {
  readonly node: string | undefined;
  readonly pod: string | undefined;
  /** The API server, and this pod's own service account there. */
  endpoint(): Result<KubeEndpoint, string>;
}

export function podEnvironment(): PodEnvironment {
  const { NODE_NAME, POD_NAME, KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT } = process.env;
  return {
    node: NODE_NAME,
    pod: POD_NAME,
    endpoint: () =>
      inCluster({
        host: KUBERNETES_SERVICE_HOST ?? "",
        port: KUBERNETES_SERVICE_PORT ?? "",
        tokenFile: `${ACCOUNT}/token`,
        caFile: `${ACCOUNT}/ca.crt`,
      }),
  };
}
