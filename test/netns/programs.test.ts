import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ROUTER_UID } from "../../init-egress-guard/settings.ts";
import { auditRecord } from "../fakes/audit-records.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { requirement } from "../require.ts";
import { guardPod } from "./guarded.ts";
import { Lab, NODE } from "./lab.ts";
import { haveNetns, IP, must, PYTHON, SYSTEM_PATH } from "./system.ts";

/**
 * Programs that know of no proxy, in a guarded pod with the real sidecar: ports 443, 80 and 53 of everywhere lead to it.
 * Outside every address answers, so that whatever got around it would be seen to arrive.
 */
const netns = requirement("netns", haveNetns(), "needs root, ip netns, iptables, setpriv and /usr/bin/python3");
const AGENT_UID = 1_000;
/** Documentation addresses: routed like anybody's, and outside somebody answers. */
const ELSEWHERE = { ipv4: "203.0.113.77", ipv6: "2001:db8::77" };
const RESOLVER = "192.0.2.53";

describe("programs that ignore proxies", netns, () => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-programs-"));
  const at = (...parts: readonly string[]): string => join(directory, ...parts);
  const home = at("home");
  let lab: Lab;
  let web: ChildProcess;
  let sidecar: Sidecar;

  before(async () => {
    chmodSync(directory, 0o755);
    mkdirSync(home);
    chmodSync(home, 0o777);
    mkdirSync(at("files"));
    mkdirSync(at("ca"));
    writeFileSync(at("files", "hello"), "hello\n");
    const subject = [
      "-subj",
      "/CN=outside",
      "-addext",
      "subjectAltName=DNS:web.example,DNS:deep.example,DNS:git.example",
    ];
    must(
      "openssl",
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        .concat(subject)
        .concat(["-keyout", at("key.pem"), "-out", at("certificate.pem")]),
    );
    chmodSync(at("certificate.pem"), 0o644);
    // Git's dumb protocol: files.
    const author = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
    must("git", ["init", "-q", at("work")]);
    must("git", ["-C", at("work"), ...author, "commit", "-q", "--allow-empty", "-m", "one"]);
    must("git", ["clone", "-q", "--bare", at("work"), at("files", "repo.git")]);
    must("git", ["-C", at("files", "repo.git"), "update-server-info"]);

    lab = new Lab();
    mkdirSync(`/etc/netns/${lab.pod}`, { recursive: true });
    writeFileSync(`/etc/netns/${lab.pod}/resolv.conf`, `nameserver ${RESOLVER}\noptions timeout:2 attempts:1\n`);
    await guardPod(lab, "nft");
    const serve = [process.execPath, join(import.meta.dirname, "web.ts"), at("key.pem"), at("certificate.pem")];
    web = spawn(IP, ["netns", "exec", lab.outside, ...serve, at("files")], { stdio: ["ignore", "pipe", "inherit"] });
    if (web.stdout !== null) await once(web.stdout, "data");
    const asRouter = ["setpriv", "--reuid", String(ROUTER_UID), "--regid", String(ROUTER_UID), "--clear-groups"];
    for (const name of ["sidecar/state", "sidecar/audit"]) {
      mkdirSync(at(name), { recursive: true });
      chownSync(at(name), ROUTER_UID, ROUTER_UID);
    }
    chownSync(at("ca"), ROUTER_UID, ROUTER_UID);
    const inPod = ["netns", "exec", lab.pod];
    const named = (port: number): string =>
      `addresses: ["${NODE.ipv4}:${port}", "[${NODE.ipv6}]:${port}"], ports: [${port}]`;
    sidecar = await startSidecar({
      directory: at("sidecar"),
      contractPorts: true,
      wrap: [IP, ...inPod, ...asRouter],
      ask: async (url) => {
        const curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url];
        return Number((await run(IP, [...inPod, ...asRouter, ...curl])).stdout);
      },
      allow: [
        `{ id: web, hosts: [web.example, git.example], ${named(443)} }`,
        `{ id: plain, hosts: [web.example, git.example, packages.example], ${named(80)}, protocol: http, http: { methods: [GET] } }`,
        `{ id: deep, hosts: [deep.example], ${named(443)}, inspect: true, http: { methods: [GET], paths: ["/hello", "/where"] } }`,
      ],
      hosts: Object.fromEntries(
        ["web.example", "git.example", "packages.example", "deep.example"].map((name) => [
          name,
          [NODE.ipv4, NODE.ipv6],
        ]),
      ),
      settings: [`inspection: { caFile: ${at("certificate.pem")}, directory: ${at("ca")} }`],
    });
  });
  after(async () => {
    await sidecar?.[Symbol.asyncDispose]();
    web?.kill("SIGTERM");
    if (lab !== undefined) {
      rmSync(`/etc/netns/${lab.pod}`, { recursive: true, force: true });
      await lab[Symbol.asyncDispose]();
    }
    rmSync(directory, { recursive: true, force: true });
  });

  interface Ran {
    readonly code: number;
    readonly stdout: string;
    readonly stderr: string;
    readonly milliseconds: number;
  }

  async function run(program: string, argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
    const began = performance.now();
    return new Promise((resolve) => {
      const options = { cwd: "/", timeout: 20_000, env: { PATH: SYSTEM_PATH, LC_ALL: "C", HOME: home, ...env } };
      execFile(program, argv, options, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, stdout, stderr, milliseconds: performance.now() - began });
      });
    });
  }

  /** As the agent, without a proxy variable. */
  async function agent(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
    const as = ["setpriv", "--reuid", String(AGENT_UID), "--regid", String(AGENT_UID), "--clear-groups"];
    return run(IP, ["netns", "exec", lab.pod, ...as, ...argv], env);
  }

  const CA = ["--cacert", at("certificate.pem")];
  const curl = (...argv: readonly string[]): readonly string[] => ["curl", "--noproxy", "*", "-sS", ...argv];
  const python = (url: string): readonly string[] => [
    PYTHON,
    "-c",
    "import urllib.request as u; print(u.build_opener(u.ProxyHandler({})).open('" +
      url +
      "', timeout=10).read().decode(), end='')",
  ];
  const trust = { SSL_CERT_FILE: at("certificate.pem"), GIT_SSL_CAINFO: at("certificate.pem") };

  const reached: readonly (readonly [
    name: string,
    argv: readonly string[],
    stdout: RegExp,
    env?: NodeJS.ProcessEnv,
  ])[] = [
    ["curl, https, IPv4", curl("-4", ...CA, "https://web.example/hello"), /^hello$/m],
    ["curl, https, IPv6", curl("-6", ...CA, "https://web.example/hello"), /^hello$/m],
    ["curl, http, IPv4", curl("-4", "http://web.example/hello"), /^hello$/m],
    ["curl, http, IPv6", curl("-6", "http://web.example/hello"), /^hello$/m],
    ["curl, inspected", curl("--cacert", at("ca", "bundle.pem"), "https://deep.example/hello"), /^hello$/m],
    ["python, https", python("https://web.example/hello"), /^hello$/m, trust],
    ["python, http", python("http://web.example/hello"), /^hello$/m],
    ["git, https", ["git", "ls-remote", "https://git.example/repo.git"], /refs\/heads\//, trust],
    ["git, http", ["git", "ls-remote", "http://git.example/repo.git"], /refs\/heads\//],
    ["npm", ["npm", "view", "left-pad", "version", "--registry", "http://packages.example/"], /^7\.7\.7$/m],
    ["getent", ["getent", "ahostsv4", "web.example"], new RegExp(`^${NODE.ipv4.replaceAll(".", "\\.")} `, "m")],
  ];
  for (const [name, argv, stdout, env] of reached) {
    test(`INV-TRANSPARENT: what a rule allows is reached: ${name}`, async () => {
      const ran = await agent(argv, env);
      assert.match(ran.stdout, stdout, `${ran.code} ${ran.stderr} ${ran.stdout}`);
      assert.equal(ran.code, 0);
    });
  }

  for (const [family, address] of Object.entries(ELSEWHERE)) {
    const shown = family === "ipv6" ? `[${address}]` : address;
    const own = family === "ipv6" ? "-6" : "-4";
    test(`INV-TRANSPARENT: the address that the agent chose is never dialled: ${family}`, async () => {
      for (const [url, more, port] of [
        ["https://web.example/where", CA, 443],
        ["http://web.example/where", [], 80],
        ["https://deep.example/where", ["--cacert", at("ca", "bundle.pem")], 443],
      ] as const) {
        const host = new URL(url).hostname;
        const ran = await agent(curl(own, ...more, "--resolve", `${host}:${port}:${shown}`, url));
        const [where = ""] = ran.stdout.split(" ");
        const nodes = [NODE.ipv6, NODE.ipv4, `::ffff:${NODE.ipv4}`];
        assert.ok(nodes.includes(where), `${url}: ${ran.stdout}${ran.stderr}`);
      }
    });
  }

  const refused: readonly (readonly [name: string, argv: readonly string[], code: number, said: RegExp])[] = [
    ["a name that no rule names", curl("https://other.example/"), 6, /resolve/],
    [
      "its TLS, at an address the agent knows",
      curl("--resolve", `other.example:443:${ELSEWHERE.ipv4}`, "https://other.example/"),
      35,
      /alert/,
    ],
    [
      "its HTTP",
      curl("--resolve", `other.example:80:${ELSEWHERE.ipv4}`, "http://other.example/"),
      0,
      /"code":"host_not_allowed"/,
    ],
    ["another method", curl("-X", "DELETE", "http://web.example/hello"), 0, /"code":"method_not_allowed"/],
    [
      "another path, inspected",
      curl("--cacert", at("ca", "bundle.pem"), "https://deep.example/secret"),
      0,
      /"code":"path_not_allowed"/,
    ],
    ["TLS without a name", curl("-k", `https://${ELSEWHERE.ipv4}/`), 35, /unrecognized name/],
    ["the metadata service", curl("http://169.254.169.254/latest/meta-data/"), 0, /"code":"host_not_allowed"/],
    [
      "another port",
      curl("--resolve", `web.example:8443:${NODE.ipv4}`, "https://web.example:8443/"),
      7,
      /refused|connect/i,
    ],
    ["another DNS server, over TCP", ["getent", "ahostsv4", "other.example"], 2, /^$/],
  ];
  for (const [name, argv, code, said] of refused) {
    test(`INV-TRANSPARENT: what no rule allows is refused at once, and says why: ${name}`, async () => {
      const ran = await agent(argv);
      assert.equal(ran.code, code, `${ran.stderr} ${ran.stdout}`);
      assert.match(`${ran.stdout}${ran.stderr}`, said);
      assert.ok(ran.milliseconds < 5_000, `${ran.milliseconds} ms`);
    });
  }

  test("what came through is on record as what it was", async () => {
    for (const [kind, target, reason] of [
      ["egress.decision", "other.example:443", "host_not_allowed"],
      ["egress.decision", "other.example:80", "host_not_allowed"],
      ["dns", "other.example", "host_not_allowed"],
    ] as const) {
      const record = await auditRecord(
        sidecar.auditDirectory,
        (one) => one.kind === kind && one.target === target && one.reason === reason,
      );
      assert.equal(record.decision, "deny");
    }
  });
});
