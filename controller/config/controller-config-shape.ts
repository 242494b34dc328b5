import { json } from "../../router/core/approval/json-shape.ts";
import type { Json } from "../../router/core/json/json.ts";
import { type Millis, millis } from "../../router/core/base/quantity.ts";
import { listUpTo } from "../../router/core/document/bounded-list.ts";
import { boolean } from "../../router/core/document/boolean-shape.ts";
import { choice } from "../../router/core/document/choice-shape.ts";
import { API_VERSION, type DocumentKind, envelope } from "../../router/core/document/document-kind.ts";
import { entryOf } from "../../router/core/document/document-node.ts";
import { duration } from "../../router/core/document/duration-shape.ts";
import { defaulted, optional, required } from "../../router/core/document/field.ts";
import { integer } from "../../router/core/document/integer-shape.ts";
import { type Condition, object } from "../../router/core/document/object-shape.ts";
import { record } from "../../router/core/document/record-shape.ts";
import { refined } from "../../router/core/document/refined-shape.ts";
import { text } from "../../router/core/document/text-shape.ts";
import { network, serverAddress } from "../../router/core/config/config-shapes.ts";
import { checkRouterConfig } from "../../router/core/config/parse-router-config.ts";
import { CREDENTIALS_SECRET, ROUTER_ID } from "../pod/names.ts";
import type { CertificateConfig, ControllerConfig, InjectionConfig, Resources } from "./controller-config.ts";
import { refuseDecided, type RouterSettings, routerSpecOf } from "./router-settings.ts";

const label = text({
  code: "bad_name",
  maximum: 63,
  pattern: /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/,
  hint: "a name is made of a-z 0-9 - and begins and ends with a letter or a digit.",
});
const objectName = text({
  code: "bad_name",
  maximum: 253,
  pattern: /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/,
  hint: "a name is made of a-z 0-9 . - and begins and ends with a letter or a digit.",
});
const path = text({ maximum: 4096 });
const image = text({
  code: "bad_image",
  maximum: 512,
  pattern: /^[A-Za-z0-9][A-Za-z0-9._:/-]*(?:@sha256:[0-9a-f]{64})?$/,
  hint: "an image is needed, best by digest: name@sha256:...",
});
const quantity = text({
  code: "bad_quantity",
  maximum: 32,
  pattern: /^[0-9]+(?:\.[0-9]+)?(?:m|k|M|G|T|Ki|Mi|Gi|Ti)?$/,
  hint: "a Kubernetes quantity is needed: 50m, 128Mi.",
});
const port = integer({ minimum: 1, maximum: 65_535 });

/** A certificate's life outlasts what a timer can hold, so it is given in days. */
const days = refined(integer({ minimum: 1, maximum: 3_650 }), (count): Millis => millis(count * 86_400_000));

const amounts = record(label, quantity);
const resources = refined(
  object({
    requests: required(amounts, "What the scheduler sets aside."),
    limits: required(amounts, "What it may use."),
  }),
  ({ requests, limits }): Resources => ({
    requests: Object.fromEntries(requests),
    limits: Object.fromEntries(limits),
  }),
);

const tokenPath: Condition<{ path: string }> = {
  check({ path: at }, map, report) {
    if (at !== undefined && (/^\/|(?:^|\/)\.{1,2}(?:\/|$)|^kubernetes(?:\/|$)/.test(at) || at.length > 200)) {
      report.add(
        map,
        "bad_path",
        'A token\'s path is relative, has no "." or ".." part, and is not below kubernetes/.',
      );
    }
  },
};
const token = object(
  {
    path: required(path, "Below /run/secrets/sluice/."),
    audience: required(text({ maximum: 512 }), "Who alone accepts it: api://AzureADTokenExchange, sts.amazonaws.com."),
    expirationSeconds: defaulted(integer({ minimum: 600, maximum: 86_400 }), 3600, "The kubelet renews it at 80 %."),
  },
  tokenPath,
);

const injection = refined(
  object({
    routerImage: required(image, "Target router of Dockerfile.router."),
    guardImage: required(image, "Target guard of Dockerfile.router."),
    pullPolicy: defaulted(choice("Always", "IfNotPresent", "Never"), "IfNotPresent", "Of both images."),
    pullSecrets: defaulted(listUpTo(8, objectName, { mayBeEmpty: true }), [], "Added to spec.imagePullSecrets."),
    earlierImages: defaulted(
      listUpTo(16, image, { mayBeEmpty: true }),
      [],
      "Images of earlier releases: pods that run them may keep them, and pods made while replicas are replaced may have them.",
    ),
    agentUser: defaulted(integer({ minimum: 1, maximum: 65_533 }), 1000, "UID for containers that name none."),
    guard: defaulted(
      choice("required", "notEnforced"),
      "required",
      "notEnforced: the guard cannot be had on this platform, and every pod says so.",
    ),
    resources: defaulted(
      resources,
      { requests: { cpu: "50m", memory: "192Mi" }, limits: { cpu: "1", memory: "192Mi" } },
      "Of the router.",
    ),
    initResources: defaulted(
      resources,
      { requests: { cpu: "10m", memory: "128Mi" }, limits: { cpu: "500m", memory: "128Mi" } },
      "Of sluice-guard and sluice-prove.",
    ),
    seccomp: defaulted(
      object({
        mode: required(choice("localhost", "runtimeDefault"), "Ours, installed on each node, or the runtime's."),
        profiles: defaulted(
          record(choice("agent", "browser", "router"), path),
          {},
          "localhostProfile of each, as sluice seccomp names prints them.",
        ),
      }),
      { mode: "runtimeDefault" },
      "Which seccomp profile each container gets.",
    ),
    runtimeClasses: defaulted(
      listUpTo(16, objectName, { mayBeEmpty: true }),
      [],
      "Runtime classes in which the guard was shown to hold.",
    ),
    tokens: defaulted(listUpTo(8, token, { mayBeEmpty: true }), [], "Projected into the router alone."),
    apiAudience: optional(text({ maximum: 512 }), "Of the token for the API server; without it, its own."),
    scrapeAnnotations: defaulted(boolean, false, "prometheus.io/scrape and its kin on injected pods."),
    auditSize: defaulted(quantity, "1Gi", "The audit volume's limit."),
    stateSize: defaulted(quantity, "64Mi", "The state volume's limit."),
    resolverServers: defaulted(
      listUpTo(8, serverAddress, { mayBeEmpty: true }),
      [],
      "The cluster's DNS; without it the pod's resolv.conf, a file that the agent's containers may share.",
    ),
    drain: defaulted(duration({ zero: true }), "25s", "How long tunnels may go on after SIGTERM."),
  }),
  (given, node, report): InjectionConfig | undefined => {
    const { seccomp, agentUser, ...rest } = given;
    if (agentUser === ROUTER_ID) {
      report.add(node, "user_router", `The agent's user must not be the router's, ${ROUTER_ID}.`);
      return undefined;
    }
    if (seccomp.mode === "runtimeDefault") return { ...rest, agentUser, seccomp: { mode: seccomp.mode } };
    const missing = (["agent", "router"] as const).filter((name) => !seccomp.profiles.has(name));
    if (missing.length > 0) {
      report.add(node, "profile_missing", `seccomp.profiles must name ${missing.join(" and ")}.`);
      return undefined;
    }
    return { ...rest, agentUser, seccomp: { mode: "localhost", profiles: Object.fromEntries(seccomp.profiles) } };
  },
);

const certificates = refined(
  object({
    mode: defaulted(choice("auto", "certManager", "provided"), "auto", "Who makes the webhook's certificate."),
    secret: defaulted(objectName, "sluice-webhook-tls", "auto: where CA and leaf are kept."),
    caDays: defaulted(days, 365, "auto: life of the CA."),
    leafDays: defaulted(days, 30, "auto: life of the leaf; it is renewed after two thirds of it."),
    directory: defaulted(path, "/etc/sluice/webhook-tls", "Otherwise: where tls.crt, tls.key and ca.crt are mounted."),
    caBundle: defaulted(choice("repair", "leave"), "repair", "leave: cert-manager's cainjector writes the caBundle."),
  }),
  (
    { mode, secret, caDays: caLifetime, leafDays: leafLifetime, directory, caBundle },
    node,
    report,
  ): CertificateConfig | undefined => {
    if (mode !== "auto") return { mode, directory, caBundle };
    if (caLifetime < 2 * leafLifetime) {
      report.add(node, "lifetime", "The CA must live at least twice as long as the leaf, or they cannot overlap.");
      return undefined;
    }
    return { mode, secret, caLifetime, leafLifetime };
  },
);

/** Only whole objects here; what stands in it is checked together with the injector's settings: `routerIsWhole`. */
const routerSpec = refined(
  json({ type: "object" }),
  (spec, node, report): Readonly<Record<string, Json>> | undefined => {
    if (isJsonObject(spec)) return spec;
    report.add(node, "wrong_type", "The spec of a RouterConfig is needed here.");
    return undefined;
  },
);

/** The document that the sidecar will read is checked by its own reader, and says nothing that the injector decides. */
const routerIsWhole: Condition<RouterSettings> = {
  check({ router, injection: settings }, map, report) {
    if (router === undefined || settings === undefined) return;
    const node = entryOf(map, "router")?.value;
    if (node?.kind === "map") refuseDecided(node, report);
    const spec = routerSpecOf({ router, injection: settings });
    const problems = checkRouterConfig("router", JSON.stringify(routerConfigDocument(spec)));
    for (const { code, message } of problems.slice(0, 8))
      report.add(node ?? map, code, `In the RouterConfig: ${message}`);
  },
};

function isJsonObject(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The document that goes into each enforced namespace; the identity comes from the pod. */
export function routerConfigDocument(spec: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return { apiVersion: API_VERSION, kind: "RouterConfig", spec };
}

const spec = object(
  {
    namespace: required(label, "The controller's own namespace; never injected."),
    service: defaulted(label, "sluice-controller", "The Service in front of the webhooks."),
    mutatingWebhook: defaulted(objectName, "sluice-injector", "The MutatingWebhookConfiguration."),
    validatingWebhook: defaulted(objectName, "sluice-validator", "The ValidatingWebhookConfiguration."),
    listen: defaulted(
      object({
        webhookPort: defaulted(port, 9443, "HTTPS, for the API server."),
        adminPort: defaulted(port, 18_090, "Probes and metrics."),
      }),
      {},
      "Ports.",
    ),
    certificates: defaulted(certificates, {}, "Of the webhooks."),
    exemptNamespaces: defaulted(
      listUpTo(64, label, { mayBeEmpty: true }),
      ["kube-system", "kube-public", "kube-node-lease"],
      "Never injected, whatever they are labelled.",
    ),
    injection: required(injection, "What is made of a pod."),
    router: defaulted(
      routerSpec,
      {},
      "The spec of the RouterConfig in each enforced namespace; what the injector decides is refused in it.",
    ),
    trustDirectory: defaulted(path, "/etc/sluice/trust", "The trust that goes into each enforced namespace."),
    approvals: defaulted(
      object({
        maximumPerNamespace: defaulted(integer({ minimum: 1, maximum: 10_000 }), 500, "EgressApprovals at one time."),
        pending: defaulted(duration(), "24h", "Nobody answered for so long: over."),
        keep: defaulted(duration(), "7d", "What has ended is deleted after so long."),
      }),
      {},
      "Of EgressApprovals.",
    ),
    networkPolicy: defaulted(
      object({
        enabled: defaulted(boolean, true, "A NetworkPolicy for the pods of each policy."),
        monitoringNamespaces: defaulted(
          listUpTo(16, label, { mayBeEmpty: true }),
          [],
          "Which namespaces may reach the router's metrics; empty: all.",
        ),
        ingress: defaulted(choice("allow", "deny"), "allow", "Whether the agent can be reached from outside its pod."),
        egressCidrs: defaulted(listUpTo(256, network, { mayBeEmpty: true }), [], "Where pods may send at all."),
      }),
      {},
      "The second layer.",
    ),
    log: defaulted(
      object({
        level: defaulted(choice("debug", "info", "warn", "error", "silent"), "info", "The least that is logged."),
      }),
      {},
      "The log.",
    ),
  },
  routerIsWhole,
);

export const controllerConfig: DocumentKind<ControllerConfig> = {
  kind: "ControllerConfig",
  description: `Static settings of the controller: /etc/sluice/controller.yaml. Credentials are in the Secret ${CREDENTIALS_SECRET}.`,
  shape: refined(
    object({ ...envelope("ControllerConfig"), spec: required(spec, "The settings.") }),
    (document): ControllerConfig => document.spec,
  ),
};
