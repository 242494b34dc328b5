import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { join, normalize } from "node:path";

/**
 * The outside world's web servers, on ports 443 and 80 of every address there is: files of a directory, a package's
 * metadata, and at `/where` the address that the connection came to. Run in a namespace of its own:
 * `node web.ts KEY CERTIFICATE DIRECTORY`; it says `serving` once it does.
 */
const [key = "", certificate = "", directory = ""] = process.argv.slice(2);

const serve: RequestListener = (request, response) => {
  const path = new URL(request.url ?? "/", "http://outside.example").pathname;
  if (path === "/where") {
    response.end(`${request.socket.localAddress ?? "?"} ${request.headers.host ?? ""}\n`);
    return;
  }
  if (path === "/left-pad") {
    response.setHeader("content-type", "application/json");
    const version = { name: "left-pad", version: "7.7.7", dist: { tarball: "http://packages.example/x.tgz" } };
    response.end(
      JSON.stringify({ name: "left-pad", "dist-tags": { latest: "7.7.7" }, versions: { "7.7.7": version } }),
    );
    return;
  }
  try {
    response.end(readFileSync(join(directory, normalize(path))));
  } catch {
    response.statusCode = 404;
    response.end("no such file\n");
  }
};

const servers = [
  createHttpsServer({ key: readFileSync(key), cert: readFileSync(certificate) }, serve).listen(443, "::"),
  createHttpServer(serve).listen(80, "::"),
];
await Promise.all(servers.map(async (server) => new Promise((resolve) => server.once("listening", resolve))));
console.log("serving");
