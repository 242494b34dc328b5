import { millis } from "../../router/core/base/quantity.ts";
import { loadKeyring, type Keyring } from "../../router/edge/trust/keyring.ts";
import { type ClusterView, isExempt, openClusterView } from "./cluster-view.ts";
import { recordEvents } from "./event-recorder.ts";
import { keepApproval } from "./keep-approval.ts";
import { approvedPort, NamespaceKeeper } from "./keep-namespace.ts";
import { keepPolicies, targetKey } from "./keep-policies.ts";
import { kubeWriter } from "./kube-writer.ts";
import type { ServerCa, TrustFiles } from "./namespace-objects.ts";
import { openPodEchoes } from "./pod-echoes.ts";
import type { ReconcileRooms } from "./reconcile-rooms.ts";
import { readServerCa } from "./server-ca.ts";
import { readTrustFiles } from "./trust-files.ts";
import { countUninjected } from "./uninjected-pods.ts";
import { verdictMemory } from "./verdict-memory.ts";
import { openWorkQueue, type WorkOutcome } from "./work-queue.ts";

/** One reason why something is not as it should be, for people. */
export interface TermProblem {
  readonly name: string;
  readonly reason: string;
}

/** What a leader does, from when it is elected until it is no longer. */
export interface ReconcileTerm {
  problems(): readonly TermProblem[];
  /** Live injected pods by how their egress is enforced; undefined: not known yet. */
  injectedPods(): ReadonlyMap<string, number> | undefined;
  /** In enforced namespaces; undefined: not known yet. */
  uninjectedPods(): number | undefined;
  close(): Promise<void>;
}

const FULL_PASS = millis(300_000);
const TRUST_EACH = millis(60_000);
/** Until they were restarted. */
const COUNT_EACH = millis(60_000);
const WORKERS = 4;
const MOST_PROBLEMS = 8;

export function beginTerm(rooms: ReconcileRooms): ReconcileTerm {
  return new Term(rooms);
}

class Term implements ReconcileTerm {
  readonly #rooms: ReconcileRooms;
  readonly #writer;
  readonly #events;
  readonly #echoes;
  readonly #view: ClusterView;
  readonly #namespaces;
  readonly #policies;
  readonly #approvals;
  readonly #counts;
  readonly #uninjected = new Map<string, number>();
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #judge = verdictMemory();
  readonly #keeper: NamespaceKeeper;
  #trust: TrustFiles | undefined;
  #ca: ServerCa;
  #caProblem = "";
  /** The last that could be read. */
  #keyring: Keyring | "unread" | undefined = "unread";
  #trustProblem = "";
  #reading: Promise<void>;
  #isClosed = false;

  constructor(rooms: ReconcileRooms) {
    const { client, clock, random, ask } = rooms;
    this.#rooms = rooms;
    this.#ca = rooms.ca === undefined ? "none" : "unread";
    this.#writer = kubeWriter(client, clock);
    this.#events = recordEvents(this.#writer, clock, random);
    this.#echoes = openPodEchoes({
      clock,
      random,
      ask,
      changed: ({ namespace, policyName }) => {
        this.#policies.add(`${namespace}/${policyName}`);
        this.#eachApproval(namespace);
      },
    });
    this.#namespaces = openWorkQueue({
      random,
      workers: WORKERS,
      work: async (key, signal) => this.#keeper.keep(key, signal),
    });
    this.#policies = openWorkQueue({
      random,
      workers: WORKERS,
      work: async (key, signal) => keepPolicies(this.#keeping(), key, signal),
    });
    this.#approvals = openWorkQueue({
      random,
      workers: WORKERS,
      work: async (key, signal) => keepApproval(this.#keeping(), key, signal),
    });
    this.#counts = openWorkQueue({ random, workers: 1, work: async (key, signal) => this.#count(key, signal) });
    this.#view = openClusterView(rooms, this.#listener());
    this.#keeper = new NamespaceKeeper({ ...this.#keeping(), trust: () => this.#trust, ca: () => this.#ca });
    this.#reading = this.#read();
    this.#timers = [
      setInterval(() => this.#fullPass(), FULL_PASS),
      setInterval(() => void (this.#reading = this.#read()), TRUST_EACH),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  problems(): readonly TermProblem[] {
    const watches = this.#view.all.flatMap(({ name, condition }): TermProblem[] => {
      const { state, reason, message } = condition();
      return state === "degraded" ? [{ name: `watch ${name}`, reason: `${reason}: ${message}` }] : [];
    });
    const writes = this.#writer
      .problems()
      .slice(0, MOST_PROBLEMS)
      .map((reason) => ({ name: "writes", reason }));
    const trust = this.#trustProblem === "" ? [] : [{ name: "trust", reason: this.#trustProblem }];
    const ca = this.#caProblem === "" ? [] : [{ name: "ca", reason: this.#caProblem }];
    const namespaces = this.#keeper
      .problems()
      .slice(0, MOST_PROBLEMS)
      .map((reason) => ({ name: "namespaces", reason }));
    const count = this.uninjectedPods() ?? 0;
    const uninjected = {
      name: "injection",
      reason: `${count} pods in enforced namespaces run without a router: restart them.`,
    };
    return [...trust, ...ca, ...namespaces, ...watches, ...writes, ...(count === 0 ? [] : [uninjected])];
  }

  injectedPods(): ReadonlyMap<string, number> | undefined {
    if (!this.#view.pods.isKnown) return undefined;
    const counts = new Map([
      ["guard", 0],
      ["not-enforced", 0],
    ]);
    for (const { isLive, enforcement } of this.#view.pods.values()) {
      if (isLive) counts.set(enforcement, (counts.get(enforcement) ?? 0) + 1);
    }
    return counts;
  }

  uninjectedPods(): number | undefined {
    if (!this.#view.namespaces.isKnown) return undefined;
    return [...this.#uninjected.values()].reduce((sum, count) => sum + count, 0);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#view.all.map(async (one) => one.close()));
    await Promise.all(
      [this.#namespaces, this.#policies, this.#approvals, this.#counts].map(async (queue) => queue.close()),
    );
    await this.#echoes.close();
    await this.#events.close();
    await this.#reading;
  }

  #keeping() {
    return {
      rooms: this.#rooms,
      view: this.#view,
      writer: this.#writer,
      events: this.#events,
      echoes: this.#echoes,
      judge: this.#judge,
      keyring: () => this.#keyring,
      rendered: (namespace: string) => this.#namespaces.add(namespace),
    };
  }

  #listener(): Parameters<typeof openClusterView>[1] {
    return {
      namespace: (now, before) => {
        const name = (now ?? before)?.name ?? "";
        if (now === undefined) this.#uninjected.delete(name);
        const isSame = now?.isEnforced === before?.isEnforced && now?.isTerminating === before?.isTerminating;
        if (isSame && now?.isKept === before?.isKept) return;
        this.#namespaces.add(name);
        this.#counts.add(name);
      },
      pod: (now, before) => {
        this.#echoes.follow(now, before);
        const pod = now ?? before;
        if (pod === undefined) return;
        const isLive = now?.isLive ?? false;
        if (isLive === (before?.isLive ?? false) && now?.policyName === before?.policyName) return;
        this.#namespaces.add(pod.namespace);
        this.#policies.add(`${pod.namespace}/${pod.policyName}`);
        this.#eachApproval(pod.namespace);
      },
      managed: (now, before) => this.#namespaces.add((now ?? before)?.namespace ?? ""),
      rendered: (namespace, name) => {
        this.#policies.add(`${namespace}/${name}`);
        this.#namespaces.add(namespace);
      },
      policy: (now, before) => {
        for (const policy of [now, before]) if (policy !== undefined) this.#policies.add(targetKey(policy));
      },
      approval: (now, before) => {
        const resource = now ?? before;
        if (resource === undefined) return;
        const { namespace, name } = resource;
        this.#approvals.add(`${namespace}/${name}`);
        const isAnswered = now?.approval?.answer?.approved !== before?.approval?.answer?.approved;
        if (isAnswered || now?.approval?.revoked !== before?.approval?.revoked) {
          this.#echoes.hurry((pod) => pod.namespace === namespace);
        }
        const port = (one: typeof now): number | undefined => (one === undefined ? undefined : approvedPort(one));
        if (port(now) !== port(before)) this.#namespaces.add(namespace);
      },
    };
  }

  #eachApproval(namespace: string): void {
    for (const { namespace: of, name } of this.#view.approvals.values()) {
      if (of === namespace) this.#approvals.add(`${of}/${name}`);
    }
  }

  #fullPass(): void {
    const { namespaces, policies, rendered, approvals } = this.#view;
    for (const { name } of namespaces.values()) {
      this.#namespaces.add(name);
      this.#counts.add(name);
    }
    for (const kind of policies) for (const policy of kind.values()) this.#policies.add(targetKey(policy));
    for (const { namespace, name } of rendered.values()) this.#policies.add(`${namespace}/${name}`);
    for (const { namespace, name } of approvals.values()) this.#approvals.add(`${namespace}/${name}`);
  }

  async #count(name: string, signal: AbortSignal): Promise<WorkOutcome> {
    const facts = this.#view.namespaces.get(name);
    if (facts === undefined || !facts.isEnforced || facts.isTerminating || isExempt(this.#rooms.config, name)) {
      this.#uninjected.delete(name);
      return "done";
    }
    const count = await countUninjected(this.#writer, this.#events, facts, signal);
    if (count === undefined) return "again";
    this.#uninjected.set(name, count);
    return count === 0 ? "done" : COUNT_EACH;
  }

  /** Mounted files change under us: they are read again each minute. */
  async #read(): Promise<void> {
    await this.#readCa();
    await this.#readTrust();
  }

  async #readCa(): Promise<void> {
    const { ca } = this.#rooms;
    if (ca === undefined) return;
    const read = await readServerCa(ca);
    if (this.#isClosed) return;
    this.#caProblem = read.ok ? "" : read.problem;
    // What was read last is kept where it cannot be read now.
    if (!read.ok || (typeof this.#ca === "object" && this.#ca.pem === read.value)) return;
    this.#ca = { pem: read.value };
    this.#fullPass();
  }

  async #readTrust(): Promise<void> {
    const { trustDirectory } = this.#rooms.config;
    const files = await readTrustFiles(trustDirectory);
    const keyring = files.ok ? await loadKeyring(trustDirectory) : undefined;
    if (this.#isClosed) return;
    const keyProblem =
      keyring?.ok === false
        ? keyring.problem
            .slice(0, 4)
            .map(({ message }) => message)
            .join(" ")
        : "";
    this.#trustProblem = files.ok ? keyProblem : files.problem;
    const before = JSON.stringify(this.#trust);
    // What was read last is kept where it cannot be read now; trust that is broken is not handed out.
    if (files.ok && keyring?.ok === true) this.#trust = files.value;
    const isChanged = JSON.stringify(this.#trust) !== before;
    // The same trust stays the same object: verdicts are remembered by it.
    if (keyring?.ok === true && (isChanged || typeof this.#keyring !== "object")) this.#keyring = keyring.value;
    else if (this.#keyring === "unread") this.#keyring = undefined;
    if (isChanged) this.#fullPass();
  }
}
