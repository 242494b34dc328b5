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
{{- if eq (int .Values.ports.webhook) (int .Values.ports.admin) }}
{{- fail (printf "ports.webhook and ports.admin are both %d: the controller listens on each of them." (int .Values.ports.admin)) }}
{{- end }}
{{- range $label, $_ := .Values.commonLabels }}
{{- if regexMatch "^(app[.]kubernetes[.]io/(name|instance|version|component|managed-by)|helm[.]sh/chart)$" $label }}
{{- fail (printf "commonLabels: %s is the chart's own label, by which its objects find each other: leave it out." $label) }}
{{- end }}
{{- end }}
{{- include "sluice.checkTokens" . }}
{{- include "sluice.checkResources" (list "resources" .Values.resources) }}
{{- include "sluice.checkResources" (list "seccomp.installer.resources" .Values.seccomp.installer.resources) }}
{{- include "sluice.checkResources" (list "injection.initResources" .Values.injection.initResources 64) }}
{{- include "sluice.checkResources" (list "injection.resources" .Values.injection.resources 112) }}
{{- if and .Values.trust.files .Values.trust.existingConfigMap }}
{{- fail "Give trust.files or trust.existingConfigMap, not both: whose signatures count must stand in one place." }}
{{- end }}
{{- end }}

{{- /* injection.tokens, as the controller has it, and no two at one place: no kubelet makes such a volume. */}}
{{- define "sluice.checkTokens" -}}
{{- $seen := list }}
{{- range $index, $token := .Values.injection.tokens }}
{{- $path := $token.path }}
{{- if regexMatch "^/|(^|/)[.]{1,2}(/|$)|//|/$|^kubernetes(/|$)" $path }}
{{- fail (printf "injection.tokens[%d].path is %q: it must be relative, without \".\", \"..\" and empty parts, and not below kubernetes/, where the router's own token is." $index $path) }}
{{- end }}
{{- range $other := $seen }}
{{- if or (eq $path $other) (hasPrefix (printf "%s/" $other) $path) (hasPrefix (printf "%s/" $path) $other) }}
{{- fail (printf "injection.tokens[%d].path is %q, and another token is at %q: each needs a file of its own." $index $path $other) }}
{{- end }}
{{- end }}
{{- $seen = append $seen $path }}
{{- end }}
{{- end }}

{{- /* Call with (list name resources) or (list name resources MiB): the least memory that what runs there starts with. */}}
{{- define "sluice.checkResources" -}}
{{- $name := index . 0 }}{{ $resources := index . 1 | default dict }}
{{- $limits := $resources.limits | default dict }}
{{- range $key, $request := $resources.requests | default dict }}
{{- if hasKey $limits $key }}
{{- $limit := index $limits $key }}
{{- if gt (include "sluice.quantity" $request | float64) (include "sluice.quantity" $limit | float64) }}
{{- fail (printf "%s.requests.%s is %v, more than its limit, %v: no such pod can be made." $name $key $request $limit) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and (eq (len .) 3) (hasKey $limits "memory") }}
{{- if lt (include "sluice.quantity" $limits.memory | float64) (mulf (index . 2) 1048576) }}
{{- fail (printf "%s.limits.memory is %v: below %dMi its containers are killed before they work." $name $limits.memory (index . 2)) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* A Kubernetes quantity as a plain number. */}}
{{- define "sluice.quantity" -}}
{{- $units := dict "" 1 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 }}
{{- if kindIs "string" . }}
{{- printf "%f" (mulf (regexFind "^[0-9.]+" . | float64) (index $units (regexFind "[A-Za-z]*$" .) | float64)) }}
{{- else }}
{{- printf "%f" (float64 .) }}
{{- end }}
{{- end }}
