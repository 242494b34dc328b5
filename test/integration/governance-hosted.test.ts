import assert from "node:assert/strict";
import { test } from "node:test";
import { auditRecord } from "../fakes/audit-records.ts";
import { startModelOrigin } from "../fakes/model-origin.ts";
import { modelPolicy, PROVIDER_KEY } from "../fakes/model-policy.ts";
import { startSidecar } from "../fakes/sidecar.ts";

/** Tools that a provider runs, where the model may have them and the governance policy says which. */
const MODELS = "  - { id: models, effect: allow, actions: [inference] }";
const RULES = [
  "rules:",
  MODELS,
  "  - { id: look, effect: allow, actions: [tool], when: { tool: { in: [search, web_search, web_search_options] } } }",
  "  - { id: ask, effect: require_approval, actions: [tool], when: { tool: { in: [pay] } } }",
  "  - { id: some, effect: rate_limit, actions: [tool], when: { tool: { in: [rare] } }, limit: { rate: { count: 9, window: 1h } } }",
  "  - { id: never, effect: deny, actions: [tool], when: { tool: { in: [delete_repo] } } }",
];
const ANY = ["rules:", MODELS, "  - { id: any, effect: allow, actions: [tool] }"];
const ALL_BUT_ONE = [
  "rules:",
  MODELS,
  "  - { id: most, effect: allow, actions: [tool], unless: { tool: { in: [delete_repo] } } }",
];

const RESPONSES = { path: "/v1/responses", api: "openai", body: { input: "hi" } } as const;
const CHAT = {
  path: "/v1/chat/completions",
  api: "openai",
  body: { messages: [{ role: "user", content: "x" }] },
} as const;
const MESSAGES = {
  path: "/v1/messages",
  api: "anthropic",
  body: { max_tokens: 9, messages: [{ role: "user", content: "x" }] },
} as const;
const GEMINI = {
  path: "/v1beta/models/test-model:generateContent",
  api: "gemini",
  body: { contents: [{ role: "user", parts: [{ text: "x" }] }] },
} as const;

const mcp = (more: object): object => ({
  tools: [{ type: "mcp", server_label: "gh", server_url: "https://x.test", ...more }],
});
const toolset = (configs: object): object => ({
  mcp_servers: [{ type: "url", url: "https://x.test", name: "gh" }],
  tools: [{ type: "mcp_toolset", mcp_server_name: "gh", default_config: { enabled: false }, configs }],
});
const configured = (allowed_tools: readonly string[]): object => ({
  mcp_servers: [
    { type: "url", url: "https://x.test", name: "gh", tool_configuration: { enabled: true, allowed_tools } },
  ],
});

/** `sent`, or the rule by which it is refused; `-`: by none. */
const table: readonly (readonly [
  name: string,
  call: typeof RESPONSES | typeof CHAT | typeof MESSAGES | typeof GEMINI,
  more: object,
  named: string,
  any: string,
])[] = [
  ["a server's named tools", RESPONSES, mcp({ allowed_tools: ["search"] }), "sent", "sent"],
  ["a server with all its tools", RESPONSES, mcp({}), "-", "sent"],
  ["a server with what only reads", RESPONSES, mcp({ allowed_tools: { read_only: true } }), "-", "sent"],
  ["a search", RESPONSES, { tools: [{ type: "web_search" }] }, "sent", "sent"],
  [
    "a search and an interpreter",
    RESPONSES,
    { tools: [{ type: "web_search" }, { type: "code_interpreter" }] },
    "-",
    "sent",
  ],
  ["a stored prompt", RESPONSES, { prompt: { id: "p" } }, "-", "sent"],
  ["a tool that needs an approval", RESPONSES, { tools: [{ type: "pay" }] }, "ask", "sent"],
  ["a tool that is limited", RESPONSES, { tools: [{ type: "rare" }] }, "-", "sent"],
  ["a chat's search", CHAT, { web_search_options: {} }, "sent", "sent"],
  ["a chat's other search", CHAT, { search_parameters: { mode: "on" } }, "-", "sent"],
  ["Groq's tools", CHAT, { compound_custom: { tools: { enabled_tools: ["search"] } } }, "-", "sent"],
  ["Cohere's connectors", CHAT, { connectors: [{ id: "web-search" }] }, "-", "sent"],
  [
    "a search beside a function",
    CHAT,
    { tools: [{ type: "browser_search", function: { name: "search" } }] },
    "-",
    "sent",
  ],
  ["a set with an allowed tool", MESSAGES, toolset({ search: { enabled: true } }), "sent", "sent"],
  [
    "a set with a denied tool",
    MESSAGES,
    toolset({ search: { enabled: true }, delete_repo: { enabled: true } }),
    "never",
    "sent",
  ],
  ["a server with an allowed tool", MESSAGES, configured(["search"]), "sent", "sent"],
  ["a server with a denied tool", MESSAGES, configured(["search", "delete_repo"]), "never", "sent"],
  [
    "a server's denied tool that the agent has too",
    MESSAGES,
    { ...configured(["delete_repo"]), tools: [{ name: "delete_repo", input_schema: { type: "object" } }] },
    "never",
    "sent",
  ],
  ["a dated search", MESSAGES, { tools: [{ type: "web_search_20250305", name: "web_search" }] }, "sent", "sent"],
  ["a dated fetch", MESSAGES, { tools: [{ type: "web_fetch_20250910", name: "web_search" }] }, "-", "sent"],
  ["Google's search", GEMINI, { tools: [{ googleSearch: {} }] }, "-", "sent"],
  ["a cached content", GEMINI, { cachedContent: "cachedContents/x" }, "-", "sent"],
];

for (const [index, governance] of [RULES, ANY].entries()) {
  for (const api of ["openai", "anthropic", "gemini"]) {
    test(`INV-GOV-UNSEEN: what ${api} runs is judged, where ${index === 0 ? "some tools are" : "any tool is"} allowed`, async () => {
      await using origin = await startModelOrigin(() => ({}));
      await using sidecar = await startSidecar({
        allow: [],
        governance,
        models: modelPolicy(origin, { api, model: ["hostedTools: true"] }),
        secrets: { "provider-key": PROVIDER_KEY },
        settings: ["limits: { drain: 200ms }"],
      });
      for (const [name, call, more, named, any] of table) {
        if (call.api !== api) continue;
        const before = origin.requests.length;
        const response = await fetch(`http://127.0.0.1:${sidecar.agentPort}${call.path}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ model: "test-model", ...call.body, ...more }),
        });
        const text = await response.text();
        const isSent = origin.requests.length > before;
        const rule = /"rule":"([a-z]+)"/.exec(text)?.[1] ?? "-";
        if (!isSent) assert.match(text, /governance_denied|not allowed|refused|judged/, name);
        assert.equal(isSent ? "sent" : rule, index === 0 ? named : any, `${name}: ${response.status} ${text}`);
      }
      if (index === 0 && api === "anthropic") {
        const record = await auditRecord(
          sidecar.auditDirectory,
          ({ kind, target }) => kind === "governance.decision" && target === "function/delete_repo",
        );
        assert.deepEqual([record.decision, record.rule], ["deny", "never"]);
      }
    });
  }
}

test("INV-GOV-UNSEEN: a rule that allows all but some names lets no nameless tool of a provider through", async () => {
  await using origin = await startModelOrigin(() => ({}));
  await using sidecar = await startSidecar({
    allow: [],
    governance: ALL_BUT_ONE,
    models: modelPolicy(origin, { model: ["hostedTools: true"] }),
    secrets: { "provider-key": PROVIDER_KEY },
    settings: ["limits: { drain: 200ms }"],
  });
  for (const [more, status] of [
    [mcp({}), 403],
    [mcp({ allowed_tools: ["*"] }), 403],
    [mcp({ allowed_tools: { tool_names: ["search", "*"] } }), 403],
    [mcp({ allowed_tools: [] }), 403],
    [mcp({ allowed_tools: ["search"] }), 200],
    [mcp({ allowed_tools: ["delete_repo"] }), 200],
  ] as const) {
    const response = await fetch(`http://127.0.0.1:${sidecar.agentPort}${RESPONSES.path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "test-model", input: "hi", ...more }),
    });
    await response.text();
    assert.equal(response.status, status);
  }
  // It went without the one tool that is denied, and so without the server.
  assert.equal(JSON.parse(origin.requests.at(-1)?.body.toString() ?? "{}").tools, undefined);
});
