import { rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Container, PodObject } from "../../controller/pod/pod.ts";
import { NODE, POD } from "../netns/lab.ts";
import { type Ran, type Running, startBundle } from "./oci.ts";
import { bundleOf, type LabImage } from "./pod-lab-container.ts";
import { Internet } from "./pod-lab-internet.ts";
import { asObject } from "./pod-lab-json.ts";
import { seccompRoot } from "./pod-lab-seccomp.ts";
import { type ClusterObjects, PodVolumes } from "./pod-lab-volumes.ts";

export interface PodOptions {
  readonly pod: PodObject;
  readonly objects: ClusterObjects;
  /** By the name that stands in the pod. */
  readonly images: Readonly<Record<string, LabImage>>;
}

export interface Ended {
  readonly container: string;
  readonly code: number | undefined;
  /** From the signal on. */
  readonly millis: number;
}

/** Milliseconds between two looks of a probe; a kubelet looks once in `periodSeconds`. */
const LOOK = 50;

/**
 * A pod from its JSON, run as a kubelet and a CRI runtime do it: init containers one after the other, each of which must end
 * with 0; a native sidecar among them is started and its startup probe awaited; then the containers. All in one network
 * namespace, each a container of runc's with what its JSON says. What it does not do: cgroups, a shared IPC namespace,
 * restarts by itself (`restart` is the test's to say), liveness.
 */
export class PodLab implements AsyncDisposable {
  /** `name started`, `name ended 0`, `name ready`, in the order in which it happened. */
  readonly events: string[] = [];
  readonly internet: Internet;
  readonly #options: PodOptions;
  readonly #volumes: PodVolumes;
  readonly #seccompRoot: string;
  readonly #running = new Map<string, Running>();

  private constructor(options: PodOptions, internet: Internet, root: string) {
    this.#options = options;
    this.internet = internet;
    this.#seccompRoot = root;
    this.#volumes = new PodVolumes(options.pod, options.objects);
  }

  static async open(options: PodOptions): Promise<PodLab> {
    const internet = await Internet.open();
    const root = await seccompRoot();
    try {
      return new PodLab(options, internet, root);
    } catch (error) {
      rmSync(root, { recursive: true });
      await internet[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What `kubectl get pod` would call its state: `Running`, or `Init:` and the container that it does not get past. */
  async start(): Promise<string> {
    const { initContainers = [], containers } = this.#options.pod.spec;
    for (const container of initContainers) {
      const running = this.#start(container);
      const passed = isSidecar(container) ? await this.#ready(container, running) : (await running.ended).code === 0;
      if (!passed) return `Init:${container.name}`;
    }
    for (const container of containers) this.#start(container);
    return "Running";
  }

  container(name: string): Running {
    const running = this.#running.get(name);
    if (running === undefined) throw new Error(`${name} was not started`);
    return running;
  }

  /** SIGKILL; resolves when it has ended. */
  async kill(name: string): Promise<Ran> {
    const running = this.container(name);
    running.signal("KILL");
    return running.ended;
  }

  /** A sidecar that has ended, as a kubelet starts it again: the same container anew, on the same volumes. */
  async restart(name: string): Promise<boolean> {
    const container = this.#options.pod.spec.initContainers?.find((each) => each.name === name);
    if (container === undefined) throw new Error(`there is no sidecar ${name}`);
    await this.container(name)[Symbol.asyncDispose]();
    return this.#ready(container, this.#start(container));
  }

  /** As a kubelet ends a pod: the containers first, then the sidecars from the last to the first, each with SIGTERM. */
  async terminate(): Promise<readonly Ended[]> {
    const { initContainers = [], containers } = this.#options.pod.spec;
    const ended = await Promise.all(containers.map(async ({ name }) => this.#end(name)));
    for (const { name } of initContainers.filter(isSidecar).toReversed()) ended.push(await this.#end(name));
    return ended;
  }

  /** A file of one of its volumes, as a path of the host. */
  volume(name: string): string {
    return this.#volumes.path(name);
  }

  /** Everything that its containers have said, for the message of a test that fails. */
  output(): string {
    return [...this.#running].map(([name, it]) => `--- ${name}\n${it.stdout()}${it.stderr()}`).join("\n");
  }

  #start(container: Container): Running {
    const { pod, images } = this.#options;
    const image = images[container.image ?? ""];
    if (image === undefined) throw new Error(`ErrImagePull: ${container.image}`);
    const hosts = `127.0.0.1 localhost\n::1 localhost\n${POD.ipv4[0]} ${pod.metadata.name}\n`;
    const mounts = [
      { at: "/etc/hosts", from: this.#volumes.file("hosts", hosts) },
      { at: "/etc/resolv.conf", from: this.#volumes.file("resolv.conf", `nameserver ${NODE.ipv4}\n`) },
      ...this.#volumes.mounts(container.volumeMounts),
    ];
    const around = { pod, netns: this.internet.lab.pod, seccompRoot: this.#seccompRoot, mounts };
    const running = startBundle(bundleOf(container, image, around));
    this.#running.set(container.name, running);
    this.events.push(`${container.name} started`);
    void running.ended.then(({ code }) => this.events.push(`${container.name} ended ${code}`));
    return running;
  }

  /** Whether its startup probe succeeds, as often as it may fail; a sidecar that ends meanwhile is not waited for. */
  async #ready(container: Container, running: Running): Promise<boolean> {
    const { httpGet, periodSeconds, failureThreshold } = asObject(container["startupProbe"]);
    const { path, port } = asObject(httpGet);
    const until = performance.now() + Number(periodSeconds) * Number(failureThreshold) * 1000;
    let over = false;
    void running.ended.then(() => (over = true));
    while (performance.now() < until && !over) {
      const { status } = await this.internet.get(POD.ipv4[0], Number(port), String(path));
      if (status >= 200 && status < 400) {
        this.events.push(`${container.name} ready`);
        return true;
      }
      await delay(LOOK);
    }
    return false;
  }

  async #end(name: string): Promise<Ended> {
    const running = this.container(name);
    const began = performance.now();
    running.signal("TERM");
    const grace = Number(this.#options.pod.spec["terminationGracePeriodSeconds"] ?? 30) * 1000;
    const timer = setTimeout(() => running.signal("KILL"), grace);
    const { code } = await running.ended;
    clearTimeout(timer);
    return { container: name, code, millis: performance.now() - began };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.values()].map(async (each) => each[Symbol.asyncDispose]()));
    await this.internet[Symbol.asyncDispose]();
    this.#volumes[Symbol.dispose]();
    rmSync(this.#seccompRoot, { recursive: true, force: true });
  }
}

function isSidecar(container: Container): boolean {
  return container["restartPolicy"] === "Always";
}
