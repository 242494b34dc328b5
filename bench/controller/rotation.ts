import { setTimeout as delay } from "node:timers/promises";
import type { Agent } from "undici";
import { openAdmissionServer } from "../../controller/admission/admission-server.ts";
import { admissionWebhooks } from "../../controller/admission/handlers.ts";
import { keepInSecret } from "../../controller/certificates/secret-keeper.ts";
import { epochMillis, millis } from "../../router/core/base/quantity.ts";
import { agentPod, injectionConfig } from "../../test/fakes/agent-pod.ts";
import { clientOf, post, reviewOf } from "../../test/unit/controller/admission/webhook-client.ts";
import { bundles, KeptObjects, SECRET, withWebhooks } from "../../test/unit/controller/certificates/kept-objects.ts";

export interface Rotations {
  readonly answered: number;
  readonly failed: number;
  readonly rotations: number;
}

/** Two replicas and one Secret, which is deleted again and again; clients trust what was published 100 ms ago. */
export async function rotateUnderLoad(milliseconds: number): Promise<Rotations> {
  const kube = withWebhooks(new KeptObjects());
  const issuers = new Set<string>();
  const replicas = await Promise.all(
    [0, 1].map(async () => {
      const server = await openAdmissionServer({
        port: 0,
        host: "127.0.0.1",
        webhooks: admissionWebhooks({ namespace: "sluice-system", exemptNamespaces: [], injection: injectionConfig() }),
        observe: () => {},
        fault: () => {},
      });
      const keeper = keepInSecret({
        kube,
        clock: { wall: () => epochMillis(Date.now()), monotonic: () => performance.now() },
        events: {
          serve: (pair) => {
            server.serve(pair);
            issuers.add(pair.leaf.issuer);
          },
          event: () => {},
        },
        namespace: "sluice-system",
        service: "sluice-webhook",
        secret: "sluice-webhook",
        webhooks: { mutatingWebhook: "sluice-injector", validatingWebhook: "sluice-validator" },
        caLifetime: millis(86_400_000),
        leafLifetime: millis(3_600_000),
        overlap: millis(300),
        interval: millis(20),
      });
      await keeper.look();
      return { server, keeper };
    }),
  );
  const body = JSON.stringify(reviewOf({ object: agentPod() }));
  const published: { readonly at: number; readonly ca: string }[] = [];
  let answered = 0;
  let failed = 0;
  const end = performance.now() + milliseconds;
  const client = async (keeps: boolean): Promise<void> => {
    let trusted = "";
    let agent: Agent | undefined;
    for (let turn = 0; performance.now() < end; turn++) {
      published.push({ at: performance.now(), ca: bundles(kube)["inject.sluice.dev"] ?? "" });
      while ((published[1]?.at ?? Infinity) < performance.now() - 100) published.shift();
      const ca = published[0]?.ca ?? "";
      if (agent === undefined || !keeps || ca !== trusted) {
        await agent?.close();
        agent = clientOf(ca, 1);
        trusted = ca;
      }
      const asked = await post(agent, replicas[turn % 2]?.server.port ?? 0, "/mutate", body).catch(() => undefined);
      if (asked?.status === 200) answered += 1;
      else failed += 1;
      await delay(5);
    }
    await agent?.close();
  };
  const deletions = setInterval(() => kube.objects.delete(SECRET), 900);
  await Promise.all([client(true), client(false), client(true), client(false)]);
  clearInterval(deletions);
  for (const { server, keeper } of replicas) {
    await keeper[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  }
  return { answered, failed, rotations: issuers.size - 1 };
}
