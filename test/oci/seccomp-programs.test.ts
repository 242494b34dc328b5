import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import { PARTS, type ProfileName, profileOf } from "../../seccomp/profiles.ts";
import { requirement } from "../require.ts";
import { type Bundle, haveOci, hostRoot, requireOci, runBundle } from "./oci.ts";

const need = requireOci();
const JAVA = "/usr/bin/java";
const CHROMIUM = "/usr/bin/chromium";
const java = requirement("java", haveOci() && existsSync(JAVA), "needs runc and /usr/bin/java");
const chromium = requirement("chromium", haveOci() && existsSync(CHROMIUM), "needs runc and /usr/bin/chromium");

const NODE = `
  const { Worker } = require("node:worker_threads");
  const { execFileSync, fork } = require("node:child_process");
  const fs = require("node:fs");
  const dns = require("node:dns").promises;
  const http = require("node:http");
  const net = require("node:net");
  (async () => {
    const server = http.createServer((request, response) => response.end("over TCP")).listen(0, "127.0.0.1");
    await new Promise((go) => server.once("listening", go));
    const url = "http://127.0.0.1:" + server.address().port;
    console.log(await (await fetch(url)).text());
    server.close(); server.closeAllConnections();
    const local = net.createServer((socket) => socket.end("over a local socket")).listen("/tmp/local");
    await new Promise((go) => local.once("listening", go));
    console.log(await new Promise((go) => net.connect("/tmp/local").once("data", (data) => go(String(data)))));
    local.close();
    console.log(await new Promise((go) => new Worker("postMessage = require('node:worker_threads').parentPort.postMessage('in a thread')", { eval: true }).once("message", go)));
    console.log(execFileSync("/bin/echo", ["in a process"], { encoding: "utf8" }).trim());
    console.log((await dns.lookup("localhost")).address, os.networkInterfaces().lo.length > 0);
    const seen = new Promise((go) => { const watcher = fs.watch("/tmp", () => { watcher.close(); go("watched"); }); });
    fs.writeFileSync("/tmp/file", "x"); fs.chmodSync("/tmp/file", 0o600); fs.copyFileSync("/tmp/file", "/tmp/copy");
    console.log(await seen, (await WebAssembly.instantiate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))).module instanceof WebAssembly.Module);
    const db = new (require("node:sqlite").DatabaseSync)("/tmp/db"); db.exec("pragma journal_mode=wal; create table t (a); insert into t values (7)");
    console.log(db.prepare("select a from t").get().a);
  })();
`;

const PYTHON = `
import asyncio, multiprocessing, os, socket, sqlite3, subprocess, tempfile, threading
def square(n): return n * n
said = []
thread = threading.Thread(target=lambda: said.append("in a thread")); thread.start(); thread.join()
print(said[0], subprocess.run(["/bin/echo", "in a process"], capture_output=True, text=True).stdout.strip())
with multiprocessing.Pool(2) as pool: print(pool.map(square, [2, 3]))
async def main():
    server = await asyncio.start_server(lambda r, w: (w.write(b"over TCP"), w.close()), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    print((await reader.read()).decode())
    child = await asyncio.create_subprocess_exec("/bin/echo", "awaited", stdout=asyncio.subprocess.PIPE)
    print((await child.communicate())[0].decode().strip())
asyncio.run(main())
print(socket.getaddrinfo("localhost", 80)[0][4][1], len(socket.if_nameindex()) > 0)
db = sqlite3.connect(os.path.join(tempfile.mkdtemp(), "db")); db.execute("create table t (a)"); db.commit(); print("stored")
`;

const GIT = `
set -e
export HOME=/tmp GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
git init -q /tmp/one && cd /tmp/one && echo text > file && git add file && git commit -q -m first
git gc -q && git clone -q --no-local /tmp/one /tmp/two && cd /tmp/two && git log --format=%s && git status --short
seq 100000 | sort -n --parallel=2 | tail -1 | xargs echo; tar cf - file | tar tf -
`;

const JAVA_PROGRAM = `
import java.net.*; import java.nio.file.*; import java.util.concurrent.*;
public class Main { public static void main(String[] a) throws Exception {
  var pool = Executors.newFixedThreadPool(4);
  System.out.println(pool.submit(() -> "in a thread").get()); pool.shutdown();
  var server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
  var client = new Socket(server.getInetAddress(), server.getLocalPort());
  var other = server.accept(); other.getOutputStream().write("over TCP".getBytes()); other.close();
  System.out.println(new String(client.getInputStream().readAllBytes()));
  System.out.println(new String(new ProcessBuilder("/bin/echo", "in a process").start().getInputStream().readAllBytes()).trim());
  Files.writeString(Path.of("/tmp/file"), "x"); System.gc();
  System.out.println(NetworkInterface.getNetworkInterfaces().hasMoreElements());
} }
`;

interface Program {
  readonly name: string;
  readonly need: { readonly skip: string | false };
  readonly args: readonly string[];
  readonly stdout: string;
}

const PROGRAMS: readonly Program[] = [
  {
    name: "node: HTTP, local sockets, threads, processes, names, watching, WebAssembly, SQLite",
    need,
    args: [process.execPath, "-e", NODE],
    stdout: "over TCP\nover a local socket\nin a thread\nin a process\n127.0.0.1 true\nwatched true\n7\n",
  },
  {
    name: "python3: threads, subprocess, multiprocessing, asyncio, SQLite",
    need,
    args: ["/usr/bin/python3", "-I", "-c", PYTHON],
    stdout: "in a thread in a process\n[4, 9]\nover TCP\nawaited\n80 True\nstored\n",
  },
  { name: "git, a shell, pipes, tar", need, args: ["/bin/sh", "-c", GIT], stdout: "first\n100000\nfile\n" },
  {
    name: "a JVM: compiler, threads, sockets, a process",
    need: java,
    args: [
      "/bin/sh",
      "-c",
      `cat > /tmp/Main.java <<'END'\n${JAVA_PROGRAM}END\nexec ${JAVA} -Djava.net.preferIPv4Stack=false /tmp/Main.java`,
    ],
    stdout: "in a thread\nover TCP\nin a process\ntrue\n",
  },
];

function bundle(name: ProfileName, args: readonly string[]): Bundle {
  return { ...hostRoot(), args, seccomp: profileOf(PARTS[name]), env: { HOME: "/tmp" } };
}

describe("what agents are written in runs under the profile", need, () => {
  for (const name of ["agent", "browser"] as const) {
    for (const program of PROGRAMS) {
      test(`sluice-${name}: ${program.name}`, program.need, async () => {
        const ran = await runBundle(bundle(name, program.args));
        assert.deepEqual({ ...ran, stderr: "" }, { code: 0, stdout: program.stdout, stderr: "" }, ran.stderr);
        assert.doesNotMatch(ran.stderr, /not permitted|EPERM/i);
      });
    }
  }
});

describe("Chromium with its own sandbox", chromium, () => {
  // Its zygote needs /dev/shm and a home; its sandbox the namespaces of the browser profile.
  const args = [
    CHROMIUM,
    "--headless=new",
    "--disable-gpu",
    "--no-first-run",
    "--user-data-dir=/tmp/chromium",
    "--dump-dom",
    "data:text/html,<p id=p></p><script>p.textContent=6*7</script>",
  ];

  test("sluice-browser: a page's script runs", chromium, async () => {
    const ran = await runBundle(bundle("browser", args));
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /<p id="p">42<\/p>/);
  });
  test("sluice-agent: no sandbox can be had, and it does not start without", chromium, async () => {
    const ran = await runBundle(bundle("agent", args));
    assert.notEqual(ran.code, 0);
    assert.match(ran.stderr, /No usable sandbox/);
  });
});
