import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { JsonObject, PodObject, Volume } from "../../controller/pod/pod.ts";
import type { BundleMount } from "./oci.ts";
import { asObject, asText, list, onlyKnown } from "./pod-lab-json.ts";
import { fieldOf } from "./pod-lab-fields.ts";

/** What the pod's volumes come from: the objects of its namespace, by name and key. */
export interface ClusterObjects {
  readonly configMaps: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly secrets: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

interface File {
  readonly path: string;
  readonly text: string;
}

/** A pod's volumes as directories of the host, as a kubelet lays them out. */
export class PodVolumes implements Disposable {
  readonly #root = mkdtempSync(join(tmpdir(), "sluice-pod-"));
  readonly #inMemory: string[] = [];
  readonly #readOnly = new Set<string>();

  constructor(pod: PodObject, objects: ClusterObjects) {
    try {
      for (const volume of pod.spec.volumes ?? []) this.#make(volume, pod, objects);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The directory of one. */
  path(name: string): string {
    const path = join(this.#root, name);
    if (!existsSync(path)) throw new Error(`there is no volume ${name}`);
    return path;
  }

  /** A file that belongs to the pod and to none of its volumes. */
  file(name: string, text: string): string {
    const path = join(this.#root, `.${name}`);
    writeFileSync(path, text, { mode: 0o644 });
    return path;
  }

  mounts(volumeMounts: unknown): readonly BundleMount[] {
    return list(volumeMounts).map((each): BundleMount => {
      const mount = asObject(each);
      onlyKnown("volumeMount", mount, ["name", "mountPath", "readOnly", "subPath"]);
      const name = asText(mount["name"]);
      const { subPath } = mount;
      // The kubelet resolves a subPath once, to the file that it names at that moment.
      const from = subPath === undefined ? this.path(name) : realpathSync(join(this.path(name), asText(subPath)));
      return { at: asText(mount["mountPath"]), from, write: mount["readOnly"] !== true && !this.#readOnly.has(name) };
    });
  }

  #make(volume: Volume, pod: PodObject, objects: ClusterObjects): void {
    const { name, ...sources } = volume;
    const [[kind, source] = ["nothing", {}], ...rest] = Object.entries(sources);
    if (rest.length > 0) throw new Error(`volume ${name} has two sources`);
    const given = asObject(source);
    if (kind === "emptyDir") {
      this.#emptyDir(name, given);
      return;
    }
    this.#readOnly.add(name);
    const mode = typeof given["defaultMode"] === "number" ? given["defaultMode"] : 0o644;
    this.#written(name, kind === "projected" ? projected(given, pod, objects) : files(kind, given, pod, objects), mode);
  }

  #emptyDir(name: string, { medium, sizeLimit, ...rest }: JsonObject): void {
    onlyKnown("emptyDir", rest, []);
    const path = join(this.#root, name);
    mkdirSync(path);
    if (medium === "Memory") {
      const [, count = "", unit = ""] = /^(\d+)([KMG])i$/.exec(asText(sizeLimit)) ?? [];
      const mount = ["-t", "tmpfs", "-o", `size=${count}${unit},nosuid,nodev`, "tmpfs", path];
      if (spawnSync("mount", mount).status !== 0) throw new Error(`no tmpfs of ${String(sizeLimit)} for ${name}`);
      this.#inMemory.push(path);
    }
    chmodSync(path, 0o777);
  }

  /** Behind two links, so that a new content can take the place of the old at once (the kubelet's AtomicWriter). */
  #written(name: string, content: readonly File[], mode: number): void {
    const root = join(this.#root, name);
    const version = "..2026_11_21_12_00_00.1";
    mkdirSync(join(root, version), { recursive: true });
    symlinkSync(version, join(root, "..data"));
    for (const { path, text } of content) {
      const at = join(root, version, path);
      mkdirSync(dirname(at), { recursive: true });
      writeFileSync(at, text);
      chmodSync(at, mode);
      const [first = ""] = path.split("/");
      if (!existsSync(join(root, first))) symlinkSync(`..data/${first}`, join(root, first));
    }
  }

  [Symbol.dispose](): void {
    for (const path of this.#inMemory.splice(0)) spawnSync("umount", ["--lazy", path]);
    rmSync(this.#root, { recursive: true, force: true });
  }
}

function projected({ sources }: JsonObject, pod: PodObject, objects: ClusterObjects): readonly File[] {
  return list(sources).flatMap((each) => {
    const [[kind, source] = ["nothing", {}]] = Object.entries(asObject(each));
    if (kind !== "serviceAccountToken") return files(kind, asObject(source), pod, objects);
    const { path, audience = "the API server", expirationSeconds } = asObject(source);
    return [{ path: asText(path), text: `token for ${asText(audience)}, ${String(expirationSeconds)} s` }];
  });
}

function files(kind: string, source: JsonObject, pod: PodObject, objects: ClusterObjects): readonly File[] {
  const { items } = source;
  switch (kind) {
    case "configMap":
    case "secret": {
      const name = asText(source["name"] ?? source["secretName"]);
      const found = (kind === "secret" ? objects.secrets : objects.configMaps)[name];
      if (found === undefined && source["optional"] === true) return [];
      if (found === undefined) throw new Error(`${kind} ${name} is not there: the pod waits`);
      const wanted = list(items).map((each) => asObject(each));
      if (items === undefined) return Object.entries(found).map(([path, text]) => ({ path, text }));
      return wanted.map(({ key, path }) => ({ path: asText(path), text: asText(found[asText(key)]) }));
    }
    case "downwardAPI":
      return list(items).map((each) => {
        const { path, fieldRef } = asObject(each);
        return { path: asText(path), text: fieldOf(pod, asText(asObject(fieldRef)["fieldPath"])) };
      });
    default:
      throw new Error(`the lab has no volumes of the kind ${kind}`);
  }
}
