import { randomInt } from "node:crypto";
import type { LabelNode } from "../controller/seccomp/keep-installed.ts";
import { LABEL } from "../controller/pod/names.ts";
import { systemClock } from "../router/app/clock.ts";
import { fail, ok } from "../router/core/base/result.ts";
import { createKubeClient } from "../router/edge/kubernetes/kube-client.ts";
import { statusMessage } from "../router/edge/kubernetes/kube-status.ts";
import { podEnvironment } from "./in-cluster.ts";

/** Sets the label of the node that NODE_NAME names; undefined where that is not said, so nobody labels it. */
export function nodeLabel(): LabelNode | undefined {
  const pod = podEnvironment();
  const { node } = pod;
  if (node === undefined || node === "") return undefined;
  const endpoint = pod.endpoint();
  if (!endpoint.ok) return async () => fail(endpoint.problem);
  const client = createKubeClient(endpoint.value, {
    clock: systemClock,
    random: () => randomInt(2 ** 32) / 2 ** 32,
    userAgent: "sluice-seccomp",
  });
  if (!client.ok) return async () => fail(client.problem);
  return async (value) => {
    const answer = await client.value.request("PATCH", `/api/v1/nodes/${encodeURIComponent(node)}`, {
      body: { metadata: { labels: { [LABEL.seccomp]: value ?? null } } },
      contentType: "application/merge-patch+json",
      retry: true,
    });
    if (!answer.ok) return fail(answer.problem.message);
    return answer.value.status === 200 ? ok(undefined) : fail(statusMessage(answer.value.body).message);
  };
}
