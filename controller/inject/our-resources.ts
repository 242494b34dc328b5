import type { Resources } from "../config/controller-config.ts";
import { RESERVED_PREFIX } from "../pod/names.ts";
import type { Container, JsonObject, PodObject } from "../pod/pod.ts";
import { isObject } from "../pod/shape-check.ts";
import { canonicalQuantity } from "./quantity.ts";

/**
 * `resources` of one of our containers, as the API server stores it: canonical quantities, a request for each limit,
 * no empty lists. With `guaranteed`, requests are raised to the limits, so that the pod keeps its QoS class.
 */
export function ourResources(given: Resources, guaranteed: boolean): JsonObject {
  const limits = canonical(given.limits);
  const asked = canonical(given.requests);
  const requests = guaranteed ? { ...asked, ...limits } : { ...limits, ...asked };
  return {
    ...(Object.keys(limits).length > 0 && { limits }),
    ...(Object.keys(requests).length > 0 && { requests }),
  };
}

/**
 * Whether the pod without us is of QoS class Guaranteed: every container limits CPU and memory and requests as much.
 * A pod with resources of its own has its class from them, whatever we ask for. What a LimitRange fills in is there before
 * any webhook is asked, so injector and judge see the same.
 */
export function isGuaranteed(pod: PodObject): boolean {
  if (pod.spec["resources"] !== undefined) return false;
  const others = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].filter(
    ({ name }) => !name.startsWith(RESERVED_PREFIX),
  );
  return others.every(asksForItsLimits);
}

function asksForItsLimits({ resources }: Container): boolean {
  if (!isObject(resources)) return false;
  const { limits, requests } = resources;
  if (!isObject(limits)) return false;
  return ["cpu", "memory"].every((name) => {
    const limit = limits[name];
    const request = isObject(requests) ? (requests[name] ?? limit) : limit;
    const most = amount(limit);
    return most !== undefined && (request === limit || amount(request) === most);
  });
}

function amount(quantity: unknown): string | undefined {
  if (typeof quantity === "number") return canonicalQuantity(String(quantity));
  return typeof quantity === "string" ? canonicalQuantity(quantity) : undefined;
}

/** Of the settings, which never change: without it, a third of the time that judging a usual pod takes is spent here. */
const KNOWN = new WeakMap<Amounts, Amounts>();

type Amounts = Readonly<Record<string, string>>;

function canonical(amounts: Amounts): Amounts {
  const known = KNOWN.get(amounts);
  if (known !== undefined) return known;
  const made = Object.fromEntries(
    Object.entries(amounts).map(([name, quantity]) => [name, canonicalQuantity(quantity)]),
  );
  KNOWN.set(amounts, made);
  return made;
}
