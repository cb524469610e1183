{{/* Names, labels, and what a service is made of. Every helper but the first three takes a dict: root (the chart's
context), name (the service). */}}

{{- define "ralphext.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "ralphext.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- $name := include "ralphext.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Labels of what belongs to no service. */}}
{{- define "ralphext.labels" -}}
app.kubernetes.io/name: {{ include "ralphext.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* 52 is what a CronJob's name may have. */}}
{{- define "ralphext.resource" -}}
{{- $name := printf "%s-%s" (include "ralphext.fullname" .root) .name }}
{{- if gt (len $name) 52 }}
{{- printf "%s-%s" ($name | trunc 43) (sha256sum $name | trunc 8) }}
{{- else }}
{{- $name }}
{{- end }}
{{- end }}

{{/* What finds the pods of a service that the chart makes. */}}
{{- define "ralphext.selector" -}}
app.kubernetes.io/name: {{ include "ralphext.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{/* What finds every pod with ralphext in it: the chart's, and those of authors. */}}
{{- define "ralphext.pod.labels" -}}
ralphext/release: {{ .root.Release.Name }}
ralphext/service: {{ .name }}
{{- end }}

{{- define "ralphext.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "ralphext.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "ralphext.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The settings of a service, over the defaults; as YAML. */}}
{{- define "ralphext.settings" -}}
{{- $own := get .root.Values.services .name }}
{{- if not (hasKey .root.Values.services .name) }}
{{- fail (printf "there is no services.%s in the values; there are: %s" .name (keys .root.Values.services | sortAlpha | join ", ")) }}
{{- end }}
{{- $s := mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy (default dict $own)) }}
{{- include "ralphext.noSecrets" (dict "at" (printf "services.%s.redis" .name) "value" (dict "url" $s.redis.url)) }}
{{- if $s.extension.config }}
{{- if not $s.extension.image }}
{{- fail (printf "services.%s.extension.config is in no image: set services.%s.extension.image" .name .name) }}
{{- end }}
{{- if $s.config }}
{{- fail (printf "services.%s has two configurations: extension.config, and config (or defaults.config)" .name) }}
{{- end }}
{{- end }}
{{- $s | toYaml }}
{{- end }}

{{/* Not empty where the source, or one of its inputs, is of one of the kinds. Takes a dict: s, kinds. */}}
{{- define "ralphext.isOf" -}}
{{- $kinds := .kinds }}
{{- $source := get .s.config "source" | default dict }}
{{- range $input := append (values (get $source "inputs" | default dict)) $source }}
{{- if has (get $input "kind") $kinds }}
{{- get $input "kind" }}
{{- end }}
{{- end }}
{{- end }}

{{/* What the values say of the Redis, as ralphext's configuration has it. Takes a dict: s. */}}
{{- define "ralphext.redis" -}}
{{- $redis := dict }}
{{- with .s.redis }}
{{- with .url }}
{{- $_ := set $redis "url" . }}
{{- end }}
{{- with .username }}
{{- $_ := set $redis "username" . }}
{{- end }}
{{- if .secret.name }}
{{- $_ := set $redis "password_file" (printf "/run/secrets/redis/%s" .secret.key) }}
{{- end }}
{{- if .tls.secret }}
{{- $tls := dict }}
{{- range $key := list "ca" "cert" "key" }}
{{- with get $.s.redis.tls $key }}
{{- $_ := set $tls $key (printf "/run/secrets/redis-tls/%s" .) }}
{{- end }}
{{- end }}
{{- $_ := set $redis "tls" $tls }}
{{- end }}
{{- end }}
{{- toYaml $redis }}
{{- end }}

{{/* The configuration of a service, as JSON: what is in the values, and what the chart knows. */}}
{{- define "ralphext.config" -}}
{{- $s := include "ralphext.settings" . | fromYaml }}
{{- $config := $s.config }}
{{- include "ralphext.noSecrets" (dict "at" (printf "services.%s.config" .name) "value" $config) }}
{{- $_ := set $config "service" (merge (dict "name" .name) (get $config "service" | default dict)) }}
{{- $redis := get $config "redis" | default dict }}
{{- $redis = mergeOverwrite $redis (include "ralphext.redis" (dict "s" $s) | fromYaml) }}
{{- if not (get $redis "url") }}
{{- fail (printf "services.%s has no Redis: set defaults.redis.url, or services.%s.redis.url" .name .name) }}
{{- end }}
{{- if not (get $redis "username") }}
{{- $_ := set $redis "username" (printf "ralphext-%s" .name) }}
{{- end }}
{{- $_ := set $config "redis" $redis }}
{{- $admin := get $config "admin" | default dict }}
{{- if not (get $admin "listen") }}
{{- $_ := set $config "admin" (merge (dict "listen" (printf "0.0.0.0:%d" (int $s.port))) $admin) }}
{{- end }}
{{- $source := get $config "source" | default dict }}
{{- $isSpooled := or (get $source "inputs") (include "ralphext.isOf" (dict "s" $s "kinds" (list "stream" "push"))) }}
{{- if and (eq $s.mode "StatefulSet") $isSpooled (not (get $source "spool")) }}
{{- $_ := set $source "spool" $s.storage.mountPath }}
{{- end }}
{{- $config | toPrettyJson }}
{{- end }}

{{/* Fails where a value, at any depth, is a secret and no reference to one. Takes a dict: at, value. */}}
{{- define "ralphext.noSecrets" -}}
{{- $at := .at }}
{{- $hint := "put it into a Secret, and name that: redis.secret, secrets (then ..._file), or env with valueFrom (then ${VAR})" }}
{{- range $key, $value := .value }}
{{- $path := printf "%s.%v" $at $key }}
{{- if or (kindIs "map" $value) (kindIs "slice" $value) }}
{{- include "ralphext.noSecrets" (dict "at" $path "value" $value) }}
{{- else if kindIs "string" $value }}
{{- $isReference := contains "${" $value }}
{{- if and (not $isReference) $value (regexMatch "(?i)(password|passwd|secret|token|authorization|cookie|api[-_]?key)$" (toString $key)) }}
{{- fail (printf "%s is a secret in the values: %s" $path $hint) }}
{{- end }}
{{- if and (not $isReference) (regexMatch "://[^/@:]*:[^/@]+@" $value) }}
{{- fail (printf "%s has a password in its address: %s" $path $hint) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
