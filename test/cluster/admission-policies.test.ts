import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAllDocuments } from "yaml";
import type { PodObject } from "../../controller/pod/pod.ts";
import { agentContainer } from "../fakes/agent-pod.ts";
import { ADMISSION_FILES, admissionFile, type PolicySettings } from "./admission-files.ts";
import type { ApiAnswer, KubeObject } from "./api-request.ts";
import { BYPASS_CASES, type BypassCase, CASE_SETTINGS, finalPod, OTHER_CASES, OTHER_SETTINGS } from "./bypass-cases.ts";
import { type Cluster, requireCluster, startCluster } from "./cluster.ts";
import { eventually } from "./eventually.ts";
import { alterations } from "./pod-alterations.ts";
import { append, change, remove, set } from "./pod-change.ts";

/** There is no controller here: this is what holds when it is dead. */
const CONTROLLER = "system:serviceaccount:sluice-system:sluice-controller";
const SETTINGS: PolicySettings = {
  injection: CASE_SETTINGS,
  exemptNamespaces: ["kube-system", "sluice-system"],
  controllerUser: CONTROLLER,
};

/** Validations that no case fails alone, and why none can. */
const NEVER_ALONE: Readonly<Record<string, string>> = {
  "host_network: remove": "the API server then gives every declared port a hostPort, the router's too",
  "apparmor: remove the AppArmor annotation": "the API server writes what the annotation says into the field as well",
  "not_injected: the controller": "all cases are of a namespace that is kept; another test tells it",
  "privileged: such": "the API server refuses privileged beside allowPrivilegeEscalation: false",
};

test("ValidatingAdmissionPolicies", requireCluster(), async (t) => {
  // So that a pod may ask for a certificate; the API server forgets fields that are not on.
  const cluster = await startCluster(t, {
    flags: [
      "--feature-gates=PodCertificateRequest=true,RestartAllContainersOnContainerExits=true,ContainerRestartRules=true,NodeDeclaredFeatures=true",
      "--runtime-config=certificates.k8s.io/v1beta1=true",
    ],
  });
  for (const name of ["gvisor", "runc-hardened"]) {
    await cluster.api("POST", "/apis/node.k8s.io/v1/runtimeclasses", { metadata: { name }, handler: "x" });
  }
  for (const name of ["research", "edge"]) {
    await cluster.createNamespace(name, { "sluice.dev/enforce": "true", "sluice.dev/kept": "true" });
  }
  await cluster.createNamespace("elsewhere");
  const stored = await storedPods(cluster);

  const failedBy = new Map<BypassCase, readonly string[]>();
  await t.test(
    "INV-POD-POLICIES: every validation that fails is told, and each is the only one for some case",
    async () => {
      await install(cluster, "[Warn]");
      const refused: string[] = [];
      for (const one of BYPASS_CASES) {
        const answer = await ask(cluster, one, stored);
        if (one.invalid) continue;
        if (answer.status >= 300) refused.push(`${one.name}: ${said(answer.body)}`);
        failedBy.set(one, warned(answer));
      }
      assert.deepEqual(refused, []);
      const alone = new Set([...failedBy.values()].filter(({ length }) => length === 1).flat());
      const unproven = validationTexts().filter(
        (text) => !alone.has(text) && !Object.keys(NEVER_ALONE).some((known) => text.startsWith(known)),
      );
      assert.deepEqual(unproven, []);
    },
  );

  // From before there were policies.
  await cluster.createNamespace("odd", { "sluice.dev/enforce": "yes", "sluice.dev/kept": "true" });
  await install(cluster, "[Deny, Audit]");
  for (const one of BYPASS_CASES) {
    await t.test(`INV-POD-POLICIES: ${one.name} (${one.catalogue}): ${one.expected}`, async () => {
      const { status, body } = await ask(cluster, one, stored);
      const message = said(body);
      if (one.expected === "admitted") {
        assert.ok(status < 300, message);
        return;
      }
      assert.equal(status, 422, message);
      if (one.invalid) return;
      assert.match(message, /ValidatingAdmissionPolicy 'sluice-pod/);
      const codes = (failedBy.get(one) ?? []).map((text) => text.slice(0, text.indexOf(":")));
      assert.ok(codes.includes(one.expected), `${one.expected} is not among ${codes.join(", ")}`);
    });
  }

  await t.test("nothing of what is ours can be changed or taken away, but for what harms nobody", async () => {
    assert.deepEqual(await admittedAlterations(cluster), HARMLESS);
  });

  await t.test("the largest pod there may be is judged within the limits of CEL", async () => {
    const answer = await create(cluster, "research", largestPod());
    assert.equal(answer.status, 201, said(answer.body));
    const bad = change(largestPod(), [set("spec containers 59 securityContext runAsUser", 0)]);
    const refused = await create(cluster, "research", bad);
    assert.match(said(refused.body), /user_root: .* in agent-59/);
  });

  await t.test("elsewhere a pod is judged when its label asks for Sluice, before or after", async () => {
    const marked = change(finalPod(), [remove("spec initContainers"), set("metadata namespace", "elsewhere")]);
    assert.equal((await create(cluster, "elsewhere", marked)).status, 422);
    const bare = change(marked, [remove("metadata labels sluice.dev/injected")]);
    assert.equal((await create(cluster, "elsewhere", bare)).status, 201);
    const labelled = change(bare, [set("metadata labels sluice.dev/inject", "true")]);
    assert.equal((await create(cluster, "elsewhere", labelled)).status, 422);
    const named = change(labelled, [set("metadata namespace", "kube-system")]);
    assert.equal((await create(cluster, "kube-system", named)).status, 201);
  });

  await t.test("elsewhere a pod that was injected stays judged, and stays labelled", async () => {
    const path = "/api/v1/namespaces/elsewhere/pods";
    const make = async (name: string, labels: Readonly<Record<string, string>>): Promise<KubeObject> => {
      const steps = Object.entries(labels).map(([label, value]) => set(`metadata labels ${label}`, value));
      const pod = change(finalPod(), [set("metadata name", name), set("metadata namespace", "elsewhere"), ...steps]);
      const { status, body } = await cluster.api("POST", path, pod);
      assert.equal(status, 201, said(body));
      return body;
    };
    const refused = async (name: string, labels: object, sub = ""): Promise<string> => {
      const answer = await cluster.api("PATCH", `${path}/${name}${sub}?dryRun=All`, { metadata: { labels } });
      return `${answer.status} ${said(answer.body)}`;
    };
    const asked = await make("asked", { "sluice.dev/inject": "true" });
    const unasked = await make("unasked", {});
    for (const sub of ["", "/status"]) {
      for (const value of [null, "false"]) {
        assert.match(
          await refused("asked", { "sluice.dev/inject": value }, sub),
          /^422 .*leave the label sluice.dev\/inject /,
        );
      }
      assert.match(
        await refused("asked", { "eks.amazonaws.com/fargate-profile": "x" }, sub),
        /^422 .*node_not_enforce/,
      );
      for (const name of ["asked", "unasked"]) {
        for (const label of ["injected", "agent", "policy-name"]) {
          assert.match(await refused(name, { [`sluice.dev/${label}`]: "x" }, sub), /^422 .*: leave the label/);
        }
        assert.match(await refused(name, { mine: "1" }, sub), /^200/);
      }
    }
    for (const pod of [asked, unasked]) {
      const intruder = { name: "mine", image: "registry.example/mine:1", securityContext: { runAsUser: 20_480 } };
      const edited = change(pod as PodObject, [append("spec ephemeralContainers", intruder)]);
      const answer = await cluster.api("PUT", `${podPath(edited)}/ephemeralcontainers?dryRun=All`, edited);
      assert.equal(answer.status, 422);
      assert.match(said(answer.body), /ValidatingAdmissionPolicy 'sluice-pods'/);
    }
  });

  await t.test("labels cannot be changed by way of the status", async () => {
    const [one] = [...stored].find(([{ name }]) => name === "UPDATE: nothing") ?? assert.fail();
    const pod = stored.get(one) ?? assert.fail();
    const path = `${podPath(pod)}/status?dryRun=All`;
    const label = (value: string): object => ({ metadata: { labels: { "sluice.dev/agent": value, mine: value } } });
    const other = await cluster.api("PATCH", path, { metadata: { labels: { mine: "1" } } });
    assert.equal(other.status, 200, said(other.body));
    const { status, body } = await cluster.api("PATCH", path, label("billing-agent"));
    assert.equal(status, 422);
    assert.match(said(body), /router_altered: leave the label sluice.dev\/agent/);
  });

  await t.test("the largest pod there may be is judged on UPDATE too", async () => {
    const largest = change(largestPod(), [set("metadata name", "largest")]);
    const made = await cluster.api("POST", "/api/v1/namespaces/research/pods", largest);
    assert.equal(made.status, 201, said(made.body));
    const edited = change(made.body as PodObject, [set("spec containers 30 image", "registry.example/x:2")]);
    const { status, body } = await cluster.api("PUT", `${podPath(edited)}?dryRun=All`, edited);
    assert.equal(status, 200, said(body));
  });

  await t.test("INV-POD-EXEC: a program is started in our containers by those who may", async () => {
    await grant(cluster, "developer", [{ apiGroups: [""], resources: ["pods/exec", "pods/attach"], verbs: ["*"] }]);
    const [pod] = [...stored.values()];
    const enter = async (how: string, container: string, as: string): Promise<ApiAnswer<KubeObject>> =>
      cluster.api(
        "POST",
        `${podPath(pod ?? assert.fail())}/${how}?container=${container}&command=true&stdout=true`,
        undefined,
        { as },
      );
    // 400: past admission, where it turns out that the pod runs nowhere.
    await eventually(async () => assert.equal((await enter("exec", "agent", "developer")).status, 400));
    for (const how of ["exec", "attach"]) {
      const refused = await enter(how, "sluice-router", "developer");
      assert.equal(refused.status, 403);
      assert.match(said(refused.body), /needs the verb exec on pods.sluice.dev/);
    }
    await grant(cluster, "medic", [
      { apiGroups: [""], resources: ["pods/exec"], verbs: ["*"] },
      { apiGroups: ["sluice.dev"], resources: ["pods"], verbs: ["exec"] },
    ]);
    await eventually(async () => assert.equal((await enter("exec", "sluice-router", "medic")).status, 400));
  });

  await t.test("INV-POD-NAMESPACE: enforcement is taken off a namespace by those who may", async () => {
    await grant(cluster, "labeller", [
      { apiGroups: [""], resources: ["namespaces", "namespaces/status", "namespaces/finalize"], verbs: ["*"] },
    ]);
    await grant(cluster, "unenforcer", [
      { apiGroups: [""], resources: ["namespaces"], verbs: ["*"] },
      { apiGroups: ["sluice.dev"], resources: ["namespaces"], resourceNames: ["research"], verbs: ["unenforce"] },
    ]);
    const off = { metadata: { labels: { "sluice.dev/enforce": null } } };
    const relabel = async (name: string, as: string, labels: object = off): Promise<number> =>
      (await cluster.api("PATCH", `/api/v1/namespaces/${name}?dryRun=All`, labels, { as })).status;
    await eventually(async () => assert.equal(await relabel("research", "unenforcer"), 200));
    assert.equal(await relabel("research", "labeller", { metadata: { labels: { mine: "1" } } }), 200);
    assert.equal(await relabel("research", "labeller"), 403);
    assert.equal(await relabel("research", "labeller", { metadata: { labels: { "sluice.dev/enforce": "no" } } }), 403);
    assert.equal(await relabel("edge", "unenforcer"), 403);
    assert.equal(
      await relabel("elsewhere", "labeller", { metadata: { labels: { "sluice.dev/enforce": "true" } } }),
      200,
    );
    const status = await cluster.api("PATCH", "/api/v1/namespaces/research/status?dryRun=All", off, { as: "labeller" });
    assert.equal(status.status, 403, said(status.body));
    const { body: namespace } = await cluster.api("GET", "/api/v1/namespaces/research");
    const bare = {
      ...namespace,
      metadata: { ...namespace.metadata, labels: { "kubernetes.io/metadata.name": "research" } },
    };
    const path = "/api/v1/namespaces/research/finalize?dryRun=All";
    const finalize = await cluster.api("PUT", path, bare, { as: "labeller" });
    assert.equal(finalize.status, 403, said(finalize.body));
    assert.match(said(finalize.body), /needs the verb unenforce/);
  });

  await t.test("a label that nearly asks for Sluice is refused, and what is right is said", async () => {
    const namespace = async (value: string | undefined, verb: "made" | "patched"): Promise<string> => {
      const labels = value === undefined ? {} : { "sluice.dev/enforce": value };
      const { status, body } =
        verb === "made"
          ? await cluster.api("POST", "/api/v1/namespaces?dryRun=All", { metadata: { name: "nearly", labels } })
          : await cluster.api("PATCH", "/api/v1/namespaces/elsewhere?dryRun=All", { metadata: { labels } });
      return `${status} ${said(body)}`;
    };
    for (const verb of ["made", "patched"] as const) {
      for (const value of ["True", "TRUE", "yes", "1", "enabled", "on"]) {
        assert.match(await namespace(value, verb), /^422 .*write sluice\.dev\/enforce=true to enforce this namespace/);
      }
      for (const value of ["true", "false", undefined]) assert.match(await namespace(value, verb), /^20[01] /);
    }
    const pod = async (value: string, where: string): Promise<string> => {
      const steps = [set("metadata labels sluice.dev/inject", value), remove("metadata labels sluice.dev/injected")];
      const { status, body } = await create(cluster, where, change(finalPod(), steps));
      return `${status} ${said(body)}`;
    };
    for (const value of ["True", "yes", "1", "enabled", ""]) {
      assert.match(
        await pod(value, "elsewhere"),
        /^422 .*write sluice\.dev\/inject: "true" to have Sluice in this pod/,
      );
      assert.match(await pod(value, "kube-system"), /^201 /);
      // It has Sluice there whatever its label says.
      assert.doesNotMatch(await pod(value, "research"), /write sluice\.dev\/inject/);
    }
    assert.match(await pod("false", "elsewhere"), /^201 /);
  });

  await t.test(
    "INV-POD-KEPT: pods are made where the controller has written its settings, which it alone says",
    async () => {
      await grant(cluster, "keeper", [
        { apiGroups: [""], resources: ["namespaces", "namespaces/status"], verbs: ["*"] },
        { apiGroups: ["sluice.dev"], resources: ["namespaces"], verbs: ["keep"] },
      ]);
      await grant(cluster, "ender", [
        { apiGroups: [""], resources: ["namespaces"], verbs: ["*"] },
        { apiGroups: ["sluice.dev"], resources: ["namespaces"], verbs: ["unenforce"] },
      ]);
      const make = async (name: string, as: string, labels: object, query = "?dryRun=All"): Promise<number> =>
        (await cluster.api("POST", `/api/v1/namespaces${query}`, { metadata: { name, labels } }, { as })).status;
      await eventually(async () => assert.equal(await make("kept", "keeper", { "sluice.dev/kept": "true" }), 201));
      assert.equal(await make("kept", "labeller", { "sluice.dev/enforce": "true", "sluice.dev/kept": "true" }), 403);
      assert.equal(await make("late", "labeller", { "sluice.dev/enforce": "true" }, ""), 201);
      await cluster.serviceAccountToken("late", "research");

      const said422 = async (pod: PodObject): Promise<string> => {
        const { status, body } = await create(cluster, "late", pod);
        return `${status} ${said(body)}`;
      };
      await eventually(async () =>
        assert.match(await said422(finalPod()), /^422 .*not_injected: the controller has not yet written its settings/),
      );
      const mark = async (as: string, value: string | null, sub = ""): Promise<number> =>
        (
          await cluster.api(
            "PATCH",
            `/api/v1/namespaces/late${sub}`,
            { metadata: { labels: { "sluice.dev/kept": value } } },
            { as },
          )
        ).status;
      for (const sub of ["", "/status"]) assert.equal(await mark("labeller", "true", sub), 403);
      assert.equal(await mark("keeper", "true"), 200);
      await eventually(async () => assert.match(await said422(finalPod()), /^201/));
      for (const value of [null, "false"]) assert.equal(await mark("labeller", value), 403);

      // Enforcement taken off and put on again: the mark is of the time before.
      const enforce = async (as: string, value: string | null): Promise<string> => {
        const labels = { "sluice.dev/enforce": value };
        const { status, body } = await cluster.api(
          "PATCH",
          "/api/v1/namespaces/late",
          { metadata: { labels } },
          { as },
        );
        return `${status} ${said(body)}`;
      };
      await eventually(async () => assert.match(await enforce("ender", null), /^200/));
      assert.match(await enforce("labeller", "true"), /^403 .*has not yet taken the label sluice.dev\/kept off/);
      assert.equal(await mark("keeper", null), 200);
      const odd = { metadata: { labels: { "sluice.dev/kept": null } } };
      const { status } = await cluster.api("PATCH", "/api/v1/namespaces/odd?dryRun=All", odd, { as: "keeper" });
      assert.equal(status, 200, "whatever the other label says");
      assert.match(await enforce("labeller", "true"), /^200/);
    },
  );

  await t.test(
    "INV-POD-BINDING: who binds a pod to a node writes none of our labels, and chooses no virtual node",
    async () => {
      await grant(cluster, "system:kube-scheduler-of-mine", [
        { apiGroups: [""], resources: ["pods/binding", "bindings"], verbs: ["create"] },
      ]);
      for (const namespace of ["research", "elsewhere"]) {
        const pod = change(finalPod(), [set("metadata name", "bound"), set("metadata namespace", namespace)]);
        const made = await cluster.api("POST", `/api/v1/namespaces/${namespace}/pods`, pod);
        assert.equal(made.status, 201, said(made.body));
      }
      const bind = async (
        metadata: object,
        node = "node-7",
        namespace = "research",
        legacy = false,
      ): Promise<string> => {
        const binding = { metadata: { name: "bound", ...metadata }, target: { kind: "Node", name: node } };
        const path = `/api/v1/namespaces/${namespace}/${legacy ? "bindings" : "pods/bound/binding"}`;
        const as = "system:kube-scheduler-of-mine";
        const { status, body } = await cluster.api("POST", `${path}?dryRun=All`, binding, { as });
        return `${status} ${said(body)}`;
      };
      await eventually(async () => assert.match(await bind({}), /^201/));
      assert.match(await bind({}, "node-7", "research", true), /^201/);
      assert.match(await bind({ labels: { "topology.kubernetes.io/zone": "a" }, annotations: { mine: "1" } }), /^201/);
      for (const legacy of [false, true]) {
        const refused = async (metadata: object, node?: string): Promise<string> =>
          bind(metadata, node ?? "node-7", "research", legacy);
        for (const name of ["agent", "injected", "policy-name", "inject"]) {
          assert.match(await refused({ labels: { [`sluice.dev/${name}`]: "x" } }), /^422 .*: not_injected: /);
        }
        for (const name of ["policy", "seccomp-profile"]) {
          assert.match(await refused({ annotations: { [`sluice.dev/${name}`]: "x" } }), /^422 .*: not_injected: /);
        }
        assert.match(
          await refused({ labels: { "eks.amazonaws.com/fargate-profile": "mine" } }),
          /^422 .*: node_not_enforceable: leave/,
        );
        assert.match(
          await refused({ annotations: { "container.apparmor.security.beta.kubernetes.io/agent": "unconfined" } }),
          /^422 .*: apparmor: /,
        );
        for (const node of ["virtual-node-aci-linux", "virtual-kubelet", "fargate-ip-10-0-0-1", "Virtual-Node"]) {
          assert.match(await refused({}, node), /^422 .*: node_not_enforceable: the guard/);
        }
      }
      assert.match(
        await bind({ labels: { "sluice.dev/agent": "x" } }, "node-7", "elsewhere"),
        /^422 .*: not_injected: /,
      );
      assert.match(await bind({}, "fargate-ip-10-0-0-1", "elsewhere"), /^201/);
    },
  );

  await t.test("where the guard cannot be had, and the runtime's seccomp profile is used", async () => {
    await install(cluster, "[Deny, Audit]", { ...SETTINGS, injection: OTHER_SETTINGS });
    const pod = finalPod([], OTHER_SETTINGS);
    await eventually(async () => assert.equal((await create(cluster, "research", pod)).status, 201));
    for (const [steps, refusal] of OTHER_CASES) {
      const refused = await create(cluster, "research", change(pod, steps));
      assert.equal(refused.status, 422);
      assert.match(said(refused.body), new RegExp(`: ${refusal}: `));
    }
  });

  await t.test("INV-POD-SETTINGS: the router's settings and trust are the controller's", async () => {
    await grant(cluster, "owner", [{ apiGroups: [""], resources: ["configmaps"], verbs: ["*"] }]);
    await grant(cluster, CONTROLLER, [{ apiGroups: [""], resources: ["configmaps"], verbs: ["*"] }]);
    const path = (namespace: string): string => `/api/v1/namespaces/${namespace}/configmaps`;
    const make = async (name: string, as: string, namespace = "research", query = "?dryRun=All"): Promise<number> =>
      (await cluster.api("POST", `${path(namespace)}${query}`, { metadata: { name }, data: { mine: "1" } }, { as }))
        .status;
    await eventually(async () => assert.equal(await make("mine", "owner"), 201));
    for (const name of ["sluice-router", "sluice-trust"]) {
      await eventually(async () => assert.equal(await make(name, CONTROLLER, "research", ""), 201));
      assert.equal(await make(name, "owner", "edge"), 403);
      assert.equal(await make(name, "owner", "elsewhere"), 201);
      const one = `${path("research")}/${name}?dryRun=All`;
      assert.equal((await cluster.api("PATCH", one, { data: { mine: "2" } }, { as: "owner" })).status, 403);
      assert.equal((await cluster.api("DELETE", one, undefined, { as: "owner" })).status, 403);
      assert.equal((await cluster.api("PATCH", one, { data: { mine: "2" } }, { as: CONTROLLER })).status, 200);
    }
    const all = await cluster.api("DELETE", `${path("research")}?dryRun=All`, undefined, { as: "owner" });
    assert.equal(all.status, 403, said(all.body));
    await eventually(async () => assert.equal(await make("sluice-policy", "owner"), 201));
    // Who deletes a namespace deletes what is in it.
    await cluster.api("DELETE", "/api/v1/namespaces/research");
    await eventually(async () => {
      const gone = await cluster.api("DELETE", `${path("research")}/sluice-trust?dryRun=All`, undefined, {
        as: "owner",
      });
      assert.equal(gone.status, 200, said(gone.body));
    });
  });
});

/** Members of what is ours that the policies do not compare: with any value the router protects, or does not start. */
const HARMLESS = [
  "cpu",
  "failureThreshold",
  "imagePullPolicy",
  "memory",
  "periodSeconds",
  "sizeLimit",
  "successThreshold",
  "terminationMessagePolicy",
  "timeoutSeconds",
];

/** The last names of those leaves of ours that the API server takes and keeps, other than they were or not at all. */
async function admittedAlterations(cluster: Cluster): Promise<readonly string[]> {
  const specOf = ({ body }: ApiAnswer<KubeObject>): string => JSON.stringify(body.spec);
  const usual = specOf(await create(cluster, "research", finalPod()));
  const admitted = new Set<string>();
  for (const step of alterations(finalPod())) {
    const answer = await create(cluster, "research", change(finalPod(), [step]));
    if (answer.status === 201 && specOf(answer) !== usual) admitted.add(step.at.split(" ").at(-1) ?? "");
  }
  return [...admitted].toSorted();
}

/** The stored pods that cases change, made while nothing is enforced yet. */
async function storedPods(cluster: Cluster): Promise<ReadonlyMap<BypassCase, PodObject>> {
  const pods = new Map<BypassCase, PodObject>();
  for (const [index, one] of BYPASS_CASES.entries()) {
    if (one.operation === "CREATE") continue;
    const pod = change(finalPod(), [...one.before, set("metadata name", `pod-${index}`)]);
    const { status, body } = await cluster.api("POST", "/api/v1/namespaces/research/pods", pod);
    assert.equal(status, 201, `${one.name}: ${said(body)}`);
    pods.set(one, body as PodObject);
  }
  return pods;
}

const SUBRESOURCES = { CREATE: "", UPDATE: "", EPHEMERAL: "/ephemeralcontainers", RESIZE: "/resize" } as const;

/** All dry runs: nothing of what is asked here is kept. */
async function ask(
  cluster: Cluster,
  one: BypassCase,
  stored: ReadonlyMap<BypassCase, PodObject>,
): Promise<ApiAnswer<KubeObject>> {
  const before = stored.get(one);
  if (before === undefined) return create(cluster, "research", change(finalPod(), one.change));
  const subresource = SUBRESOURCES[one.operation];
  return cluster.api("PUT", `${podPath(before)}${subresource}?dryRun=All`, change(before, one.change));
}

async function create(cluster: Cluster, namespace: string, pod: PodObject): Promise<ApiAnswer<KubeObject>> {
  const path = `/api/v1/namespaces/${namespace}/pods?dryRun=All&fieldValidation=Strict`;
  return cluster.api("POST", path, change(pod, [set("metadata namespace", namespace)]));
}

function said({ message }: KubeObject): string {
  return message ?? "";
}

function podPath({ metadata: { namespace = "", name = "" } }: PodObject): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}

/** Installs the policies, and waits until a pod that each of them must refuse shows that they are in force. */
async function install(cluster: Cluster, actions: string, settings = SETTINGS): Promise<void> {
  const text = ADMISSION_FILES.map((name) => admissionFile(name, settings)).join("\n---\n");
  const input = text.replaceAll("[Deny, Audit]", actions);
  const { status, stderr } = await cluster.kubectl(["apply", "-f", "-"], { input });
  assert.equal(status, 0, stderr);
  const bad = change(finalPod(), [set("spec hostPID", true)]);
  await eventually(async () => {
    const answer = await create(cluster, "research", bad);
    if (actions === "[Warn]") assert.equal(warned(answer).length, 1);
    else assert.equal(answer.status, 422);
  });
}

/** The fixed beginning of what each validation says: by it a warning is known. */
const TEXTS = validationTexts();

function validationTexts(): readonly string[] {
  const texts = (["pods", "pod-labels", "pod-resize"] as const).flatMap((name) => {
    const [policy] = parseAllDocuments(admissionFile(name, SETTINGS)).map((document): unknown => document.toJS());
    const { spec } = policy as { spec: { validations: { message: string; messageExpression?: string }[] } };
    return spec.validations.map(({ message, messageExpression }) => {
      if (messageExpression === undefined) return message;
      return (
        /^'((?:[^'\\]|\\.)*)'/.exec(messageExpression)?.[1]?.replaceAll("\\'", "'") ?? assert.fail(messageExpression)
      );
    });
  });
  assert.equal(new Set(texts).size, texts.length, "validations are told apart by what they say");
  return texts;
}

/** The validations that failed. An expression that could not be evaluated is a bug here. */
function warned({ headers }: ApiAnswer<KubeObject>): readonly string[] {
  const warnings = String(headers["warning"] ?? "").matchAll(
    /ValidatingAdmissionPolicy '[^']+' with binding '[^']+': ([^"]*)/g,
  );
  return [...warnings].map(
    ([, said = ""]) => TEXTS.find((text) => said.startsWith(text)) ?? assert.fail(`unknown: ${said}`),
  );
}

/** 64 containers, each with thirty volumes, forty variables and a probe. */
function largestPod(): PodObject {
  const names = Array.from({ length: 30 }, (_, index) => `data-${index}`);
  const container = change(finalPod(), []).spec.containers[0] ?? assert.fail();
  const containers = Array.from({ length: 60 }, (_, index) => ({
    ...container,
    ...agentContainer({ name: `agent-${index}`, ports: [] }),
    securityContext: container.securityContext,
    env: Array.from({ length: 40 }, (__, number) => ({ name: `VARIABLE_${number}`, value: "x".repeat(40) })),
    volumeMounts: names.map((name) => ({ name, mountPath: `/${name}` })),
  }));
  return change(finalPod(), [
    set("spec containers", containers),
    ...names.map((name) => append("spec volumes", { name, emptyDir: {} })),
  ]);
}

async function grant(cluster: Cluster, user: string, rules: readonly object[]): Promise<void> {
  const name = user.replaceAll(":", "-");
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const apiGroup = "rbac.authorization.k8s.io";
  const role = await cluster.api("POST", `${rbac}/clusterroles`, { metadata: { name }, rules });
  assert.equal(role.status, 201, said(role.body));
  const binding = await cluster.api("POST", `${rbac}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup, kind: "ClusterRole", name },
    subjects: [{ apiGroup, kind: "User", name: user }],
  });
  assert.equal(binding.status, 201, said(binding.body));
}
