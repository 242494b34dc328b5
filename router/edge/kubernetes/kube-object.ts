import { isRecord } from "./is-record.ts";

/** `metadata` as far as it was checked; the rest is as the server sent it. */
export interface KubeMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly [member: string]: unknown;
}

/** Any object of an API server. What was not checked is `unknown`. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: KubeMetadata;
  readonly [member: string]: unknown;
}

const MOST_NAME = 253;

/** Undefined: it is no object with a name. */
export function kubeObject(value: unknown): KubeObject | undefined {
  if (!isRecord(value)) return undefined;
  const { metadata } = value;
  if (!isRecord(metadata)) return undefined;
  const { name, namespace, uid, resourceVersion } = metadata;
  if (typeof name !== "string" || name === "" || name.length > MOST_NAME) return undefined;
  if (![namespace, uid, resourceVersion, value["apiVersion"], value["kind"]].every(isShortText)) return undefined;
  return value as KubeObject;
}

/** One name for each object of a collection at a time. */
export function objectKey({ metadata: { name, namespace } }: KubeObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function isShortText(value: unknown): boolean {
  return value === undefined || (typeof value === "string" && value.length <= MOST_NAME);
}
