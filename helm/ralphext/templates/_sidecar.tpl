{{/* For a chart of your own that has this one as a dependency: ralphext as a native sidecar of your pod. Each takes a dict:
context (this chart's: .Subcharts.ralphext), service (its name, as in the values). docs/kubernetes.md shows how. */}}

{{/* What the others need. */}}
{{- define "ralphext.sidecar.of" -}}
{{- $s := include "ralphext.settings" (dict "root" .context "name" .service) | fromYaml }}
{{- if ne $s.mode "Sidecar" }}
{{- fail (printf "services.%s has mode %s: set mode: Sidecar to have it in a pod of your own" .service $s.mode) }}
{{- end }}
{{- toYaml $s }}
{{- end }}

{{/* Items of `initContainers`: the check, and the sidecar, which starts before your containers and ends after them. */}}
{{- define "ralphext.sidecar" -}}
{{- $s := include "ralphext.sidecar.of" . | fromYaml }}
{{- $pod := dict "root" .context "name" .service "s" $s "prefix" (printf "ralphext-%s-" .service) }}
{{- include "ralphext.initContainers" $pod }}
- name: {{ printf "ralphext-%s" .service | trunc 63 | trimSuffix "-" }}
  restartPolicy: Always
  args: [run]
  {{- include "ralphext.probes" $pod | nindent 2 }}
  {{- include "ralphext.container" $pod | nindent 2 }}
{{- end }}

{{/* Items of `volumes`. A source of the kind `push` has its socket in `ralphext-<service>-run`, for you to mount. */}}
{{- define "ralphext.sidecar.volumes" -}}
{{- $s := include "ralphext.sidecar.of" . | fromYaml }}
{{- include "ralphext.volumes" (dict "root" .context "name" .service "s" $s "prefix" (printf "ralphext-%s-" .service)) }}
{{- end }}

{{/* Labels of the pod, by which it is scraped. */}}
{{- define "ralphext.sidecar.labels" -}}
{{- include "ralphext.pod.labels" (dict "root" .context "name" .service) }}
{{- end }}

{{- define "ralphext.sidecar.config" -}}
{{- $s := include "ralphext.sidecar.of" . | fromYaml }}
{{- if not $s.extension.config }}
{{- include "ralphext.config" (dict "root" .context "name" .service) }}
{{- end }}
{{- end }}

{{/* Annotations of the pod: another configuration makes another pod. */}}
{{- define "ralphext.sidecar.annotations" -}}
{{- $s := include "ralphext.sidecar.of" . | fromYaml }}
checksum/ralphext-{{ .service | trunc 54 }}: {{ $s.extension.config | default (include "ralphext.sidecar.config" .) | sha256sum }}
{{- end }}
