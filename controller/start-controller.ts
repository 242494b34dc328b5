import type { Clock } from "../router/core/base/clock.ts";
import { millis, portOf } from "../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { parseIpAddress } from "../router/core/wire/ip-address.ts";
import type { Condition } from "../router/edge/admin/admin-routes.ts";
import { openAdminServer } from "../router/edge/admin/admin-server.ts";
import { createKubeClient } from "../router/edge/kubernetes/kube-client.ts";
import { isRecord } from "../router/edge/kubernetes/is-record.ts";
import type { KubeEndpoint } from "../router/edge/kubernetes/kube-endpoint.ts";
import type { Log } from "../router/edge/log/log.ts";
import { openControllerMetrics } from "./admin/controller-metrics.ts";
import { controllerRooms } from "./admin/controller-rooms.ts";
import { openAdmissionServer } from "./admission/admission-server.ts";
import { admissionWebhooks } from "./admission/handlers.ts";
import { keepFromDirectory } from "./certificates/directory-keeper.ts";
import type { KeeperEvents, KeptCertificate } from "./certificates/kept-certificate.ts";
import { keepInSecret } from "./certificates/secret-keeper.ts";
import type { KubeRequests } from "./certificates/kube-requests.ts";
import type { ControllerConfig } from "./config/controller-config.ts";
import { openReconciler } from "./reconcile/open-reconciler.ts";

export interface ControllerOptions {
  readonly config: ControllerConfig;
  readonly endpoint: KubeEndpoint;
  readonly version: string;
  /** Of this replica: the pod's name. */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

export interface RunningController {
  readonly webhookPort: number;
  /** `address:port` each. */
  readonly admin: readonly string[];
  /** Not ready at once; answers go on until the API server has heard of it. */
  stop(): Promise<void>;
}

/** A new CA stands in the bundles for so long before a leaf of it is served: API servers learn of it within seconds. */
const OVERLAP = millis(5 * 60_000);
const LOOK = millis(10_000);
/** Endpoints take a while to lose a replica that ends. */
const LINGER_MILLIS = 5_000;
const ANY = ["0.0.0.0", "::"] as const;

/** Admission on every replica, reconciling on the one that leads. A problem is a port that cannot be bound. */
export async function startController(options: ControllerOptions): Promise<Result<RunningController, string>> {
  const { endpoint, clock, random, log } = options;
  const config = withServer(options.config, endpoint.url);
  const adminPort = portOf(config.listen.adminPort);
  if (adminPort === undefined) throw new Error("the port was checked");
  const created = createKubeClient(endpoint, {
    clock,
    random,
    connections: 32,
    userAgent: "sluice-controller",
  });
  if (!created.ok) return fail(created.problem);
  const client = created.value;
  let draining = false;

  const metrics = openControllerMetrics({
    version: options.version,
    certificateEnd: () => certificate.served()?.notAfter,
    injectedPods: () => reconciler.injectedPods(),
    uninjectedPods: () => reconciler.uninjectedPods(),
  });
  const fault = (thrown: unknown, webhook: string): void =>
    log.event("error", "a bug refused a request", { webhook, error: String(thrown) });
  const admission = await bound(() =>
    openAdmissionServer({
      port: config.listen.webhookPort,
      webhooks: admissionWebhooks(config),
      observe: (observation) => metrics.admission(observation),
      fault,
    }),
  );
  if (!admission.ok) return fail(admission.problem);
  const certificate = keepCertificate(config, client, clock, {
    serve: (pair) => admission.value.serve(pair),
    event: (level, event, facts) => log.event(level, event, facts),
  });
  const reconciler = openReconciler({
    ...options,
    config,
    client,
    ca: endpoint.ca,
    reconciled: (kind, outcome) => metrics.reconciled(kind, outcome),
  });
  const conditions = (): readonly Condition[] => [
    ...(draining ? [{ name: "draining", state: "failed", reason: "The controller is about to end." } as const] : []),
    ...reconciler.conditions(),
  ];
  const admin = await bound(() =>
    openAdminServer(
      {
        addresses: ANY.map((text) => parseIpAddress(text)).filter((address) => address !== undefined),
        port: adminPort,
      },
      controllerRooms({ metrics, certificate, conditions }),
      (thrown) => fault(thrown, "admin"),
    ),
  );

  const close = async (): Promise<void> => {
    await reconciler.close();
    await certificate[Symbol.asyncDispose]();
    await admission.value[Symbol.asyncDispose]();
    client.close();
  };
  if (!admin.ok) {
    await close();
    return fail(admin.problem);
  }
  log.event("info", "controller started", { version: options.version, webhooks: admission.value.port });
  return ok({
    webhookPort: admission.value.port,
    admin: admin.value.bound,
    async stop() {
      draining = true;
      await new Promise((resolve) => setTimeout(resolve, LINGER_MILLIS));
      await close();
      await admin.value[Symbol.asyncDispose]();
      log.event("info", "controller stopped");
    },
  });
}

/**
 * Routers are told where the API server is: by the environment a Service named `kubernetes` in their own namespace could tell
 * them otherwise.
 */
function withServer(config: ControllerConfig, server: string): ControllerConfig {
  const given = config.router["kubernetes"];
  const kubernetes = { server, ...(isRecord(given) ? given : {}) };
  return { ...config, router: { ...config.router, kubernetes } };
}

async function bound<Server>(open: () => Promise<Server>): Promise<Result<Server, string>> {
  try {
    return ok(await open());
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function keepCertificate(
  config: ControllerConfig,
  kube: KubeRequests,
  clock: Clock,
  events: KeeperEvents,
): KeptCertificate {
  const { namespace, service, certificates } = config;
  const webhooks = { mutatingWebhook: config.mutatingWebhook, validatingWebhook: config.validatingWebhook };
  const shared = {
    clock: { wall: () => clock.now(), monotonic: () => clock.monotonic() },
    events,
    namespace,
    service,
    overlap: OVERLAP,
    interval: LOOK,
  };
  if (certificates.mode === "auto") return keepInSecret({ ...shared, ...certificates, kube, webhooks });
  const bundles = certificates.caBundle === "repair" ? { kube, webhooks } : undefined;
  return keepFromDirectory({ ...shared, bundles, directory: certificates.directory });
}
