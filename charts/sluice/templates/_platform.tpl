{{- /* What cannot work is said now and not by pods that never start. */}}
{{- define "sluice.checkPlatform" -}}
{{- $platform := .Values.platform }}
{{- if ne $platform "generic" }}
{{- if ne .Values.injection.guard "notEnforced" }}
{{- fail (printf "On %s no init container gets NET_ADMIN, so the egress guard cannot be installed and an agent could go around the router. Use nodes where it can, or accept that with injection.guard=notEnforced: each pod then says sluice.dev/enforcement: not-enforced." $platform) }}
{{- end }}
{{- if eq .Values.seccomp.mode "installer" }}
{{- fail (printf "On %s no pod may mount the node's directories, so seccomp.mode=installer cannot work: use runtimeDefault." $platform) }}
{{- end }}
{{- if .Values.hostNetwork }}
{{- fail (printf "On %s no pod may use the node's network: unset hostNetwork." $platform) }}
{{- end }}
{{- end }}
{{- if and (eq .Values.certificates.mode "auto") (lt (int .Values.certificates.caDays) (mul 2 (int .Values.certificates.leafDays))) }}
{{- fail "certificates.caDays must be at least twice certificates.leafDays, or old and new CA cannot overlap." }}
{{- end }}
{{- if and (eq .Values.seccomp.mode "external") .Values.seccomp.profiles }}
{{- if not (and .Values.seccomp.profiles.agent .Values.seccomp.profiles.router) }}
{{- fail "seccomp.profiles must name agent and router." }}
{{- end }}
{{- end }}
{{- if and .Values.trust.files .Values.trust.existingConfigMap }}
{{- fail "Give trust.files or trust.existingConfigMap, not both: whose signatures count must stand in one place." }}
{{- end }}
{{- end }}
