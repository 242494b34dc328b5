import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { Resolver } from "node:dns/promises";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { auditRecord, auditRecords } from "../fakes/audit-records.ts";
import { type DnsScript, fakeDns } from "../fakes/dns-server.ts";
import { clientHello } from "../fakes/client-hello.ts";
import { httpOrigin, tcpOrigin, testCa } from "../fakes/origins.ts";
import { rawRequest } from "../fakes/raw-client.ts";
import { addressFor, replyTo, securedDns } from "../fakes/secured-dns.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { askSocks } from "../fakes/socks-client.ts";
import { requirement } from "../require.ts";

const LONG = `${"long.".repeat(16)}test`;
const SIXTEEN = Array.from({ length: 16 }, (_, index) => `2001:4860::${index + 1}`);
const SCRIPT: Readonly<Record<string, DnsScript>> = {
  "A api.test": { addresses: ["8.8.8.8", "10.0.0.1"], ttl: 10 },
  "AAAA api.test": { addresses: ["2001:4860::1"], ttl: 10 },
  [`A ${LONG}`]: {},
  [`AAAA ${LONG}`]: { addresses: SIXTEEN },
  "A gone.test": { failure: "NXDOMAIN" },
  "AAAA gone.test": { failure: "NXDOMAIN" },
};
const ALLOW = [`{ id: api, hosts: [api.test, gone.test, ${LONG}], ports: [443] }`];

async function withSidecar(
  resolver: string,
  settings: readonly string[],
  use: (sidecar: Sidecar, dns: Resolver) => Promise<void>,
): Promise<void> {
  await using sidecar = await startSidecar({
    allow: ALLOW,
    settings: ["limits: { drain: 100ms }", `resolver: { ${resolver}, timeout: 1s }`, ...settings],
  });
  const dns = new Resolver({ timeout: 4_000, tries: 1 });
  dns.setServers([`127.0.0.1:${sidecar.dnsPort}`]);
  await use(sidecar, dns);
}

test("INV-DNS-POLICY: the sidecar answers allowed names and nobody learns of others", async () => {
  const upstream = await fakeDns(SCRIPT);
  try {
    await withSidecar(`servers: ["${upstream.server}"]`, [], async (sidecar, dns) => {
      assert.deepEqual(await dns.resolve4("api.test", { ttl: true }), [{ address: "8.8.8.8", ttl: 10 }]);
      assert.deepEqual(await dns.resolve6("api.test"), ["2001:4860::1"]);
      // Over UDP it is cut; c-ares comes again over TCP.
      assert.deepEqual(await dns.resolve6(LONG), SIXTEEN);
      const six = new Resolver({ timeout: 4_000, tries: 1 });
      six.setServers([`[::1]:${sidecar.dnsPort}`]);
      assert.deepEqual(await six.resolve4("api.test"), ["8.8.8.8"]);
      await assert.rejects(dns.resolveTxt("api.test"), { code: "ENODATA" });
      await assert.rejects(dns.resolve4("gone.test"), { code: "ENOTFOUND" });
      const before = upstream.questions.length;
      await assert.rejects(dns.resolve4("secret-data.evil.test"), { code: "ENOTFOUND" });
      await assert.rejects(dns.resolveTxt("secret-data.evil.test"), { code: "ENOTFOUND" });
      await assert.rejects(dns.resolve4("sub.api.test"), { code: "ENOTFOUND" });
      await assert.rejects(dns.reverse("8.8.8.8"), { code: "ENOTFOUND" });
      assert.equal(upstream.questions.length, before);
      assert.ok(upstream.questions.every((question) => !question.includes("evil")));

      const denied = await auditRecord(sidecar.auditDirectory, ({ target }) => target === "secret-data.evil.test");
      assert.deepEqual(
        [denied.kind, denied.action, denied.decision, denied.reason],
        ["dns", "dns.A", "deny", "host_not_allowed"],
      );
      const allowed = auditRecords(sidecar.auditDirectory).filter(({ target }) => target === "api.test");
      assert.deepEqual(
        allowed.map(({ action, rule, detail }) => [action, rule, detail["addresses"], detail["removed"]]),
        [
          ["dns.A", "api", ["8.8.8.8"], ["10.0.0.1"]],
          ["dns.AAAA", "api", ["2001:4860::1"], []],
          ["dns.TYPE16", "api", [], undefined],
        ],
      );
      const metrics = await (await fetch(`http://127.0.0.1:${sidecar.adminPort}/metrics`)).text();
      assert.match(metrics, /^sluice_dns_queries_total\{decision="deny"\} 4$/m);
    });
  } finally {
    await upstream.close();
  }
});

test("INV-DNS-POLICY: a policy that comes into force counts for the next question", async () => {
  const upstream = await fakeDns(SCRIPT);
  try {
    await withSidecar(`servers: ["${upstream.server}"]`, [], async (sidecar, dns) => {
      assert.deepEqual(await dns.resolve4("api.test"), ["8.8.8.8"]);
      sidecar.publish(["{ id: other, hosts: [other.test], ports: [443] }"]);
      const deadline = Date.now() + 8_000;
      for (;;) {
        const code = await dns.resolve4("api.test").then(
          () => "answered",
          (error: unknown) => (error as NodeJS.ErrnoException).code,
        );
        if (code === "ENOTFOUND") break;
        assert.ok(Date.now() < deadline, code ?? "no code");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    });
  } finally {
    await upstream.close();
  }
});

test("INV-DNS-POLICY: in quarantine, and where the governance policy denies a name, nobody is asked", async () => {
  const upstream = await fakeDns({
    "A a.wild.test": { addresses: ["8.8.8.8"], ttl: 10 },
    "A secret.wild.test": { addresses: ["8.8.8.8"], ttl: 10 },
    "A path.wild.test": { addresses: ["8.8.8.8"], ttl: 10 },
    "A ask.wild.test": { addresses: ["8.8.8.8"], ttl: 10 },
  });
  try {
    await using sidecar = await startSidecar({
      allow: [
        "{ id: path, hosts: [path.wild.test], ports: [80], protocol: http }",
        "{ id: wild, hosts: ['*.wild.test'], ports: [443] }",
      ],
      governance: [
        "delegate: [egress]",
        "rules:",
        "  - { id: no-gov, effect: deny, actions: [egress], when: { host: { names: [gov.wild.test] } } }",
        "  - { id: tls, effect: deny, actions: [egress], when: { host: { names: [path.wild.test] }, port: { in: [443] } } }",
        "  - { id: ask, effect: require_approval, actions: [egress], when: { host: { names: [ask.wild.test] } } }",
        "behavior: [{ id: storm, detector: denials, count: 5, window: 10m, response: { kind: quarantine } }]",
      ],
      settings: ["limits: { drain: 100ms }", `resolver: { servers: ["${upstream.server}"], timeout: 1s }`],
    });
    const dns = new Resolver({ timeout: 4_000, tries: 1 });
    dns.setServers([`127.0.0.1:${sidecar.dnsPort}`]);
    // Some port of it, or an approval, may lead there still.
    for (const name of ["a", "path", "ask"]) assert.deepEqual(await dns.resolve4(`${name}.wild.test`), ["8.8.8.8"]);
    await assert.rejects(dns.resolve4("gov.wild.test"), { code: "ENOTFOUND" });
    for (let host = 0; host < 5; host += 1) {
      await rawRequest(sidecar.port, `CONNECT no${host}.test:443 HTTP/1.1\r\nHost: no${host}.test:443\r\n\r\n`);
    }
    await auditRecord(sidecar.auditDirectory, ({ kind }) => kind === "governance.alert");
    for (const name of ["secret", "path", "a"]) {
      await assert.rejects(dns.resolve4(`${name}.wild.test`), { code: "ENOTFOUND" });
    }
    assert.ok(
      upstream.questions.every((question) => !/secret|gov/.test(question)),
      upstream.questions.join(),
    );
    const refused = async (name: string) => {
      const target = `${name}.wild.test`;
      const is = (one: { readonly target: string; readonly decision: string }) =>
        one.target === target && one.decision === "deny";
      const { action, reason, rule } = await auditRecord(sidecar.auditDirectory, is);
      return [action, reason, rule];
    };
    assert.deepEqual(await refused("gov"), ["dns.A", "governance_denied", "no-gov"]);
    assert.deepEqual(await refused("secret"), ["dns.A", "governance_denied", "behavior/storm"]);
    assert.deepEqual(await refused("path"), ["dns.A", "governance_denied", "behavior/storm"]);
  } finally {
    await upstream.close();
  }
});

test("synthetic answers ask nobody", async () => {
  const upstream = await fakeDns({});
  try {
    await withSidecar(`servers: ["${upstream.server}"]`, ["dns: { answers: synthetic }"], async (_, dns) => {
      const [address = ""] = await dns.resolve4("api.test");
      assert.match(address, /^198\.1[89]\./);
      await assert.rejects(dns.resolve4("evil.test"), { code: "ENOTFOUND" });
      assert.deepEqual(upstream.questions, []);
    });
  } finally {
    await upstream.close();
  }
});

for (const over of ["tls", "https"] as const) {
  test(`INV-DNS-UPSTREAM: the sidecar asks over ${over}, by the authority it was given`, async () => {
    const directory = await mkdtemp(join(tmpdir(), "sluice-dns-"));
    try {
      await using upstream = await securedDns(over, (asked) =>
        replyTo(asked, { answers: [{ ...addressFor(asked, 1), ...(asked.type === 1 ? { data: [8, 8, 8, 8] } : {}) }] }),
      );
      const caFile = join(directory, "ca.pem");
      writeFileSync(caFile, testCa().certificatePem);
      const resolver = `servers: ["${upstream.server}"], over: ${over}, serverName: dns.test, caFile: ${caFile}`;
      await withSidecar(resolver, [], async (_, dns) => {
        assert.deepEqual(await dns.resolve4("api.test"), ["8.8.8.8"]);
        await assert.rejects(dns.resolve4("evil.test"), { code: "ENOTFOUND" });
        assert.deepEqual([...new Set(upstream.seen.questions.map(({ name }) => name))], ["api.test"]);
        assert.equal(upstream.seen.connections, 1);
      });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
}

test("INV-DNS-TUNNEL: the doors share one count of invented names, and what was told is free at each", async () => {
  const upstream = await fakeDns({
    "A n0.wild.test": { addresses: ["127.0.0.1"], ttl: 0 },
    "AAAA n0.wild.test": {},
  });
  const tcp = await tcpOrigin((socket) => socket.end("reached"));
  const web = await httpOrigin();
  const wild = (id: string, more: string): string => `{ id: ${id}, hosts: ["*.wild.test"], ${more} }`;
  try {
    await using sidecar = await startSidecar({
      allow: [
        wild("raw", `ports: [${tcp.port}], addresses: ["127.0.0.1:${tcp.port}"], protocol: tcp`),
        wild("web", `ports: [80, ${web.port}], addresses: ["127.0.0.1:${web.port}"], protocol: http`),
        wild("tls", "ports: [443]"),
      ],
      settings: [
        "limits: { drain: 100ms }",
        "dns: { namesPerHour: 1 }",
        `resolver: { servers: ["${upstream.server}"], timeout: 1s, hosts: { pinned.wild.test: [127.0.0.1] } }`,
      ],
    });
    const connectTo = async (name: string): Promise<string> => {
      const host = `${name}:${tcp.port}`;
      const head = `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
      return (await rawRequest(sidecar.port, head, { quiet: 5_000, until: /reached$|"\}\}$/ })).text;
    };
    assert.match(await connectTo("n0.wild.test"), /^HTTP\/1\.1 200 [^]*reached$/);
    const dns = new Resolver({ timeout: 4_000, tries: 1 });
    dns.setServers([`127.0.0.1:${sidecar.dnsPort}`]);
    // Allowed, told already.
    assert.deepEqual(await dns.resolve4("n0.wild.test"), ["127.0.0.1"]);
    assert.match(await connectTo("n0.wild.test"), /^HTTP\/1\.1 200 /);
    assert.match(await connectTo("pinned.wild.test"), /^HTTP\/1\.1 200 /, "nobody is told");

    const secret = "c2VjcmV0".toLowerCase();
    const over = /^HTTP\/1\.1 429 [^]*Sluice-Reason: rate_limited\r/;
    assert.match(await connectTo(`${secret}1.wild.test`), over);
    const host = `${secret}2.wild.test:${web.port}`;
    const plain = await rawRequest(sidecar.port, `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert.match(plain.text, over);
    const redirected = await rawRequest(sidecar.httpPort, `GET / HTTP/1.1\r\nHost: ${secret}3.wild.test\r\n\r\n`);
    assert.match(redirected.text, over);
    const socks = await askSocks(sidecar.port, `${secret}4.wild.test`, tcp.port);
    assert.ok("reply" in socks);
    await rawRequest(sidecar.tlsPort, clientHello(`${secret}5.wild.test`));
    const fetched = await fetch(`http://127.0.0.1:${sidecar.agentPort}/egress/v1/fetch`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ url: `http://${secret}6.wild.test:${web.port}/` }),
    });
    assert.match(await fetched.text(), /rate_limited/);
    await assert.rejects(dns.resolve4(`${secret}7.wild.test`));

    assert.ok(
      upstream.questions.every((question) => question.endsWith(" n0.wild.test")),
      upstream.questions.join(),
    );
    for (let door = 1; door <= 7; door++) {
      const { reason, detail } = await auditRecord(sidecar.auditDirectory, ({ target }) =>
        target.startsWith(`${secret}${door}.`),
      );
      assert.equal(reason, "rate_limited", `door ${door}`);
      assert.match(String(detail["detail"] ?? detail["cause"]), /^Too many names below this wildcard/);
    }
  } finally {
    await upstream.close();
    await tcp[Symbol.asyncDispose]();
    await web[Symbol.asyncDispose]();
  }
});

const haveDig = spawnSync("dig", ["-v"]).status === 0;

test("dig reads every answer", requirement("dig", haveDig, "needs dig"), async () => {
  const upstream = await fakeDns(SCRIPT);
  try {
    await withSidecar(`servers: ["${upstream.server}"]`, [], async (sidecar) => {
      const dig = async (...words: string[]): Promise<string> =>
        (
          await promisify(execFile)("dig", [
            "-p",
            String(sidecar.dnsPort),
            "@127.0.0.1",
            "+time=2",
            "+tries=1",
            ...words,
          ])
        ).stdout;
      const found = await dig("api.test", "A");
      assert.match(found, /status: NOERROR/);
      assert.match(found, /^api\.test\.\t+\d+\tIN\tA\t8\.8\.8\.8$/m);
      assert.doesNotMatch(found, /malformed|WARNING|10\.0\.0\.1/);
      const refused = await dig("+tcp", "evil.test", "AAAA");
      assert.match(refused, /status: NXDOMAIN/);
      assert.match(refused, /EDE: 18 \(Prohibited\): \(sluice: host_not_allowed\)/);
      assert.match(refused, /^evil\.test\.\t+5\tIN\tSOA\tsluice\.invalid\. sluice\.invalid\. 1 3600 600 86400 5$/m);
      assert.match(await dig("+noedns", LONG, "AAAA"), /2001:4860::10$/m, "over TCP by itself");
      assert.match(await dig("+noedns", "+ignore", LONG, "AAAA"), /flags: qr tc rd ra/);
      assert.match(await dig("api.test", "HTTPS"), /status: NOERROR[^]*ANSWER: 0, AUTHORITY: 1/);
      assert.match(await dig("version.bind", "TXT", "-c", "CH"), /status: REFUSED/);
      assert.match(await dig("+edns=1", "+noednsneg", "api.test"), /status: BADVERS/);
    });
  } finally {
    await upstream.close();
  }
});
