{{/* A Deployment of the gateway: (dict "root" $ "name" NAME "track" TRACK "tag" TAG "replicas" REPLICAS or 0 for the autoscaler's). */}}
{{- define "cinemaabyss.gateway" -}}
{{- $v := .root.Values.gateway }}
apiVersion: apps/v1
kind: Deployment
metadata: {{- include "cinemaabyss.metadata" (dict "root" .root "name" .name "of" "proxy-service") | nindent 2 }}
spec:
  {{- if .replicas }}
  replicas: {{ .replicas }}
  {{- end }}
  selector: { matchLabels: { app.kubernetes.io/name: proxy-service, track: {{ .track }} } }
  strategy:
    rollingUpdate: { maxSurge: 1, maxUnavailable: 0 }
  template:
    metadata:
      labels:
        app.kubernetes.io/name: proxy-service
        app.kubernetes.io/part-of: cinemaabyss
        app.kubernetes.io/version: {{ .tag | quote }}
        track: {{ .track }}
      annotations:
        # `server:` of the routes file is read at the start alone; all the rest of it reaches a running gateway.
        checksum/server: {{ get (include "cinemaabyss.routes" .root | fromYaml) "server" | toJson | sha256sum | trunc 16 }}
        {{- with .root.Values.pods.annotations }}{{ toYaml . | nindent 8 }}{{ end }}
    spec:
      {{- include "cinemaabyss.pod" (dict "root" .root "name" "proxy-service" "user" 65532) | nindent 6 }}
      # preStop, then drain.delay, then drain.timeout, and some seconds to spare.
      terminationGracePeriodSeconds: {{ add $v.preStopSeconds $v.drain.delaySeconds $v.drain.timeoutSeconds 5 }}
      {{- include "cinemaabyss.placement" (dict "root" .root "name" "proxy-service") | nindent 6 }}
      containers:
        - name: proxy-service
          image: {{ include "cinemaabyss.image" (dict "root" .root "name" "proxy-service" "image" (dict "repository" $v.image.repository "tag" .tag)) }}
          imagePullPolicy: {{ .root.Values.images.pullPolicy }}
          args: [run]
          {{- include "cinemaabyss.confined" . | nindent 10 }}
          env:
            - { name: ROUTES_FILE, value: /etc/gateway/routes.yaml }
            # For `/program health`; where it listens is said by the routes file.
            - { name: ADMIN_LISTEN, value: "127.0.0.1:{{ $v.adminPort }}" }
            - { name: LOG_FORMAT, value: json }
            {{- with include "cinemaabyss.extraEnv" $v.env | trim }}{{ . | nindent 12 }}{{ end }}
          ports:
            - { name: http, containerPort: {{ $v.port }} }
            - { name: admin, containerPort: {{ $v.adminPort }} }
          # On the admin listener: /health of the public port is a route like any other, these say whether the gateway serves and drains.
          startupProbe:
            httpGet: { path: /readyz, port: admin }
            periodSeconds: 1
            failureThreshold: 30
          readinessProbe:
            httpGet: { path: /readyz, port: admin }
            periodSeconds: 2
            failureThreshold: 2
          livenessProbe:
            httpGet: { path: /healthz, port: admin }
            periodSeconds: 10
            timeoutSeconds: 3
          lifecycle:
            # The endpoint lists of the cluster lose a pod while it already ends: until they have, it takes what they send.
            preStop: { sleep: { seconds: {{ $v.preStopSeconds }} } }
          resources: {{- toYaml $v.resources | nindent 12 }}
          volumeMounts:
            # The folder and no subPath, which would never change.
            - { name: routes, mountPath: /etc/gateway, readOnly: true }
      volumes:
        - name: routes
          configMap: { name: cinemaabyss-routes }
{{- end }}

{{- define "cinemaabyss.gateway.service" -}}
apiVersion: v1
kind: Service
metadata: {{- include "cinemaabyss.metadata" (dict "root" .root "name" .name "of" "proxy-service") | nindent 2 }}
spec:
  selector: { app.kubernetes.io/name: proxy-service, track: {{ .track }} }
  ports:
    - { name: http, port: 80, targetPort: http, appProtocol: http }
{{- end }}
