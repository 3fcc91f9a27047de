// Every right of every identity, in one table. Nothing else in this folder grants anything.

param orchestratorId string
param gpuId string
param operatorId string
param hostStorage string
param dataStorage string
param bus string
param scheduler string
param registry string
param insights string
param vault string
param durable string
param queue string

var roles = {
  blobOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  blobContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  blobReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  queueContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  tableContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  busSender: '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'
  busOwner: '090c5cfd-751d-490a-894a-3ce6f1109419'
  durable: '0ad04412-c4d5-4796-b79c-f76d14c8d402'
  metrics: '3913510d-42f4-4e42-8a64-420c390055eb'
  pull: '7f951dda-4ed3-4680-a7ca-43fe172d538d'
  secretReader: '4633458b-17de-408a-b874-0445c86b69e6'
  secretOfficer: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
}

var apps = [orchestratorId, gpuId]

resource host 'Microsoft.Storage/storageAccounts@2024-01-01' existing = { name: hostStorage }

resource data 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: dataStorage

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource sana 'containers' existing = { name: 'sana' }
    resource inbox 'containers' existing = { name: 'inbox' }
    resource weights 'containers' existing = { name: 'weights' }
  }
}

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: bus

  resource jobs 'queues' existing = { name: 'sana-jobs' }
}

resource journal 'Microsoft.DurableTask/schedulers@2025-11-01' existing = if (!empty(scheduler)) {
  name: scheduler

  resource hub 'taskHubs' existing = { name: 'sana' }
}

resource images 'Microsoft.ContainerRegistry/registries@2025-04-01' existing = { name: registry }
resource telemetry 'Microsoft.Insights/components@2020-02-02' existing = { name: insights }
resource keys 'Microsoft.KeyVault/vaults@2023-07-01' existing = if (!empty(vault)) { name: vault }

// The Functions host: packages, leases, keys of the API.
resource hostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for app in apps: {
  scope: host
  name: guid(host.id, app, roles.blobOwner)
  properties: { principalId: app, principalType: 'ServicePrincipal', roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobOwner) }
}]

// Queues of the host's account carry the journal or the jobs, when they are not the scheduler's and the bus's.
resource hostQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for app in apps: if (durable == 'storage' || queue == 'storage') {
  scope: host
  name: guid(host.id, app, roles.queueContributor)
  properties: { principalId: app, principalType: 'ServicePrincipal', roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.queueContributor) }
}]

resource hostTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for app in apps: if (durable == 'storage') {
  scope: host
  name: guid(host.id, app, roles.tableContributor)
  properties: { principalId: app, principalType: 'ServicePrincipal', roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.tableContributor) }
}]

// Plans, images, results.
resource outputs 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for app in apps: {
  scope: data::blobs::sana
  name: guid(data::blobs::sana.id, app, roles.blobContributor)
  properties: { principalId: app, principalType: 'ServicePrincipal', roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobContributor) }
}]

resource source 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: data::blobs::inbox
  name: guid(data::blobs::inbox.id, orchestratorId, roles.blobReader)
  properties: { principalId: orchestratorId, principalType: 'ServicePrincipal', roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobReader) }
}

// Sana's for the gpu app; CLIP's and captioners' for the orchestrator.
resource networks 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for app in apps: {
  scope: data::blobs::weights
  name: guid(data::blobs::weights.id, app, roles.blobReader)
  properties: { principalId: app, principalType: 'ServicePrincipal', roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobReader) }
}]

resource captionerKeys 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(vault)) {
  scope: keys
  name: guid(keys.id, orchestratorId, roles.secretReader)
  properties: { principalId: orchestratorId, principalType: 'ServicePrincipal', roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.secretReader) }
}

// Puts the keys there.
resource keyKeeper 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(vault) && !empty(operatorId)) {
  scope: keys
  name: guid(keys.id, operatorId, roles.secretOfficer)
  properties: { principalId: operatorId, roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.secretOfficer) }
}

resource send 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (queue == 'servicebus') {
  scope: namespace::jobs
  name: guid(namespace::jobs.id, orchestratorId, roles.busSender)
  properties: { principalId: orchestratorId, principalType: 'ServicePrincipal', roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.busSender) }
}

// Owner, of this one queue: it takes messages, sends delayed copies, and its scaler reads the length, which neither receiver nor sender may.
resource receive 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (queue == 'servicebus') {
  scope: namespace::jobs
  name: guid(namespace::jobs.id, gpuId, roles.busOwner)
  properties: { principalId: gpuId, principalType: 'ServicePrincipal', roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.busOwner) }
}

// The gpu app raises completion events and asks whether anybody still waits.
resource orchestrations 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for app in apps: if (durable == 'scheduler') {
  scope: journal::hub
  name: guid(resourceGroup().id, scheduler, app, roles.durable)
  properties: { principalId: app, principalType: 'ServicePrincipal', roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.durable) }
}]

resource publish 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for app in apps: {
  scope: telemetry
  name: guid(telemetry.id, app, roles.metrics)
  properties: { principalId: app, principalType: 'ServicePrincipal', roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.metrics) }
}]

resource pull 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: images
  name: guid(images.id, gpuId, roles.pull)
  properties: { principalId: gpuId, principalType: 'ServicePrincipal', roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.pull) }
}

// Uploads weights and sources, reads outputs.
resource operator 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorId)) {
  scope: data
  name: guid(data.id, operatorId, roles.blobContributor)
  properties: { principalId: operatorId, roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobContributor) }
}
