import type { Hostname } from "../wire/hostname.ts";

/**
 * Hosts where anybody may keep or receive something: allowing one allows to send data to whoever has an account there.
 * The list is for notes to reviewers and decides nothing. Names, and domains whose names belong to customers.
 */
const HOSTS: ReadonlySet<string> = new Set([
  "api.telegram.org",
  "bitbucket.org",
  "codeberg.org",
  "discord.com",
  "discordapp.com",
  "docs.google.com",
  "drive.google.com",
  "file.io",
  "gist.github.com",
  "gist.githubusercontent.com",
  "github.com",
  "gitlab.com",
  "hooks.slack.com",
  "pastebin.com",
  "raw.githubusercontent.com",
  "requestbin.com",
  "storage.googleapis.com",
  "transfer.sh",
  "webhook.site",
]);

const DOMAINS: readonly string[] = [
  "amazonaws.com",
  "appspot.com",
  "azureedge.net",
  "azurewebsites.net",
  "cloudfront.net",
  "core.windows.net",
  "digitaloceanspaces.com",
  "dropbox.com",
  "dropboxusercontent.com",
  "firebaseio.com",
  "githubusercontent.com",
  "github.io",
  "gitlab.io",
  "herokuapp.com",
  "linodeobjects.com",
  "netlify.app",
  "ngrok-free.app",
  "ngrok.app",
  "ngrok.io",
  "oraclecloud.com",
  "pages.dev",
  "pipedream.net",
  "r2.cloudflarestorage.com",
  "r2.dev",
  "requestbin.net",
  "run.app",
  "storage.googleapis.com",
  "supabase.co",
  "trycloudflare.com",
  "ts.net",
  "vercel.app",
  "wasabisys.com",
  "web.app",
  "workers.dev",
];

/** Words of names that are rarely anything else. */
const WORDS = /(?:^|[.-])(?:paste|pastebin|hastebin|bucket|s3|webhook|requestbin|ngrok|upload|transfer)(?:[.-]|$)/;

export function isSharedHost(name: Hostname | string): boolean {
  return HOSTS.has(name) || DOMAINS.some((domain) => isBelow(name, domain)) || WORDS.test(name);
}

function isBelow(name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`);
}
