import assert from "node:assert/strict";
import { test } from "node:test";
import { openControllerMetrics } from "../../../../controller/admin/controller-metrics.ts";
import { controllerRooms } from "../../../../controller/admin/controller-rooms.ts";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import { answerAdmin } from "../../../../router/edge/admin/admin-routes.ts";

const metrics = () =>
  openControllerMetrics({
    version: "1.2.3",
    certificateEnd: () => epochMillis(1_800_000_000_000),
    injectedPods: () => new Map([["guard", 7]]),
    uninjectedPods: () => 2,
  });

test("the families are there under the names that dashboards and alerts use", async () => {
  const opened = metrics();
  opened.admission({ webhook: "mutate", outcome: "patched", code: 200, seconds: 0.004 });
  opened.reconciled("EgressApproval", "updated");
  const { contentType, body } = await opened.render();
  assert.match(contentType, /^text\/plain; version=0\.0\.4/);
  for (const line of [
    'sluice_admission_requests_total{webhook="mutate",outcome="patched",code="200"} 1',
    'sluice_admission_seconds_bucket{le="0.005",webhook="mutate"} 1',
    'sluice_reconciles_total{kind="EgressApproval",outcome="updated"} 1',
    "sluice_webhook_certificate_expires_timestamp_seconds 1800000000",
    'sluice_injected_pods{enforcement="guard"} 7',
    'sluice_uninjected_pods{scope="enforced"} 2',
    `sluice_build_info{version="1.2.3",node="${process.version}"} 1`,
  ])
    assert.ok(body.includes(`${line}\n`), line);
});

test("ready while the certificate and everything else is; alive anyway", async () => {
  let reason = "";
  const rooms = controllerRooms({
    metrics: metrics(),
    certificate: {
      served: () => undefined,
      condition: () => ({ state: reason === "" ? "ok" : "failed", reason }),
    },
    conditions: () => [{ name: "watches", state: "degraded", reason: "slow" }],
  });
  assert.equal((await answerAdmin(rooms, "GET", "/readyz")).status, 200);
  reason = "There is no certificate to serve yet.";
  const failed = await answerAdmin(rooms, "GET", "/readyz");
  assert.equal(failed.status, 503);
  assert.match(failed.body, /^\[-\]certificate failed: There is no certificate to serve yet\.$/m);
  assert.equal((await answerAdmin(rooms, "GET", "/livez")).status, 200);
  const { body } = await answerAdmin(rooms, "GET", "/status");
  assert.deepEqual((JSON.parse(body) as { certificate: unknown }).certificate, null);
});
