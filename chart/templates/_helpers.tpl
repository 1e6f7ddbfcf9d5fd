{{/* What several manifests share. Names are the contract's and not the release's: one system in a namespace. */}}

{{/* The services by their key in the values: their name, what is asked whether they are well, what they need. */}}
{{- define "cinemaabyss.services" -}}
monolith: { name: monolith, health: /health, database: true }
movies: { name: movies-service, health: /api/movies/health, database: true }
events: { name: events-service, health: /api/events/health, kafka: true }
users: { name: users-service, health: /health, database: true }
payments: { name: payments-service, health: /health, database: true }
{{- end }}

{{/* metadata of (dict "root" $ "name" NAME ["of" COMPONENT]): the name, the namespace, the labels. */}}
{{- define "cinemaabyss.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  app.kubernetes.io/name: {{ .of | default .name }}
  app.kubernetes.io/part-of: cinemaabyss
{{- end }}

{{/* image of (dict "root" $ "name" NAME "image" VALUES): the program's own, unless the values name another. */}}
{{- define "cinemaabyss.image" -}}
{{- $images := .root.Values.images -}}
{{ .image.repository | default (printf "%s/%s" $images.repository .name) }}:{{ .image.tag | default $images.tag | default .root.Chart.AppVersion }}
{{- end }}

{{/* Where the gateway finds a service: (dict "root" $ "key" KEY). */}}
{{- define "cinemaabyss.url" -}}
{{- $service := get .root.Values .key -}}
{{- $name := (get (include "cinemaabyss.services" . | fromYaml) .key).name -}}
{{- if and (not $service.enabled) (not $service.url) -}}{{ fail (printf "%s.url must say where it is, since %s.enabled is false" .key .key) }}{{- end -}}
{{ $service.url | default (printf "http://%s:%v" $name $service.port) }}
{{- end }}

{{/* true where the gateway has the upstream: always the first three, the later ones where they are extracted. */}}
{{- define "cinemaabyss.routed" -}}
{{- $service := get .root.Values .key -}}
{{- if or $service.enabled $service.url (has .key (list "monolith" "movies" "events")) }}true{{ end }}
{{- end }}

{{- define "cinemaabyss.secret" -}}
{{ .Values.secrets.existing | default "cinemaabyss-secrets" }}
{{- end }}

{{/* The first fields of a pod's spec: (dict "root" $ "name" NAME "user" UID). Nothing here may do more than its work. */}}
{{- define "cinemaabyss.pod" -}}
serviceAccountName: {{ .name }}
automountServiceAccountToken: false
# A variable for each Service of the namespace would be read as settings: KAFKA_PORT, by Kafka.
enableServiceLinks: false
{{- with .root.Values.images.pullSecret.name }}
imagePullSecrets: [{ name: {{ . }} }]
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  fsGroup: {{ .user }}
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "cinemaabyss.confined" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{- define "cinemaabyss.placement" -}}
{{- $pods := .root.Values.pods -}}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: { matchLabels: { app.kubernetes.io/name: {{ $.name }} } }
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- with $pods.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pods.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pods.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "cinemaabyss.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata: {{- include "cinemaabyss.metadata" . | nindent 2 }}
automountServiceAccountToken: false
{{- end }}

{{/* PodDisruptionBudget and HorizontalPodAutoscaler of a Deployment: (dict "root" $ "name" NAME "values" VALUES ["track" TRACK]). */}}
{{- define "cinemaabyss.elastic" -}}
{{- if .root.Values.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{- include "cinemaabyss.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  selector: { matchLabels: { app.kubernetes.io/name: {{ .name }} } }
{{- end }}
{{- with .values.autoscaling }}
{{- if .enabled }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{- include "cinemaabyss.metadata" $ | nindent 2 }}
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: {{ $.name }} }
  minReplicas: {{ .minReplicas }}
  maxReplicas: {{ .maxReplicas }}
  metrics:
    - type: Resource
      resource: { name: cpu, target: { type: Utilization, averageUtilization: {{ .cpuPercent }} } }
{{- end }}
{{- end }}
{{- end }}

{{- define "cinemaabyss.extraEnv" -}}
{{- range $name, $value := . }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end }}

{{/* A text as the lines of a block scalar, whose empty ones are empty. */}}
{{- define "cinemaabyss.block" -}}
{{- print "\n" (regexReplaceAllLiteral `(?m)^ +$` (. | trim | indent 4) "") }}
{{- end }}

{{/* Of a StatefulSet: a volume for each pod, or in its place one that goes with the pod. */}}
{{- define "cinemaabyss.storage" -}}
{{- if .enabled -}}
volumeClaimTemplates:
  - metadata: { name: data }
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .className }}
      storageClassName: {{ . }}
      {{- end }}
      resources: { requests: { storage: {{ .size }} } }
{{- end }}
{{- end }}

{{- define "cinemaabyss.noStorage" -}}
{{- if not .enabled -}}
- name: data
  emptyDir: {}
{{- end }}
{{- end }}
