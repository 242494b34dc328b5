// oxlint-disable -- plain JavaScript, outside of every tsconfig: it runs from the command line of a pod
// Run by `helm test` with the image's engine: the controller is ready, and its webhook port speaks TLS under its own name.
import { connect } from "node:tls";

// Arguments: URL of /readyz, URL of the webhooks, seconds after which it gives up.
const [, readyz, webhook, seconds] = process.argv;
const deadline = Date.now() + Number(seconds) * 1_000;

async function ready() {
  const answer = await fetch(readyz, { signal: AbortSignal.timeout(5_000) });
  const said = await answer.text();
  if (answer.status !== 200) throw new Error(`${readyz} answered ${answer.status}: ${said.slice(0, 1_000)}`);
}

function names() {
  const { hostname, port } = new URL(webhook);
  return new Promise((resolve, reject) => {
    // Whose CA it is, is between API server and controller; here it is asked whose name it bears.
    const socket = connect({
      host: hostname,
      port: Number(port) || 443,
      servername: hostname,
      rejectUnauthorized: false,
    });
    socket.setTimeout(5_000, () => socket.destroy(new Error(`${webhook} does not answer`)));
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      const found = socket.getPeerCertificate().subjectaltname ?? "";
      socket.destroy();
      if (found.split(", ").includes(`DNS:${hostname}`)) resolve();
      else reject(new Error(`the certificate of ${webhook} is for ${found}`));
    });
  });
}

for (;;) {
  try {
    await ready();
    await names();
    console.log("The controller is ready.");
    break;
  } catch (error) {
    if (Date.now() > deadline) throw error;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
}
