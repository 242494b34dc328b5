import { type KubeObject, objectKey } from "../../router/edge/kubernetes/kube-object.ts";
import { type WatchCondition, watchResource } from "../../router/edge/kubernetes/watch-resource.ts";
import type { ReconcileRooms } from "./reconcile-rooms.ts";

export interface FollowedOptions<T> {
  /** For people. */
  readonly name: string;
  readonly path: string;
  readonly labelSelector?: string;
  readonly project: (object: KubeObject) => T;
  /** Each change, with what was there before. During a list the whole set is there already. */
  readonly changed: (now: T | undefined, before: T | undefined) => void;
}

/** The objects of a collection as they were last seen, by `namespace/name` (or `name`). */
export interface Followed<T> {
  readonly name: string;
  get(key: string): T | undefined;
  values(): Iterable<T>;
  /** A complete set was there once: only then is what is missing known to be missing. */
  readonly isKnown: boolean;
  condition(): WatchCondition;
  close(): Promise<void>;
}

const MOST_OBJECTS = 50_000;

export function followCollection<T>(
  { client, clock, random, watchTimes }: Pick<ReconcileRooms, "client" | "clock" | "random" | "watchTimes">,
  { name, path, labelSelector, project, changed }: FollowedOptions<T>,
): Followed<T> {
  interface Entry {
    readonly key: string;
    readonly kept: T;
  }
  let known = new Map<string, T>();
  let isKnown = false;
  const watch = watchResource<Entry>({
    client,
    clock,
    random,
    path,
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(watchTimes === undefined ? {} : { times: watchTimes }),
    maximumObjects: MOST_OBJECTS,
    project: (object) => ({ key: objectKey(object), kept: project(object) }),
    synced(objects) {
      const before = known;
      known = new Map(objects.map(({ key, kept }) => [key, kept]));
      isKnown = true;
      for (const [key, kept] of known) changed(kept, before.get(key));
      for (const [key, kept] of before) if (!known.has(key)) changed(undefined, kept);
    },
    changed(type, { key, kept }) {
      const before = known.get(key);
      if (type === "DELETED") known.delete(key);
      else known.set(key, kept);
      changed(type === "DELETED" ? undefined : kept, before);
    },
  });
  return {
    name,
    get: (key) => known.get(key),
    values: () => known.values(),
    get isKnown() {
      return isKnown;
    },
    condition: () => watch.condition(),
    close: async () => watch.close(),
  };
}
