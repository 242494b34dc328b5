import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Agent } from "undici";
import { openAdmissionServer } from "../../../../controller/admission/admission-server.ts";
import { allow } from "../../../../controller/admission/answer.ts";
import { keepInSecret } from "../../../../controller/certificates/secret-keeper.ts";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { clientOf, post, reviewOf } from "../admission/webhook-client.ts";
import { bundles, KeptObjects, SECRET, withWebhooks } from "./kept-objects.ts";

const DAY = 24 * 60 * 60 * 1000;
/** An API server may follow the webhook configuration as late as this. */
const LAG = 120;
const OVERLAP = 300;

/** On a machine with neighbours a keeper's look may come late. */
async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, "it did not come to it within ten seconds");
    await delay(20);
  }
}

test("INV-CERT-OVERLAP: two replicas rotate leaf, CA and a deleted Secret under load: no review fails", async (t) => {
  const kube = withWebhooks(new KeptObjects());
  // TLS checks by the real clock: what is renewed is aged by the keepers' clock alone, within what is valid for both.
  let ahead = 0;
  const fresh: string[] = [];
  const replicas = await Promise.all(
    [0, 1].map(async () => {
      const server = await openAdmissionServer({
        port: 0,
        host: "127.0.0.1",
        webhooks: new Map([["/mutate", { name: "mutate", handle: () => allow() }]]),
        observe: () => {},
        fault: (thrown) => assert.fail(String(thrown)),
      });
      const keeper = keepInSecret({
        kube,
        clock: { wall: () => epochMillis(Date.now() + ahead), monotonic: () => performance.now() },
        events: {
          serve: (pair) => {
            server.serve(pair);
            fresh.push(pair.leaf.issuer);
          },
          event: () => {},
        },
        namespace: "sluice-system",
        service: "sluice-webhook",
        secret: "sluice-webhook",
        webhooks: { mutatingWebhook: "sluice-injector", validatingWebhook: "sluice-validator" },
        caLifetime: millis(365 * DAY),
        leafLifetime: millis(0.05 * DAY),
        overlap: millis(OVERLAP),
        interval: millis(20),
      });
      await keeper.look();
      return { server, keeper };
    }),
  );
  let running = true;
  t.after(async () => {
    running = false;
    for (const { server, keeper } of replicas) {
      await keeper[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    }
  });

  const body = JSON.stringify(reviewOf());
  const failures: unknown[] = [];
  let answered = 0;
  /** A client as an API server is one: the bundle as it was published `lag` ago, connections that are kept or not. */
  const apiServer = async (lag: number, keeps: boolean): Promise<void> => {
    const history: { readonly at: number; readonly ca: string }[] = [];
    let agent: Agent | undefined;
    let trusted = "";
    for (let turn = 0; running; turn++) {
      const now = performance.now();
      history.push({ at: now, ca: bundles(kube)["inject.sluice.dev"] ?? "" });
      while (history.length > 1 && (history[1]?.at ?? now) <= now - lag) history.shift();
      const ca = history[0]?.ca ?? "";
      if (agent === undefined || !keeps || ca !== trusted) {
        await agent?.close();
        agent = clientOf(ca, 1);
        trusted = ca;
      }
      try {
        const port = replicas[turn % replicas.length]?.server.port ?? 0;
        const answer = await post(agent, port, "/mutate", body);
        if (answer.status === 200) answered += 1;
        else failures.push(answer);
      } catch (thrown) {
        failures.push(thrown);
      }
      await delay(2);
    }
    await agent?.close();
  };
  const clients = [apiServer(0, true), apiServer(0, false), apiServer(LAG, true), apiServer(LAG, false)];

  await delay(150);
  const first = fresh.at(-1);
  // The Secret is deleted: another CA, and its leaf when the CA is known.
  kube.objects.delete(SECRET);
  await until(() => fresh.at(-1) !== first);
  await delay(OVERLAP + 250);
  // A leaf that nears its end.
  const leaves = fresh.length;
  ahead = 0.04 * DAY;
  await until(() => fresh.length >= leaves + 2);
  await delay(150);
  assert.equal(fresh.length, leaves + 2);
  ahead = 0;
  // Somebody empties it; one replica after the other meets it.
  kube.set(SECRET, { kind: "Secret", data: {} });
  await until(() => fresh.length >= leaves + 4);
  await delay(OVERLAP + 250);
  assert.equal(fresh.length, leaves + 4);
  running = false;
  await Promise.all(clients);
  assert.deepEqual(failures, []);
  assert.ok(answered > 200);
});
