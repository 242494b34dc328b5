{{- /* One release a cluster: the names of webhooks and policies are fixed, so the others do not carry the release's name. */}}
{{- define "sluice.name" -}}
{{ .Values.nameOverride | default "sluice" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "sluice.fullname" -}}
{{ .Values.fullnameOverride | default "sluice-controller" | trunc 53 | trimSuffix "-" }}
{{- end }}

{{- define "sluice.serviceAccountName" -}}
{{ .Values.serviceAccount.name | default "sluice-controller" }}
{{- end }}

{{- define "sluice.chart" -}}
{{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "sluice.labels" -}}
helm.sh/chart: {{ include "sluice.chart" . }}
app.kubernetes.io/name: {{ include "sluice.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "sluice.controllerSelector" -}}
app.kubernetes.io/name: {{ include "sluice.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "sluice.installerSelector" -}}
app.kubernetes.io/name: {{ include "sluice.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: seccomp-installer
{{- end }}

{{- /* An image by digest, else by tag. Call with (list image root). */}}
{{- define "sluice.image" -}}
{{- $image := index . 0 }}{{ $root := index . 1 -}}
{{- if $image.digest -}}
{{ printf "%s@%s" $image.repository $image.digest }}
{{- else -}}
{{ printf "%s:%s" $image.repository ($image.tag | default $root.Chart.AppVersion) }}
{{- end -}}
{{- end }}

{{- define "sluice.routerImage" -}}
{{ include "sluice.image" (list .Values.image .) }}
{{- end }}

{{- define "sluice.guardImage" -}}
{{ include "sluice.image" (list .Values.guardImage .) }}
{{- end }}

{{- define "sluice.trustConfigMap" -}}
{{ .Values.trust.existingConfigMap | default (printf "%s-trust" (include "sluice.fullname" .)) }}
{{- end }}
