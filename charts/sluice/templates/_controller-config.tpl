{{- /* controller.yaml. toYaml goes by way of JSON, so that whole numbers stay whole. */}}
{{- define "sluice.controllerConfig" -}}
{{- $certificates := dict "mode" .Values.certificates.mode }}
{{- if eq .Values.certificates.mode "auto" }}
{{- $_ := merge $certificates (dict "secret" .Values.certificates.secretName "caDays" .Values.certificates.caDays "leafDays" .Values.certificates.leafDays) }}
{{- else }}
{{- $_ := set $certificates "directory" "/etc/sluice/webhook-tls" }}
{{- $_ := set $certificates "caBundle" (ternary "repair" "leave" (eq (include "sluice.writesBundle" .) "true")) }}
{{- end }}
{{- $injection := omit .Values.injection "apiAudience" }}
{{- $_ := set $injection "routerImage" (include "sluice.routerImage" .) }}
{{- $_ := set $injection "guardImage" (include "sluice.guardImage" .) }}
{{- $_ := set $injection "pullPolicy" .Values.image.pullPolicy }}
{{- $_ := set $injection "seccomp" (include "sluice.seccomp" . | fromYaml) }}
{{- with .Values.injection.apiAudience }}
{{- $_ := set $injection "apiAudience" . }}
{{- end }}
{{- $spec := dict
  "namespace" .Release.Namespace
  "service" (include "sluice.fullname" .)
  "listen" (dict "webhookPort" .Values.ports.webhook "adminPort" .Values.ports.admin)
  "certificates" $certificates
  "exemptNamespaces" .Values.exemptNamespaces
  "injection" $injection
  "router" .Values.router
  "approvals" .Values.approvals
  "networkPolicy" (omit .Values.networkPolicy "controller")
  "log" .Values.log
}}
{{- toYaml (dict "apiVersion" "sluice.dev/v1alpha1" "kind" "ControllerConfig" "spec" $spec) }}
{{- end }}

{{- /* Whether the controller keeps the webhooks' caBundle. */}}
{{- define "sluice.writesBundle" -}}
{{- or (eq .Values.certificates.mode "auto") (and (eq .Values.certificates.mode "provided") (not .Values.certificates.caBundle)) }}
{{- end }}
