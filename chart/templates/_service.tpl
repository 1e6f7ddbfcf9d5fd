{{/* All of a service: (dict "root" $ "key" KEY). Nothing where it is not enabled. */}}
{{- define "cinemaabyss.service" -}}
{{- $values := get .root.Values .key }}
{{- if $values.enabled }}
{{- $about := get (include "cinemaabyss.services" . | fromYaml) .key }}
{{- $this := dict "root" .root "name" $about.name "values" $values "user" 65532 }}
{{- include "cinemaabyss.account" $this }}
---
apiVersion: v1
kind: Service
metadata: {{- include "cinemaabyss.metadata" $this | nindent 2 }}
spec:
  selector: { app.kubernetes.io/name: {{ $about.name }} }
  ports:
    - { name: http, port: {{ $values.port }}, targetPort: http, appProtocol: http }
---
apiVersion: apps/v1
kind: Deployment
metadata: {{- include "cinemaabyss.metadata" $this | nindent 2 }}
spec:
  {{- if not $values.autoscaling.enabled }}
  replicas: {{ $values.replicas }}
  {{- end }}
  selector: { matchLabels: { app.kubernetes.io/name: {{ $about.name }} } }
  strategy:
    rollingUpdate: { maxSurge: 1, maxUnavailable: 0 }
  template:
    metadata:
      labels:
        app.kubernetes.io/name: {{ $about.name }}
        app.kubernetes.io/part-of: cinemaabyss
        app.kubernetes.io/version: {{ $values.image.tag | default .root.Values.images.tag | default .root.Chart.AppVersion | quote }}
      annotations:
        # Variables are read at the start: other settings, other pods.
        checksum/config: {{ include (print .root.Template.BasePath "/config.yaml") .root | sha256sum | trunc 16 }}
        {{- with .root.Values.pods.annotations }}{{ toYaml . | nindent 8 }}{{ end }}
    spec:
      {{- include "cinemaabyss.pod" $this | nindent 6 }}
      # The pause of preStop, what the service takes to finish its requests, and some seconds to spare.
      terminationGracePeriodSeconds: {{ add $values.preStopSeconds 25 }}
      {{- include "cinemaabyss.placement" $this | nindent 6 }}
      containers:
        - name: {{ $about.name }}
          image: {{ include "cinemaabyss.image" (dict "root" .root "name" $about.name "image" $values.image) }}
          imagePullPolicy: {{ .root.Values.images.pullPolicy }}
          {{- include "cinemaabyss.confined" . | nindent 10 }}
          envFrom:
            - configMapRef: { name: cinemaabyss-config }
          env:
            - { name: PORT, value: {{ $values.port | quote }} }
            {{- if $about.database }}
            - name: DB_PASSWORD
              valueFrom: { secretKeyRef: { name: {{ include "cinemaabyss.secret" .root }}, key: DB_PASSWORD } }
            {{- end }}
            {{- with include "cinemaabyss.extraEnv" $values.env | trim }}{{ . | nindent 12 }}{{ end }}
          ports:
            - { name: http, containerPort: {{ $values.port }} }
          # Well is who serves: while the database or Kafka is away it answers 503, and a restart would not bring them back.
          startupProbe:
            httpGet: { path: {{ $about.health }}, port: http }
            periodSeconds: 1
            failureThreshold: 60
          readinessProbe:
            httpGet: { path: {{ $about.health }}, port: http }
            periodSeconds: 5
          livenessProbe:
            httpGet: { path: {{ $about.health }}, port: http }
            periodSeconds: 10
            timeoutSeconds: 3
          lifecycle:
            preStop: { sleep: { seconds: {{ $values.preStopSeconds }} } }
          resources: {{- toYaml $values.resources | nindent 12 }}
{{- include "cinemaabyss.elastic" $this }}
{{- end }}
{{- end }}
