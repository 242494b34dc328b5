{{- /* spec.injection.seccomp of controller.yaml, as YAML. The paths are those of seccomp/profiles.ts (a test holds them equal). */}}
{{- define "sluice.seccomp" -}}
{{- $known := .Files.Get "files/seccomp-profiles.yaml" | fromYaml -}}
{{- $mode := .Values.seccomp.mode -}}
{{- if eq $mode "runtimeDefault" -}}
mode: runtimeDefault
{{- else -}}
mode: localhost
profiles:
{{- if eq $mode "spo" }}
{{ toYaml $known.operator | indent 2 }}
{{- else if and (eq $mode "external") .Values.seccomp.profiles }}
{{ toYaml .Values.seccomp.profiles | indent 2 }}
{{- else }}
{{ toYaml $known.localhost | indent 2 }}
{{- end }}
{{- end }}
{{- end }}
