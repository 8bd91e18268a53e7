{{- define "shipitclicker.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "shipitclicker.fullname" -}}
{{- $name := include "shipitclicker.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "shipitclicker.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "shipitclicker.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "shipitclicker.selectorLabels" -}}
app.kubernetes.io/name: {{ include "shipitclicker.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "shipitclicker.labels" -}}
{{ include "shipitclicker.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* An environment variable out of the ConfigMap; the argument is a list of the root context, name and key. */}}
{{- define "shipitclicker.configEnv" -}}
- name: {{ index . 1 }}
  valueFrom:
    configMapKeyRef:
      name: {{ (index . 0).Release.Name }}-configmap
      key: {{ index . 2 }}
{{- end -}}
