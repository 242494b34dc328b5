import { systemClock } from "../../router/app/clock.ts";
import { createKubeClient, type KubeClient, type KubeRequest } from "../../router/edge/kubernetes/kube-client.ts";
import { statusMessage } from "../../router/edge/kubernetes/kube-status.ts";
import type { Cluster, ClusterUser } from "../../test/cluster/cluster.ts";

/** A person's requests over connections that are kept, so that no handshake is a part of what is measured. */
export function clientFor(cluster: Cluster, { credential }: ClusterUser): KubeClient {
  const made = createKubeClient(
    {
      url: cluster.url,
      ca: { text: cluster.caPem },
      credential: {
        kind: "certificate",
        certificate: { text: credential.certificatePem },
        key: { text: credential.keyPem },
      },
    },
    { clock: systemClock, random: Math.random },
  );
  if (!made.ok) throw new Error(made.problem);
  return made.value;
}

/** What is answered with 2xx; throws for all else. */
export async function done(
  client: KubeClient,
  method: "GET" | "POST" | "PATCH" | "DELETE",
  path: string,
  body?: object,
  options: KubeRequest = {},
): Promise<unknown> {
  const given = method === "PATCH" ? { contentType: "application/merge-patch+json" } : {};
  const answer = await client.request(method, path, { ...given, ...options, ...(body === undefined ? {} : { body }) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.problem.message}`);
  const { status } = answer.value;
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${statusMessage(answer.value.body).message}`);
  return answer.value.body;
}
