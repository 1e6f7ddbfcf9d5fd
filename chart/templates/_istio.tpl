{{/*
How the routes file names an upstream: its URL; in the mesh with `host: upstream` too. A sidecar picks the destination, and with it
the circuit breaker and mTLS, by the Host header: the client's own would lead past both.
*/}}
{{- define "cinemaabyss.upstream" -}}
{{- $url := include "cinemaabyss.url" . -}}
{{- if .root.Values.istio.enabled }}{ url: {{ $url | quote }}, host: upstream }{{ else }}{{ $url }}{{ end }}
{{- end }}

{{/* The full name of a Service: a short one means another in another namespace. */}}
{{- define "cinemaabyss.host" -}}
{{ .name }}.{{ .root.Release.Namespace }}.svc.cluster.local
{{- end }}

{{/* The load test of the circuit breaker, a Job's spec. */}}
{{- define "cinemaabyss.fortio" -}}
{{- $v := .root.Values -}}
{{- $url := printf "http://movies-service:%v/api/movies" $v.movies.port -}}
backoffLimit: 0
template:
  metadata:
    labels:
      app.kubernetes.io/name: fortio
      app.kubernetes.io/part-of: cinemaabyss
    annotations:
      sidecar.istio.io/nativeSidecar: "true"
      # A sidecar keeps few of Envoy's counters: those of the clusters, which the breaker's are among, are asked for.
      proxy.istio.io/config: |
        proxyStatsMatcher: { inclusionPrefixes: ["cluster.outbound"] }
  spec:
    {{- include "cinemaabyss.pod" (dict "root" .root "name" "fortio" "user" 65532) | nindent 4 }}
    restartPolicy: Never
    # One after the other, both behind the pod's sidecar, which Kubernetes starts before and ends after them: first the load,
    # whose table is the log of `load`, then the sidecar's own counters, the log of `counters`.
    initContainers:
      - name: load
        image: {{ $v.istio.fortio.image.repository }}:{{ $v.istio.fortio.image.tag }}
        args: [load, -c, "50", -qps, "0", -n, "500", -loglevel, Warning, {{ $url | quote }}]
        {{- include "cinemaabyss.confined" . | nindent 8 }}
        resources: { requests: { cpu: 100m, memory: 32Mi }, limits: { memory: 128Mi } }
    containers:
      - name: counters
        image: {{ $v.istio.fortio.image.repository }}:{{ $v.istio.fortio.image.tag }}
        args: [curl, -loglevel, Warning, "http://localhost:15000/stats?filter=movies-service.*(pending|cx_overflow|ejections)"]
        {{- include "cinemaabyss.confined" . | nindent 8 }}
        resources: { requests: { cpu: 100m, memory: 32Mi }, limits: { memory: 128Mi } }
{{- end }}
