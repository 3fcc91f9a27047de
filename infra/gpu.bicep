// The worker: Functions in a container with one GPU for each replica. Its scale rule follows from its trigger; a kind of functionapp takes no other.

param location string
param token string
param tags object
param appTags object
param identity string
param registry string
param workspace string
param image string
param gpu string
param replicasMin int
param replicasMax int
param settings object
param subnet string

// A replica gets all of a GPU machine or nothing.
var machine = gpu == 'T4'
  ? { profile: 'Consumption-GPU-NC8as-T4', cpu: 8, memory: '56Gi' }
  : { profile: 'Consumption-GPU-NC24-A100', cpu: 24, memory: '220Gi' }

resource logs 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = { name: workspace }

resource environment 'Microsoft.App/managedEnvironments@2025-07-01' = {
  name: 'cae-${token}'
  location: location
  tags: tags
  properties: {
    // Through a diagnostic setting: the other way needs the workspace's key.
    appLogsConfiguration: { destination: 'azure-monitor' }
    vnetConfiguration: empty(subnet) ? null : { infrastructureSubnetId: subnet, internal: true }
    // A serverless GPU profile takes no counts.
    workloadProfiles: [
      { name: 'Consumption', workloadProfileType: 'Consumption' }
      { name: 'gpu', workloadProfileType: machine.profile }
    ]
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: environment
  name: 'logs'
  properties: { workspaceId: logs.id, logs: [{ categoryGroup: 'allLogs', enabled: true }] }
}

resource app 'Microsoft.App/containerApps@2025-07-01' = {
  name: 'ca-gpu-${token}'
  location: location
  tags: appTags
  kind: 'functionapp'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identity}': {} } }
  properties: {
    environmentId: environment.id
    workloadProfileName: 'gpu'
    configuration: {
      activeRevisionsMode: 'Single'
      ingress: { external: false, allowInsecure: false, targetPort: 8080, transport: 'auto' }
      registries: [{ server: registry, identity: identity }]
    }
    template: {
      containers: [
        {
          name: 'gpu'
          image: empty(image) ? 'mcr.microsoft.com/k8se/quickstart-functions:latest' : image
          resources: { cpu: machine.cpu, memory: machine.memory }
          // The image that stands in before the first deployment listens where ours does only when it is told.
          env: map(items(union(settings, { ASPNETCORE_URLS: 'http://+:8080' })), setting => { name: setting.key, value: string(setting.value) })
          volumeMounts: [{ volumeName: 'weights', mountPath: '/weights' }]
          // A replica may take minutes to fetch and load its networks; it is not restarted for that, only kept out of rotation.
          probes: empty(image)
            ? []
            : [
                { type: 'Liveness', httpGet: { path: '/healthz', port: 8080 }, initialDelaySeconds: 30, periodSeconds: 30, failureThreshold: 5 }
                { type: 'Readiness', httpGet: { path: '/readyz', port: 8080 }, periodSeconds: 10, failureThreshold: 3 }
              ]
        }
      ]
      // No rules: the platform derives them from the triggers and refuses others.
      scale: { minReplicas: replicasMin, maxReplicas: replicasMax }
      // The host ends its worker after five seconds and itself after ten or so more.
      terminationGracePeriodSeconds: 30
      volumes: [{ name: 'weights', storageType: 'EmptyDir' }]
    }
  }
}

output name string = app.name
