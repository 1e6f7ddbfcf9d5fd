{{/*
The routes file: the repository's own (files/routes.yaml is its copy) with its variables filled in. Its text is edited and not
its tree, so that whoever edits the ConfigMap finds order and comments. Weights become numbers: an edit of one moves traffic.
*/}}
{{- define "cinemaabyss.routes" -}}
{{- $v := .Values }}
{{- if $v.routesYaml }}
{{- tpl $v.routesYaml . }}
{{- else }}
{{- $text := .Files.Get "files/routes.yaml" }}
{{- $fill := dict
  "PORT" $v.gateway.port
  "ADMIN_LISTEN" (printf "0.0.0.0:%v" $v.gateway.adminPort)
  "ACCESS_LOG" $v.gateway.accessLog
  "MONOLITH_URL" (include "cinemaabyss.upstream" (dict "root" . "key" "monolith"))
  "MOVIES_SERVICE_URL" (include "cinemaabyss.upstream" (dict "root" . "key" "movies"))
  "EVENTS_SERVICE_URL" (include "cinemaabyss.upstream" (dict "root" . "key" "events"))
  "MOVIES_MIGRATION_PERCENT" $v.migration.moviesPercent
  "GRADUAL_MIGRATION" $v.migration.enabled }}
{{- range $name, $value := $fill }}
{{- $text = regexReplaceAllLiteral (printf `\$\{%s:-[^}]*\}` $name) $text (toString $value) }}
{{- end }}
{{- if contains "${" $text }}{{ fail "a variable of files/routes.yaml is not known to templates/_routes.tpl" }}{{ end }}
{{- $text = regexReplaceAllLiteral `^# yaml-language-server:[^\n]*\n#\n` $text "" }}
{{- $parts := dict "server" (regexFind `(?m)^  access_log:[^\n]*\n` $text) "upstreams" (regexFind `(?m)^  events:[^\n]*\n` $text) "rest" (regexFind `(?m)^  - name: everything else\n` $text) }}
{{- range $what, $line := $parts }}
{{- if not $line }}{{ fail (printf "files/routes.yaml has no longer the line that %s are added at" $what) }}{{ end }}
{{- end }}
{{- $text = replace $parts.server (printf "%s%s" $parts.server (include "cinemaabyss.routes.server" .)) $text }}
{{- $text = replace $parts.upstreams (printf "%s%s" $parts.upstreams (include "cinemaabyss.routes.upstreams" .)) $text }}
{{- replace $parts.rest (printf "%s%s" (include "cinemaabyss.routes.routes" .) $parts.rest) $text }}
{{- end }}
{{- end }}

{{- define "cinemaabyss.routes.server" -}}
{{- with .Values.gateway }}
{{- printf "  workers: %v\n" .workers }}
{{- printf "  drain: { delay: %vs, timeout: %vs }\n" .drain.delaySeconds .drain.timeoutSeconds }}
{{- with .trustedProxies }}{{ printf "  trusted_proxies: %s\n" (toJson .) }}{{ end }}
{{- end }}
{{- end }}

{{- define "cinemaabyss.routes.upstreams" -}}
{{- range $key := list "users" "payments" }}
{{- $about := dict "root" $ "key" $key }}
{{- if include "cinemaabyss.routed" $about }}{{ printf "  %s: %s\n" $key (include "cinemaabyss.upstream" $about) }}{{ end }}
{{- end }}
{{- with .Values.upstreams }}{{ printf "%s\n" (toYaml . | indent 2) }}{{ end }}
{{- end }}

{{- define "cinemaabyss.routes.routes" -}}
{{- range $key := list "users" "payments" }}
{{- if include "cinemaabyss.routed" (dict "root" $ "key" $key) -}}
{{ printf "  - name: %s\n" $key }}
{{- printf "    path: /api/%s\n" $key }}
{{- printf "    split:\n      %s: %v\n      monolith: rest\n" $key (get $.Values.migration (printf "%sPercent" $key)) }}
{{- printf "    writes: split # both sides share one store\n" }}
{{- printf "    enabled: %v # false: everything goes to `rest`\n" $.Values.migration.enabled }}
{{- printf "    sticky: [header x-user-id, cookie session]\n\n" }}
{{- end }}
{{- end }}
{{- with .Values.routes }}{{ printf "%s\n\n" (toYaml . | indent 2) }}{{ end }}
{{- end }}
