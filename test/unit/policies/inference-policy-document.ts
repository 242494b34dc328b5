/** A valid InferencePolicy, from which tests make invalid ones: each part that a row replaces stands in it once. */
export const INFERENCE_POLICY = `apiVersion: sluice.dev/v1alpha1
kind: InferencePolicy
metadata: { name: research-models }
spec:
  version: 3
  issuedAt: "2026-11-20T00:00:00Z"
  expiresAt: "2027-02-20T00:00:00Z"
  audience: { namespaces: [research], agents: ["*"] }
  providers:
    - id: openai
      api: openai
      endpoint: https://api.openai.com/v1
      credential: { file: openai-key }
      tls: { caFile: corp.pem, serverName: origin.example }
      addresses: ["10.0.0.5:443"]
      timeouts: { connect: 4s, firstToken: 50s, idle: 30s, total: 9m }
      streamUsage: false
    - id: azure-eu
      api: azure
      endpoint: https://eu.openai.azure.com
      apiVersion: 2024-10-21
      credential: { azureWorkloadIdentity: { tenant: t-1, client: c-1, tokenFile: azure-token } }
    - id: node
      api: ollama
      endpoint: http://127.0.0.1:11434
      credential: { none: true }
      addresses: ["127.0.0.1:11434"]
    - id: cloud
      api: bedrock
      endpoint: https://bedrock-runtime.eu-west-1.amazonaws.com
      credential: { awsFile: { file: aws-keys, region: eu-west-1 } }
  models:
    - name: gpt-5
      aliases: [default]
      context: 400000
      maxOutput: 16384
      price: { input: 1.25, cacheRead: "0.125", output: 10, toolCall: 0.01 }
      targets:
        - { provider: openai, model: gpt-5-2026, weight: 3 }
        - { provider: azure-eu, model: gpt5-deployment }
    - name: anthropic/claude@bedrock
      maxOutput: 8192
      targets: [{ provider: cloud, model: claude-x }, { provider: node, model: "llama3:8b" }]
  budgets:
    - { id: pod-day, scope: pod, window: day, tokens: 2000000 }
    - { id: spend, window: month, usd: 49.5, models: [gpt-5], cut: true }
    - { id: rolling, window: 6h, requests: 100, scope: model }
    - { id: call, window: request, tokens: 50000 }
  rateLimits:
    - { id: rpm, requestsPerMinute: 60 }
    - { id: tpm, tokensPerMinute: 90000, models: [anthropic/claude@bedrock] }
    - { id: at-once, concurrent: 4 }
  guardrails:
    - id: no-secrets
      on: [input, output]
      patterns: { builtIn: [api_key, jwt], regex: ["ticket-[0-9]+"] }
      action: mask
    - { id: asked, on: [input], webhook: { url: "http://guard.example:8080/check?v=1", tokenFile: guard-token }, timeout: 3s }
    - { id: moderated, on: [output], moderation: { provider: openai }, models: [gpt-5] }
  contentFilter: { hate: medium, violence: high }
`;
