import type { KubeRequests } from "../../../../controller/certificates/kube-requests.ts";
import { fail, ok } from "../../../../router/core/base/result.ts";

interface KubeObject {
  metadata: { name: string; resourceVersion: string };
  [member: string]: unknown;
}

/**
 * A store of objects by path with resource versions, as the API server keeps them: PUT and JSON patches hold only for the
 * version they name. Everything else is a fault of the caller and throws.
 */
export class KeptObjects implements KubeRequests {
  readonly objects = new Map<string, KubeObject>();
  readonly requests: string[] = [];
  /** Answered instead, while it is set. */
  outage: number | "unreachable" | undefined;
  /** Called before each write; may write itself. */
  beforeWrite: (() => void) | undefined;
  #version = 1;

  set(path: string, object: object): void {
    const name = path.split("/").at(-1) ?? "";
    this.#version += 1;
    const given = structuredClone(object) as KubeObject;
    this.objects.set(path, { ...given, metadata: { ...given.metadata, name, resourceVersion: String(this.#version) } });
  }

  async request(
    method: "GET" | "POST" | "PUT" | "PATCH",
    path: string,
    options: { readonly body?: object; readonly contentType?: string } = {},
  ): ReturnType<KubeRequests["request"]> {
    this.requests.push(`${method} ${path}`);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    if (this.outage === "unreachable") return fail({ message: "The API server cannot be reached." });
    if (this.outage !== undefined) return ok({ status: this.outage, body: {} });
    const body = structuredClone(options.body);
    if (method !== "GET") {
      const before = this.beforeWrite;
      this.beforeWrite = undefined;
      before?.();
    }
    const at = method === "POST" ? `${path}/${(body as KubeObject).metadata.name}` : path;
    const stored = this.objects.get(at);
    switch (method) {
      case "GET":
        return stored === undefined ? this.#status(404) : ok({ status: 200, body: structuredClone(stored) });
      case "POST":
        if (stored !== undefined) return this.#status(409);
        this.set(at, body ?? {});
        return ok({ status: 201, body: structuredClone(this.objects.get(at)) });
      case "PUT":
        if (stored === undefined) return this.#status(404);
        if ((body as KubeObject).metadata.resourceVersion !== stored.metadata.resourceVersion) return this.#status(409);
        this.set(at, body ?? {});
        return ok({ status: 200, body: structuredClone(this.objects.get(at)) });
      case "PATCH": {
        if (stored === undefined) return this.#status(404);
        const patched = structuredClone(stored);
        for (const operation of body as unknown as { op: string; path: string; value: unknown }[]) {
          const steps = operation.path.slice(1).split("/");
          const last = steps.pop() ?? "";
          const parent = steps.reduce<Record<string, unknown>>(
            (value, step) => value[step] as Record<string, unknown>,
            patched,
          );
          if (operation.op === "test") {
            if (parent[last] !== operation.value) return this.#status(422);
          } else parent[last] = operation.value;
        }
        this.set(at, patched);
        return ok({ status: 200, body: structuredClone(this.objects.get(at)) });
      }
      default:
        return method satisfies never;
    }
  }

  #status(status: number) {
    return ok({ status, body: { kind: "Status", code: status } });
  }
}

export const SECRET = "/api/v1/namespaces/sluice-system/secrets/sluice-webhook";
const API = "/apis/admissionregistration.k8s.io/v1";
export const MUTATING = `${API}/mutatingwebhookconfigurations/sluice-injector`;
export const VALIDATING = `${API}/validatingwebhookconfigurations/sluice-validator`;

/** Both webhook configurations as the chart makes them, with an entry of somebody else's among ours. */
export function withWebhooks(kube: KeptObjects): KeptObjects {
  const entry = (name: string, caBundle?: string): object => ({
    name,
    clientConfig: { service: { name: "sluice-webhook", namespace: "sluice-system" }, ...(caBundle && { caBundle }) },
  });
  kube.set(MUTATING, {
    webhooks: [entry("inject.sluice.dev"), entry("other.example", "b3RoZXI="), entry("stamp.sluice.dev")],
  });
  kube.set(VALIDATING, { webhooks: [entry("validate.sluice.dev")] });
  return kube;
}

export function bundles(kube: KeptObjects): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const path of [MUTATING, VALIDATING]) {
    const list = (kube.objects.get(path)?.["webhooks"] ?? []) as {
      name: string;
      clientConfig: { caBundle?: string };
    }[];
    for (const { name, clientConfig } of list)
      found[name] = Buffer.from(clientConfig.caBundle ?? "", "base64").toString();
  }
  return found;
}
