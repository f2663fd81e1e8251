{{- define "holdfast.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The name of the headless Service through which gateways reach each control plane. */}}
{{- define "holdfast.controlPlanes" -}}
{{ include "holdfast.fullname" . }}-control-planes
{{- end -}}

{{- define "holdfast.selector" -}}
app.kubernetes.io/name: holdfast
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "holdfast.labels" -}}
{{ include "holdfast.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "holdfast.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* Fields of a pod that are the same for both components: .root and .values. */}}
{{- define "holdfast.pod" -}}
serviceAccountName: {{ include "holdfast.fullname" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
# Time for the load balancer to notice, for requests in flight, and to end.
terminationGracePeriodSeconds: {{ add .root.Values.preStopSeconds .root.Values.drainSeconds 15 }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "holdfast.spread" -}}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "holdfast.selector" $ | nindent 8 }}
  {{- end }}
{{- end -}}

{{- define "holdfast.container" -}}
image: {{ include "holdfast.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
lifecycle:
  preStop:
    exec: { command: [sleep, {{ .Values.preStopSeconds | quote }}] }
{{- end -}}

{{/* Environment from a map of settings. */}}
{{- define "holdfast.settings" -}}
{{- range $name, $value := . }}
- { name: HOLDFAST_{{ $name }}, value: {{ $value | toString | quote }} }
{{- end }}
{{- end -}}

{{- define "holdfast.database" -}}
{{- $url := required "Set controlPlane.database to postgresql://USER@HOST/DATABASE." .Values.controlPlane.database -}}
{{- $url -}}
{{- if .Values.secrets.databaseCa -}}
{{- ternary "&" "?" (contains "?" $url) -}} sslrootcert=/database-ca/ca.crt
{{- end -}}
{{- end -}}

{{- define "holdfast.joinUrl" -}}
{{- if and .Values.secrets.tlsFromPublicCa (not .Values.gateway.joinUrl) -}}
{{- fail "Set gateway.joinUrl to the publisher's URL: with a certificate from a public CA, gateways can't join inside the cluster." -}}
{{- end -}}
{{- .Values.gateway.joinUrl | default (printf "https://%s:9443" (include "holdfast.controlPlanes" .)) -}}
{{- end -}}
