{{/* Containers and volumes. All take a dict: root, name, s (the settings), prefix (of the volumes' names; a pod of somebody
else's may have volumes called the same). */}}

{{/* Where ralphext's container has its files. */}}
{{- define "ralphext.mounts" -}}
{{- if not .s.extension.config }}
- {name: {{ .prefix }}config, mountPath: /etc/ralphext, readOnly: true}
{{- end }}
{{- if .s.redis.secret.name }}
- {name: {{ .prefix }}redis, mountPath: /run/secrets/redis, readOnly: true}
{{- end }}
{{- if .s.redis.tls.secret }}
- {name: {{ .prefix }}redis-tls, mountPath: /run/secrets/redis-tls, readOnly: true}
{{- end }}
{{- range $at, $secret := .s.secrets }}
- {name: {{ $.prefix }}secret-{{ $at }}, mountPath: /run/secrets/{{ $at }}, readOnly: true}
{{- end }}
{{- if .s.extension.image }}
- {name: {{ .prefix }}bin, mountPath: /opt/ralphext, readOnly: true}
- {name: {{ .prefix }}tmp, mountPath: /tmp}
{{- end }}
{{- if or .s.extension.config (include "ralphext.isOf" (dict "s" .s "kinds" (list "push"))) }}
- {name: {{ .prefix }}run, mountPath: /run/ralphext}
{{- end }}
{{- if eq .s.mode "StatefulSet" }}
- {name: spool, mountPath: {{ .s.storage.mountPath }}}
{{- end }}
{{- with .s.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Volumes, that of a StatefulSet left out. */}}
{{- define "ralphext.volumes" -}}
{{- /* In a pod without fsGroup our user can read a file only if everybody can. */}}
{{- $mode := ternary 0444 0440 (eq .s.mode "Sidecar") }}
{{- if not .s.extension.config }}
- name: {{ .prefix }}config
  configMap: {name: {{ include "ralphext.resource" . }}}
{{- end }}
{{- with .s.redis.secret }}
{{- if .name }}
- name: {{ $.prefix }}redis
  secret: {secretName: {{ .name }}, defaultMode: {{ $mode }}, items: [{key: {{ .key }}, path: {{ .key }}}]}
{{- end }}
{{- end }}
{{- with .s.redis.tls.secret }}
- name: {{ $.prefix }}redis-tls
  secret: {secretName: {{ . }}, defaultMode: {{ $mode }}}
{{- end }}
{{- range $at, $secret := .s.secrets }}
- name: {{ $.prefix }}secret-{{ $at }}
  secret: {secretName: {{ $secret }}, defaultMode: {{ $mode }}}
{{- end }}
{{- if .s.extension.image }}
- {name: {{ .prefix }}bin, emptyDir: {}}
- {name: {{ .prefix }}tmp, emptyDir: {}}
{{- end }}
{{- if or .s.extension.config (include "ralphext.isOf" (dict "s" .s "kinds" (list "push"))) }}
- {name: {{ .prefix }}run, emptyDir: {}}
{{- end }}
{{- with .s.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Image, environment, rights and files of a container that runs ralphext. */}}
{{- define "ralphext.container" -}}
{{- if .s.extension.image -}}
image: {{ .s.extension.image | quote }}
imagePullPolicy: {{ .s.extension.pullPolicy }}
command: [/opt/ralphext/ralphext]
{{- else -}}
image: {{ include "ralphext.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
{{- end }}
env:
  {{- if .s.extension.config }}
  - {name: RALPHEXT_CONFIG, value: {{ .s.extension.config | quote }}}
  - {name: RALPHEXT__SERVICE__NAME, value: {{ .name | quote }}}
  - {name: RALPHEXT__ADMIN__LISTEN, value: {{ printf "0.0.0.0:%d" (int .s.port) | quote }}}
  {{- range $key, $value := include "ralphext.redis" . | fromYaml }}
  {{- if kindIs "map" $value }}
  {{- range $part, $path := $value }}
  - {name: RALPHEXT__REDIS__{{ upper $key }}__{{ upper $part }}, value: {{ $path | quote }}}
  {{- end }}
  {{- else }}
  - {name: RALPHEXT__REDIS__{{ upper $key }}, value: {{ $value | quote }}}
  {{- end }}
  {{- end }}
  {{- else }}
  - {name: RALPHEXT_CONFIG, value: /etc/ralphext/ralphext.json}
  {{- end }}
  {{- include "ralphext.noSecrets" (dict "at" (printf "services.%s.env" .name) "value" (include "ralphext.literals" .s.env | fromYaml)) }}
  {{- with .s.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .s.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "ralphext.securityContext" . | nindent 2 }}
resources:
  {{- toYaml .s.resources | nindent 2 }}
volumeMounts:
  {{- include "ralphext.mounts" . | nindent 2 }}
{{- end }}

{{/* The variables of an environment that are written out, as a map. */}}
{{- define "ralphext.literals" -}}
{{- $found := dict }}
{{- range . }}
{{- if hasKey . "value" }}
{{- $_ := set $found .name .value }}
{{- end }}
{{- end }}
{{- toYaml $found }}
{{- end }}

{{/* Somebody else's pod may run as anybody: there the container itself says who it is. */}}
{{- define "ralphext.securityContext" -}}
{{- $context := deepCopy .s.securityContext }}
{{- if eq .s.mode "Sidecar" }}
{{- $context = merge $context (pick .s.podSecurityContext "runAsNonRoot" "runAsUser" "runAsGroup" "seccompProfile") }}
{{- end }}
{{- toYaml $context }}
{{- end }}

{{/* Before it runs: ralphext is put beside the extension, and the configuration is judged. */}}
{{- define "ralphext.initContainers" -}}
{{- $name := ternary (printf "ralphext-%s-" .name | trunc 50) "" (eq .s.mode "Sidecar") }}
{{- if .s.extension.image -}}
- name: {{ $name }}install
  image: {{ include "ralphext.image" .root | quote }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  args: [install, /opt/ralphext]
  securityContext:
    {{- include "ralphext.securityContext" . | nindent 4 }}
  resources:
    {{- toYaml .s.resources | nindent 4 }}
  volumeMounts:
    - {name: {{ .prefix }}bin, mountPath: /opt/ralphext}
{{ end -}}
- name: {{ $name }}check
  args: [check{{ if eq .s.mode "CronJob" }}, --schedule, {{ .s.schedule | quote }}{{ end }}]
  {{- include "ralphext.container" . | nindent 2 }}
{{- end }}

{{/* Port and probes of a `run`. A failing source or Redis touches neither probe. */}}
{{- define "ralphext.probes" -}}
{{- $port := ternary (printf "%s-admin" (.name | trunc 9 | trimSuffix "-")) "admin" (eq .s.mode "Sidecar") -}}
ports:
  - {name: {{ $port }}, containerPort: {{ .s.port }}}
{{- if eq .s.mode "Sidecar" }}
startupProbe:
  httpGet: {path: /livez, port: {{ $port }}}
  periodSeconds: 1
  failureThreshold: 60
{{- end }}
livenessProbe:
  httpGet: {path: /livez, port: {{ $port }}}
  periodSeconds: 10
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: {{ $port }}}
  periodSeconds: 10
{{- end }}

{{/* The template of a pod that the chart makes. */}}
{{- define "ralphext.pod" -}}
metadata:
  labels:
    {{- include "ralphext.selector" . | nindent 4 }}
    {{- if ne .s.mode "CronJob" }}
    {{- include "ralphext.pod.labels" . | nindent 4 }}
    {{- end }}
    {{- with .s.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: ralphext
    {{- if not .s.extension.config }}
    checksum/config: {{ include "ralphext.config" (dict "root" .root "name" .name) | sha256sum }}
    {{- end }}
    {{- with .s.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "ralphext.podSpec" . | nindent 2 }}
{{- end }}

{{/* What all pods of the chart have, and who they are. */}}
{{- define "ralphext.placement" -}}
serviceAccountName: {{ include "ralphext.serviceAccountName" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .s.podSecurityContext | nindent 2 }}
{{- with .s.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .s.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .s.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .s.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "ralphext.podSpec" -}}
{{- include "ralphext.placement" . }}
terminationGracePeriodSeconds: {{ .s.terminationGracePeriodSeconds }}
{{- if and .s.topologySpread (ne .s.mode "CronJob") }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "ralphext.selector" . | nindent 8 }}
{{- end }}
{{- if eq .s.mode "CronJob" }}
restartPolicy: Never
{{- end }}
initContainers:
  {{- include "ralphext.initContainers" . | nindent 2 }}
containers:
  - name: ralphext
    {{- if eq .s.mode "CronJob" }}
    args: [once, --output, json]
    {{- else }}
    args: [run]
    {{- include "ralphext.probes" . | nindent 4 }}
    {{- end }}
    {{- include "ralphext.container" . | nindent 4 }}
  {{- with .s.extraContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumes:
  {{- include "ralphext.volumes" . | nindent 2 }}
{{- end }}
